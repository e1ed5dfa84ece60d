"""/map."""

import shlex

from kcode.commands._repository import fenced
from kcode.types.command import Command, CommandContext, CommandResult

TOKENS = 1500


async def run(context: CommandContext, arguments: str) -> CommandResult:
    """Show the files that matter most, to what is named or at all."""
    try:
        focus = shlex.split(arguments)
    except ValueError:
        return CommandResult("A quotation mark is left open.", is_error=True)
    made = await context.environment.syntax.map(tokens=TOKENS, focus=focus)
    if not made.ranked:
        return CommandResult("There is no code here whose language is known.", is_error=True)
    notes = [f"{made.files:,} files of code."]
    notes += [f"Incomplete: {made.partial}."] if made.partial else []
    notes += [f"Nothing here is called {', '.join(made.unknown)}."] if made.unknown else []
    return CommandResult("\n\n".join([fenced(made.text), " ".join(notes)]))


COMMAND = Command(
    name="map",
    description="shows the files that matter most and what they define",
    run=run,
    hint="[files, folders or names]",
)
