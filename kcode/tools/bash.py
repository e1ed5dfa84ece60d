"""Run a shell command."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field

from kcode import registry
from kcode.process.status import describe
from kcode.types.environment import CommandResult, Processes
from kcode.types.errors import ToolError
from kcode.types.messages import Repair
from kcode.types.tool import (
    CommandNeed,
    Invocation,
    PrepareContext,
    Tool,
    ToolContext,
    ToolOutput,
    text_output,
)

DEFAULT_SECONDS = 120.0
MOST_SECONDS = 600.0
_FIRST_LOOK = 0.2
"""Seconds after which a background command's first output is looked at: a wrong one has failed by then."""

# For these 1 is an answer: nothing matched, or there are differences.
_ANSWERS = frozenset(
    {"grep", "egrep", "fgrep", "rg", "ag", "diff", "cmp", "test", "[", "[[", "pgrep", "git grep"}
)
_LAST_PART = re.compile(r"[|;&\n]")
_KEYS_WITHHELD = re.compile(
    r"Permission denied \(.*publickey|agent refused operation|gpg: .*(?:No agent|no gpg-agent)"
)


class Bash(BaseModel):
    """Arguments of Bash."""

    command: str
    timeout: int = Field(120_000, description="Milliseconds, at most 600000")
    description: str = Field("", description="What it does, in few words")
    run_in_background: bool = False


async def prepare(args: Bash, context: PrepareContext) -> Invocation:
    """Say what would run."""
    command = _checked(args.command)
    seconds, repairs = _seconds(args.timeout)
    processes = context.environment.processes

    async def run(context: ToolContext) -> ToolOutput:
        return await _run(context, command, seconds, repairs, background=args.run_in_background)

    return Invocation(
        kind="execute",
        title=command,
        rule=f"Bash({command})",
        needs=(CommandNeed(command, processes.cwd, processes.tainted),),
        run=run,
        description=args.description,
    )


def _checked(command: str) -> str:
    if not command.strip():
        raise ToolError("The command is empty. Give the shell command to run.")
    if "\0" in command:
        raise ToolError(
            "The command holds a NUL character, which no shell takes. Write it as an escape, e.g. '\\0'."
        )
    try:
        command.encode()
    except UnicodeEncodeError as error:
        raise ToolError(
            f"The command holds half a character at position {error.start}. Send it again."
        ) from error
    return command


def _seconds(timeout: int) -> tuple[float, tuple[Repair, ...]]:
    """Return the time in seconds; models that think in seconds send numbers no one means as milliseconds."""
    if timeout <= 0:
        return DEFAULT_SECONDS, ()
    if timeout < 1000:
        repair = Repair(place="meaning", kind="seconds_for_milliseconds", detail=f"{timeout} s")
        return min(float(timeout), MOST_SECONDS), (repair,)
    return min(timeout / 1000, MOST_SECONDS), ()


async def _run(
    context: ToolContext, command: str, seconds: float, repairs: tuple[Repair, ...], *, background: bool
) -> ToolOutput:
    processes = context.environment.processes
    before = processes.cwd
    try:
        result = await processes.run(command, context.progress, seconds=seconds, background=background)
    except OSError as error:
        raise ToolError(f"The command could not be started: {error.strerror or error}.") from error
    lines = [result.output.rstrip("\n")] if result.output.strip() else []
    if result.background is not None:
        lines += await _in_background(processes, result.background, asked=background)
    else:
        lines += _ending(result, seconds, empty=not lines)
    lines += [f"[{note}]" for note in result.notes]
    if result.spill is not None:
        lines.append(f"[All {result.total_bytes:,} bytes of output: {result.spill}]")
    if result.cwd != before and not result.notes:
        lines.append(f"[working folder: {result.cwd}]")
    return text_output(
        "\n".join(lines), is_error=_failed(command, result), repairs=repairs, details=_details(result)
    )


async def _in_background(processes: Processes, process: str, *, asked: bool) -> list[str]:
    started = "Started" if asked else "Moved to the background by the user"
    told = f"[{started} as {process}. BashOutput reads what it prints, KillBash ends it.]"
    if not asked:
        return [told]
    await asyncio.sleep(_FIRST_LOOK)
    first = await processes.output(process)
    lines = [first.output.rstrip("\n")] if first.output.strip() else []
    if not first.running and first.status is not None:
        return [*lines, f"[{process} has already ended: {describe(first.status)}]"]
    return [told, *lines]


def _ending(result: CommandResult, seconds: float, *, empty: bool) -> list[str]:
    if result.timed_out:
        note = (
            f"[Ended after {seconds:g} s together with everything it started; what it printed until then is above. "
            f"For long work set timeout (up to {MOST_SECONDS * 1000:.0f}) or run_in_background.]"
        )
        return [note]
    lines: list[str] = []
    if result.status:
        lines.append(f"[{describe(result.status)}]")
    elif empty:
        lines.append("[no output]")
    if result.status and _KEYS_WITHHELD.search(result.output):
        lines.append(
            "[Commands do not get the user's SSH or GPG agent; the setting passEnv can let SSH_AUTH_SOCK through.]"
        )
    return lines


def _failed(command: str, result: CommandResult) -> bool:
    if result.timed_out:
        return True
    if result.status == 1:
        words = _LAST_PART.split(command.strip())[-1].split()
        return not words or (words[0] not in _ANSWERS and " ".join(words[:2]) not in _ANSWERS)
    return bool(result.status)


def _details(result: CommandResult) -> dict[str, Any]:
    details: dict[str, Any] = {"status": result.status, "cwd": str(result.cwd), "bytes": result.total_bytes}
    if result.timed_out:
        details["timed_out"] = True
    if result.background is not None:
        details["background"] = result.background
    if result.spill is not None:
        details["spill"] = str(result.spill)
    return details


def summary(arguments: Mapping[str, Any]) -> str:
    """Name a call in a few words from its raw arguments."""
    return str(arguments.get("command", ""))[:200]


TOOL = Tool(
    name="Bash",
    description=registry.text("kcode.tools", "bash.md"),
    args=Bash,
    prepare=prepare,
    core=True,
    order=40,
    summary=summary,
)
