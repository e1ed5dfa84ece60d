"""/cost."""

from typing import cast

from kcode.types.command import Command, CommandContext, CommandResult
from kcode.types.model import JsonObject


async def run(context: CommandContext, arguments: str) -> CommandResult:
    """Say what the session cost."""
    del arguments
    cost = context.cost()
    lines = [
        f"- Cost: {_dollars(cost['usd'])}",
        f"- Time: {_seconds(cost['api_ms'])} waiting for the model, {_seconds(cost['duration_ms'])} in turns",
        f"- Changes: {cost['lines_added']} lines added, {cost['lines_removed']} removed",
    ]
    for name, usage in cast("dict[str, JsonObject]", cost["models"]).items():
        lines.append(
            f"- {name}: {usage['input']:,} tokens in, {usage['cached']:,} of them "
            f"cached, {usage['output']:,} out, {_dollars(usage['usd'])}"
        )
    return CommandResult("\n".join(lines))


def _dollars(value: object) -> str:
    return f"${value:.4f}" if isinstance(value, float | int) else "price unknown"


def _seconds(value: object) -> str:
    return f"{value / 1000:.0f} s" if isinstance(value, float | int) else "?"


COMMAND = Command(name="cost", description="says what the session cost", run=run, aliases=("usage",))
