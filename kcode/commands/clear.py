"""/clear."""

from kcode.types.command import Command, CommandContext, CommandResult


async def run(context: CommandContext, arguments: str) -> CommandResult:
    """Start anew; what was said stays in the session's file."""
    del arguments
    await context.clear()
    return CommandResult("The conversation starts anew.", action="cleared")


COMMAND = Command(name="clear", description="starts the conversation anew", run=run, aliases=("new", "reset"))
