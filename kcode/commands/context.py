"""/context."""

from collections.abc import Sequence
from typing import cast

from kcode.types.command import Command, CommandContext, CommandResult
from kcode.types.model import JsonObject

ROWS, COLUMNS = 5, 40
MARKS = {"system": "S", "tools": "T", "memory files": "M", "user": "U", "assistant": "A", "tool results": "R",
         "notes of kcode": "K"}  # fmt: skip
FREE, RESERVE = ".", "-"
SHOWN = 12
HINT = "`/context pin 3 5 drop 7`: pinned results stay in view, dropped ones leave it; all at once."


async def run(context: CommandContext, arguments: str) -> CommandResult:
    """Show what fills the window; pin and drop single results."""
    words = arguments.replace(",", " ").split()
    if words and words[0] in {"pin", "unpin", "drop"}:
        return await _adjust(context, words)
    report = context.context_report()
    rows = _rows(report)
    window = cast("int", report["window"])
    lines = [
        "```",
        *_grid(rows, window, cast("int", report["reserve"])),
        "```",
        f"{report['used']:,} of {report['limit']:,} tokens, {report['percent']} %; {_trimming(report)}",
        "",
        "| | what | tokens | share |",
        "| --- | --- | ---: | ---: |",
        *(f"| {mark} | {name} | {size:,} | {100 * size / window:.1f} % |" for mark, name, size in rows),
        f"| {FREE} | free | {report['free']:,} | {100 * cast('int', report['free']) / window:.1f} % |",
        f"| {RESERVE} | answer | {report['reserve']:,} | {100 * cast('int', report['reserve']) / window:.1f} % |",
    ]
    lines += _memory(context)
    lines += _items(report, everything="all" in words)
    if "all" in words:
        lines += _tools(report)
    return CommandResult("\n".join(lines))


def _rows(report: JsonObject) -> list[tuple[str, str, int]]:
    rows = [
        ("S", "system prompt", cast("int", report["system"])),
        ("T", "tools", cast("int", report["tools"])),
    ]
    messages = cast("dict[str, int]", report["messages"])
    return rows + [(MARKS.get(name, "?"), name, size) for name, size in messages.items()]


def _grid(rows: Sequence[tuple[str, str, int]], window: int, reserve: int) -> list[str]:
    """Draw the window: one letter for each part of it."""
    cells = ROWS * COLUMNS
    drawn = "".join(mark * round(cells * size / max(1, window)) for mark, _, size in rows)
    kept = RESERVE * round(cells * reserve / max(1, window))
    drawn = (drawn + FREE * cells)[: cells - len(kept)] + kept
    return [drawn[i : i + COLUMNS] for i in range(0, cells, COLUMNS)]


def _trimming(report: JsonObject) -> str:
    what = "old tool results are hidden" + (" and the rest summarised" if report["auto"] else "")
    return f"above {report['trim_at']:,} {what}"


def _memory(context: CommandContext) -> list[str]:
    files = context.memory_files()
    if not files:
        return []
    return [
        "",
        "Memory files:",
        *(f"- {path} ({scope}), {len(text) // 4:,} tokens" for path, scope, text in files),
    ]


def _items(report: JsonObject, *, everything: bool) -> list[str]:
    items = cast("list[JsonObject]", report["items"])
    lines = ["", "Largest messages:"]
    for number, item in enumerate(items if everything else items[:SHOWN], 1):
        state = " (pinned)" if item.get("pinned") else " (hidden)" if item.get("hidden") else ""
        lines.append(f"{number}. {item['tokens']:,} tokens: {item['kind']}: {item['what']}{state}")
    return [*lines, "", HINT]


def _tools(report: JsonObject) -> list[str]:
    tools = cast("list[JsonObject]", report["tool_list"])
    return ["", "Tools:", *(f"- {tool['name']}: {tool['tokens']:,} tokens" for tool in tools)]


async def _adjust(context: CommandContext, words: Sequence[str]) -> CommandResult:
    items = cast("list[JsonObject]", context.context_report()["items"])
    chosen: dict[str, list[str]] = {"pin": [], "unpin": [], "drop": []}
    action = ""
    for word in words:
        if word in chosen:
            action = word
            continue
        item = items[int(word) - 1] if word.isdecimal() and 0 < int(word) <= len(items) else None
        if item is None or "id" not in item:
            return CommandResult(
                f"{word} is no tool result in the list of /context; only tool results can be pinned or dropped.",
                is_error=True,
            )
        chosen[action].append(str(item["id"]))
    if not any(chosen.values()):
        return CommandResult(f"Name the numbers of the list. {HINT}", is_error=True)
    await context.adjust_context(pin=chosen["pin"], unpin=chosen["unpin"], drop=chosen["drop"])
    done = ", ".join(f"{len(ids)} {verb}" for verb, ids in (
        ("pinned", chosen["pin"]), ("unpinned", chosen["unpin"]), ("dropped", chosen["drop"])) if ids)  # fmt: skip
    return CommandResult(f"{done}.")


COMMAND = Command(
    name="context",
    description="shows what fills the model's window; pins and drops single results",
    run=run,
    hint="[all | pin N | unpin N | drop N ...]",
)
