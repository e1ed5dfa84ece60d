"""/memory."""

from kcode.types.command import Command, CommandContext, CommandResult
from kcode.types.errors import ConfigError


async def run(context: CommandContext, arguments: str) -> CommandResult:
    """List the instruction files, show one, or add a line to one."""
    first, _, rest = arguments.strip().partition(" ")
    if first == "add" and rest.strip():
        user = rest.startswith("--user ")
        text = rest.removeprefix("--user ").strip()
        try:
            path = await context.remember(text, user=user)
        except ConfigError as error:
            return CommandResult(str(error), is_error=True)
        return CommandResult(f"Added to {path}. The model is told with your next prompt.")
    files = context.memory_files()
    if first == "show":
        return CommandResult("\n\n".join(f"**{path}** ({scope})\n\n{text}" for path, scope, text in files))
    if not files:
        return CommandResult(
            "No instruction files count here. `/memory add TEXT` begins an AGENTS.md; `/init` lets the model write one."
        )
    lines = [f"- {path} ({scope}): {len(text) // 4:,} tokens" for path, scope, text in files]
    return CommandResult(
        "\n".join([*lines, "", "`/memory add TEXT` adds a line, `/memory show` prints them."])
    )


COMMAND = Command(
    name="memory",
    description="lists the instruction files (AGENTS.md, CLAUDE.md) and adds to them",
    run=run,
    hint="[show | add [--user] TEXT]",
)
