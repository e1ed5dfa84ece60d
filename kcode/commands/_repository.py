"""What the commands about git have in common: running it, and what has changed."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kcode.environment.found import holds_secrets
from kcode.screen.names import escape_name
from kcode.types.command import CommandContext
from kcode.types.errors import ToolError

SECONDS = 30.0
DIFF = 60_000
"""Characters of a diff that are shown or sent."""
NAMES = 20
_HOOKS = ("pre-commit", "prepare-commit-msg", "commit-msg")


@dataclass(frozen=True, slots=True)
class Changes:
    """Paths relative to the repository's top: staged, changed but not staged, new, and in conflict.

    `withheld` are new files that kcode does not take in, with the reason.
    """

    staged: Sequence[str]
    changed: Sequence[str]
    new: Sequence[str]
    conflicts: Sequence[str]
    withheld: Mapping[str, str]

    @property
    def none(self) -> bool:
        """Whether nothing differs from the last commit."""
        return not (self.staged or self.changed or self.new or self.conflicts)


async def git(context: CommandContext, *arguments: str) -> str:
    """Run git and return what it printed.

    Raises:
        ToolError: it failed; the text says why.
    """
    result = await context.environment.git.run(arguments, seconds=SECONDS)
    if result.status != 0:
        words = "\n".join(filter(None, (result.error.strip(), result.output.strip())))
        if words.startswith("fatal: not a git repository") and "damaged" not in words:
            raise ToolError("This folder is not a git repository.")
        raise ToolError(f"git {arguments[0]} failed: {_plain(words)}")
    return result.output


async def asked(context: CommandContext, *arguments: str) -> str:
    """Run git and return what it printed without the last newline; "" where it failed."""
    result = await context.environment.git.run(arguments, seconds=SECONDS)
    return result.output.rstrip("\n") if result.status == 0 else ""


def _plain(words: str) -> str:
    return "\n".join(escape_name(line) for line in words.splitlines()) or "it said nothing"


async def has_commits(context: CommandContext) -> bool:
    """Whether there is a commit yet."""
    return bool(await asked(context, "rev-parse", "--verify", "--quiet", "HEAD"))


async def look(context: CommandContext) -> Changes:
    """Say what has changed; raises ToolError outside a repository and in a bare one."""
    output = await git(context, "status", "--porcelain=v1", "-z", "--untracked-files=all")
    staged: list[str] = []
    changed: list[str] = []
    new: list[str] = []
    conflicts: list[str] = []
    for code, path in _entries(output):
        if code == "??":
            new.append(path)
        elif "U" in code or code in {"AA", "DD"}:
            conflicts.append(path)
        else:
            staged += [path] if code[0] != " " else []
            changed += [path] if code[1] != " " else []
    withheld = {path: why for path in new if (why := _why_not(path))}
    return Changes(staged, changed, [path for path in new if path not in withheld], conflicts, withheld)


def _why_not(path: str) -> str:
    if "\ufffd" in path:
        return "its name is no UTF-8"
    if path.endswith("/"):
        return "a repository of its own"
    return "such files often hold secrets" if holds_secrets(Path(path)) else ""


def _entries(output: str) -> Iterator[tuple[str, str]]:
    parts = iter(output.split("\0"))
    for part in parts:
        if len(part) > 3:
            yield part[:2], part[3:]
            if part[0] in "RC":
                # The name before follows.
                next(parts, None)


async def diff_of_work(context: CommandContext) -> str:
    """Return all that differs from the last commit, staged or not, without new files."""
    if await has_commits(context):
        return await git(context, "diff", "HEAD")
    return await git(context, "diff", "--cached") + await git(context, "diff")


def top_path(path: str) -> str:
    """Write a path from the repository's top as a pathspec."""
    return f":(top,literal){path}"


def listed(paths: Sequence[str]) -> str:
    """Name the first paths of some."""
    shown = ", ".join(f"`{escape_name(path)}`" for path in paths[:NAMES])
    return shown + (f" and {len(paths) - NAMES} more" if len(paths) > NAMES else "")


def fenced(text: str, language: str = "") -> str:
    """Show text as it is in Markdown, whatever it holds, cut to what is good to show."""
    cut = f"\n[{len(text) - DIFF:,} more characters]" if len(text) > DIFF else ""
    text = "\n".join(
        line if line.isprintable() else escape_name(line.replace("\t", "    "))
        for line in text[:DIFF].split("\n")
    )
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.rstrip()}{cut}\n{fence}"


async def idle_hooks(context: CommandContext) -> Sequence[str]:
    """Name the hooks that a commit would start if kcode ran them; it does not."""
    named = await asked(context, "config", "--local", "--get", "core.hooksPath")
    common = await asked(context, "rev-parse", "--git-common-dir")
    folders = [context.environment.root / one for one in (named, f"{common}/hooks" if common else "") if one]
    return sorted({hook for folder in folders for hook in _HOOKS if os.access(folder / hook, os.X_OK)})
