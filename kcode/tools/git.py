"""Run git."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field

from kcode import registry
from kcode.editing.encoding import readable
from kcode.tools._git_arguments import check, is_safe, named_paths, tidy
from kcode.types.environment import Environment, GitResult
from kcode.types.errors import ToolError
from kcode.types.messages import Repair
from kcode.types.tool import (
    Access,
    Invocation,
    NamedNeed,
    PathNeed,
    PrepareContext,
    Tool,
    ToolContext,
    ToolOutput,
    text_output,
)

CHARACTERS = 30_000
SECONDS = 60.0


class Git(BaseModel):
    """Arguments of Git."""

    command: Literal["status", "diff", "log", "show", "blame", "add", "commit", "branch", "restore"]
    args: list[str] = Field(default=[])


async def prepare(args: Git, context: PrepareContext) -> Invocation:
    """Look at the arguments."""
    command, arguments = args.command, tidy(args.command, args.args)
    check(command, arguments)
    safe = is_safe(command, arguments)
    root = context.environment.root
    words = " ".join([command, *arguments])
    repairs = () if arguments == args.args else (Repair(place="meaning", kind="git_arguments", detail=words),)

    async def run(context: ToolContext) -> ToolOutput:
        result = await context.environment.git.run([command, *arguments], seconds=SECONDS)
        if result.status != 0 and not _compared(command, result):
            raise ToolError(_failure(command, result))
        notes = await _notes(context.environment, command)
        return text_output("\n".join([_text(command, result), *notes]), repairs=repairs)

    return Invocation(
        kind="read" if safe else "execute",
        title=f"git {words}",
        rule=f"Git({command})",
        needs=(NamedNeed("Git", command, safe=safe), *_files(context.environment, command, arguments)),
        run=run,
        access=Access(reads=frozenset({root})) if safe else Access(writes=frozenset({root})),
        side_effects=not safe,
    )


def _files(environment: Environment, command: str, arguments: Sequence[str]) -> Sequence[PathNeed]:
    """Name the files that are shown or put back, so that the rules for them hold for git too."""
    if command not in {"show", "diff", "log", "blame", "restore"}:
        return ()
    action = "edit" if command == "restore" else "read"
    return [PathNeed(action, environment.root / path) for path in named_paths(command, arguments)]


def _compared(command: str, result: GitResult) -> bool:
    """Whether a status of 1 only says that there are differences."""
    return command == "diff" and result.status == 1 and not result.error


def _text(command: str, result: GitResult) -> str:
    text = readable(result.output).rstrip("\n")
    if len(text) > CHARACTERS:
        left = len(text) - CHARACTERS
        text = f"{text[:CHARACTERS]}\n[{left:,} more characters; narrow it with a path, --stat or -n]"
    if result.status == 0 and result.error:
        text = "\n".join(filter(None, (text, f"[{readable(result.error.strip())}]")))
    empty = {"diff": "No differences.", "status": "Nothing to show.", "log": "No commits match."}
    return text or empty.get(command, f"Done: git {command} printed nothing.")


def _failure(command: str, result: GitResult) -> str:
    words = readable("\n".join(filter(None, (result.output.strip(), result.error.strip()))))
    return f"git {command} failed (status {result.status}):\n{words[:CHARACTERS]}"


async def _notes(environment: Environment, command: str) -> Sequence[str]:
    if command != "commit":
        return ()
    hooks = [Path(".git/hooks") / name for name in ("pre-commit", "commit-msg")]
    there = [
        hook.name for hook in hooks if (await environment.files.stat(environment.root / hook)).kind == "file"
    ]
    if not there:
        return ()
    return (f"[the hook {' and '.join(there)} was not run; to have it run, commit with Bash]",)


TOOL = Tool(
    name="Git",
    description=registry.text("kcode.tools", "git.md"),
    args=Git,
    prepare=prepare,
    order=70,
    summary=lambda arguments: f"git {arguments.get('command', '')}",
)
