"""/cost."""

from typing import cast

from kcode.types.command import Command, CommandContext, CommandResult
from kcode.types.model import JsonObject


async def run(context: CommandContext, arguments: str) -> CommandResult:
    """Say what the session cost."""
    del arguments
    cost = context.cost()
    unknown = [n for n, row in cast("dict[str, JsonObject]", cost["models"]).items() if row["usd"] is None]
    without = (
        f", without {' and '.join(unknown)}: price unknown" if unknown and cost["usd"] is not None else ""
    )
    lines = [
        f"- Cost: {_dollars(cost)}{without}",
        f"- This turn: {_row(cast('JsonObject', cost['turn']))}",
        f"- Time: {_seconds(cost['api_ms'])} waiting for the model, {_seconds(cost['duration_ms'])} in turns",
        f"- Changes: {cost['lines_added']} lines added, {cost['lines_removed']} removed",
    ]
    if cost["budget"] is not None:
        lines.insert(1, f"- Budget: ${cost['budget']:g}, then you are asked (/budget)")
    for kind in ("models", "agents"):
        for name, usage in cast("dict[str, JsonObject]", cost[kind]).items():
            lines.append(f"- {'sub-agent ' if kind == 'agents' else ''}{name}: {_row(usage)}")
    broken = cast("JsonObject", cost["broken"])
    if broken["requests"]:
        lines.append(f"- Broken responses, paid for and counted above: {broken['requests']}, {_row(broken)}")
    return CommandResult("\n".join(lines))


def _row(usage: JsonObject) -> str:
    about = "~" if usage["estimated"] else ""
    written = f", {usage['cache_write']:,} written to the cache" if usage["cache_write"] else ""
    return (
        f"{about}{usage['input']:,} tokens in, {usage['cached']:,} of them cached{written}, "
        f"{about}{usage['output']:,} out, {_dollars(usage)}"
    )


def _dollars(usage: JsonObject) -> str:
    value = usage["usd"]
    if not isinstance(value, float | int):
        return "price unknown"
    return f"{'~' if usage['estimated'] else ''}${value:.4f}"


def _seconds(value: object) -> str:
    return f"{value / 1000:.0f} s" if isinstance(value, float | int) else "?"


COMMAND = Command(name="cost", description="says what the session cost", run=run, aliases=("usage",))
