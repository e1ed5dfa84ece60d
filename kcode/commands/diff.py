"""/diff."""

import shlex

from kcode.commands._repository import asked, diff_of_work, fenced, git, listed, look
from kcode.types.command import Command, CommandContext, CommandResult
from kcode.types.errors import ToolError

_OPTIONS = frozenset(
    {"--staged", "--cached", "--stat", "--name-only", "--name-status", "-w", "--word-diff", "--"}
)


async def run(context: CommandContext, arguments: str) -> CommandResult:
    """Show what has changed since the last commit, or what a range or file names."""
    try:
        words = shlex.split(arguments)
    except ValueError:
        return CommandResult("A quotation mark is left open.", is_error=True)
    unknown = [word for word in words if word.startswith("-") and word not in _OPTIONS]
    if unknown:
        known = " ".join(f"`{option}`" for option in sorted(_OPTIONS - {"--"}))
        return CommandResult(
            f"/diff does not take `{unknown[0]}`. It takes a range, files and {known}.", is_error=True
        )
    try:
        return CommandResult(await (_asked_for(context, words) if words else _work(context)))
    except ToolError as error:
        return CommandResult(str(error), is_error=True)


async def _asked_for(context: CommandContext, words: list[str]) -> str:
    text = await git(context, "diff", *words)
    return fenced(text, "diff") if text.strip() else "There are no such differences."


async def _work(context: CommandContext) -> str:
    changes = await look(context)
    new = [*changes.new, *changes.withheld]
    if changes.none and not new:
        where = await asked(context, "rev-parse", "--short", "HEAD")
        return "Nothing has changed" + (f" since {where}." if where else "; there is no commit yet.")
    text = await diff_of_work(context)
    parts = [fenced(text, "diff")] if text.strip() else []
    if new:
        parts.append(f"New files, not in git yet: {listed(new)}.")
    if changes.conflicts:
        parts.append(f"In conflict: {listed(changes.conflicts)}.")
    return "\n\n".join(parts)


COMMAND = Command(
    name="diff",
    description="shows what has changed since the last commit, or in a range or file",
    run=run,
    hint="[range or files]",
)
