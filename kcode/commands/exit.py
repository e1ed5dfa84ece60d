"""/exit."""

from kcode.types.command import Command, CommandContext, CommandResult


async def run(context: CommandContext, arguments: str) -> CommandResult:
    """End the session."""
    del context, arguments
    return CommandResult(action="exit")


COMMAND = Command(name="exit", description="ends the session; it can be resumed", run=run, aliases=("quit",))
