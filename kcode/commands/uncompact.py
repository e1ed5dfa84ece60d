"""/uncompact."""

from kcode.types.command import Command, CommandContext, CommandResult


async def run(context: CommandContext, arguments: str) -> CommandResult:
    """Take the last summary back."""
    del arguments
    return CommandResult(await context.uncompact())


COMMAND = Command(
    name="uncompact",
    description="takes the last summary back: the messages before it are in view again",
    run=run,
)
