"""/status."""

from typing import cast

from kcode.types.command import Command, CommandContext, CommandResult


async def run(context: CommandContext, arguments: str) -> CommandResult:
    """Say how things stand: session, model, mode, window, repairs."""
    del arguments
    await context.sandbox_line()
    report, cost = context.context_report(), context.cost()
    rows = [
        ("Session", context.session_id),
        ("Folder", str(context.environment.root)),
        ("Model", f"{context.model.id}, window {context.model.window:,} tokens"),
        ("Mode", context.mode),
        ("Sandbox", context.sandbox),
        ("Window", f"{report['percent']} % of {report['limit']:,} tokens"),
    ]
    repairs = cast("dict[str, int]", cost["repairs"])
    rows.append(("Repairs", ", ".join(f"{n} {kind}" for kind, n in sorted(repairs.items())) or "none"))
    return CommandResult("\n".join(f"- {name}: {value}" for name, value in rows))


COMMAND = Command(name="status", description="shows session, model, mode and repairs", run=run)
