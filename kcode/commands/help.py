"""/help."""

from kcode.types.command import Command, CommandContext, CommandResult


async def run(context: CommandContext, arguments: str) -> CommandResult:
    """List the commands, or describe one."""
    wanted = arguments.strip().removeprefix("/")
    commands = [c for c in context.commands() if not wanted or wanted in {c.name, *c.aliases}]
    if not commands:
        return CommandResult(f"There is no command /{wanted}. `/help` lists them all.", is_error=True)
    lines = [f"- `/{c.name}{f' {c.hint}' if c.hint else ''}` {c.description}" for c in commands]
    if not wanted:
        lines += [
            "",
            (
                "`@path` names a file, `!command` runs a command whose output joins the conversation, Esc interrupts, "
                "Shift-Tab changes the permission mode. What you type while kcode works is read before its next step."
            ),
        ]
    return CommandResult("\n".join(lines))


COMMAND = Command(name="help", description="lists the commands", run=run, hint="[command]")
