"""/context."""

from typing import cast

from kcode.types.command import Command, CommandContext, CommandResult

CELLS = 50


async def run(context: CommandContext, arguments: str) -> CommandResult:
    """Show what fills the window."""
    del arguments
    report = context.context_report()
    rows: list[tuple[str, int]] = [
        ("system prompt", cast("int", report["system"])),
        ("tools", cast("int", report["tools"])),
        *cast("dict[str, int]", report["messages"]).items(),
        ("free", cast("int", report["free"])),
    ]
    limit = cast("int", report["limit"])
    filled = round(CELLS * min(1.0, cast("int", report["used"]) / max(1, limit)))
    lines = [
        f"`{'#' * filled}{'.' * (CELLS - filled)}` {report['percent']} % of {limit:,} tokens",
        "",
        "| what | tokens | share |",
        "| --- | ---: | ---: |",
        *(f"| {name} | {size:,} | {100 * size / max(1, limit):.1f} % |" for name, size in rows),
    ]
    return CommandResult("\n".join(lines))


COMMAND = Command(name="context", description="shows what fills the model's window", run=run)
