"""/compact."""

from kcode.types.command import Command, CommandContext, CommandResult


async def run(context: CommandContext, arguments: str) -> CommandResult:
    """Summarise the older conversation; `fast` does it without the model."""
    focus = arguments.strip()
    if focus == "fast":
        return CommandResult(await context.compact(fast=True))
    return CommandResult(await context.compact(focus))


COMMAND = Command(
    name="compact",
    description="replaces the older conversation by a summary; `fast` writes it without the model",
    run=run,
    hint="[fast | what to keep above all]",
)
