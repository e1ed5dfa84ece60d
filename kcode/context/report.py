"""What fills the window, for the person and for programs."""

from collections.abc import Sequence

from pydantic import JsonValue

from kcode.context import tokens
from kcode.context.budget import Budget
from kcode.context.compact import head_end, kept
from kcode.context.levels import Tools
from kcode.context.placeholder import placeholder
from kcode.context.trim import calls_of
from kcode.types.events import Hidden
from kcode.types.messages import Message, ToolMessage, UserMessage
from kcode.types.model import JsonObject
from kcode.types.state import State

ITEMS = 30
"""How many of the largest things are listed one by one."""


def report(tools: Tools, state: State, room: Budget, *, auto: bool) -> JsonObject:
    """Say what fills the window, in tokens."""
    scale = tools.gauge.scale
    kinds: dict[str, int] = {}
    for message in tools.projection.view(state):
        kind = tokens.kind_of(message)
        kinds[kind] = kinds.get(kind, 0) + int(tools.count.one(message) * scale)
    used = tools.gauge.used(state)
    messages: dict[str, JsonValue] = {**kinds}
    sizes = [tokens.of_tools([tool]) for tool in state.tools]
    return {
        "window": room.window,
        "limit": room.limit,
        "used": used,
        "percent": round(100 * used / max(1, room.limit), 1),
        "system": int((tools.gauge.fixed(state) - sum(sizes)) * scale),
        "tools": int(sum(sizes) * scale),
        "messages": messages,
        "free": max(0, room.limit - used),
        "reserve": room.window - room.limit,
        "trim_at": room.soft,
        "auto": auto,
        "hidden": len(state.hidden),
        "compacted": state.compacted.upto if state.compacted else 0,
        "items": _items(tools, state),
        "tool_list": [
            {"name": tool.name, "tokens": int(size * scale)}
            for tool, size in zip(state.tools, sizes, strict=True)
        ],
    }


def _items(tools: Tools, state: State) -> list[JsonValue]:
    """The largest messages in view, with the ids by which they can be pinned or dropped."""
    found: list[tuple[int, JsonObject]] = []
    for message in tools.projection.view(state):
        size = int(tools.count.one(message) * tools.gauge.scale)
        item: JsonObject = {"kind": tokens.kind_of(message), "tokens": size, "what": _what(state, message)}
        if isinstance(message, ToolMessage):
            item["id"] = message.call_id
            item["pinned"] = message.call_id in state.pinned
            item["hidden"] = message.call_id in state.hidden
        found.append((size, item))
    found.sort(key=lambda pair: -pair[0])
    return [item for _, item in found[:ITEMS]]


def _what(state: State, message: Message) -> str:
    if isinstance(message, ToolMessage):
        record = state.calls.get(message.call_id)
        return f"{message.name}: {record.title}"[:100] if record else message.name
    return " ".join(message.text.split())[:80]


def hidden_by_hand(state: State, call_ids: Sequence[str]) -> tuple[Hidden, ...]:
    """Make placeholders for results that the person drops."""
    wanted = set(call_ids) - state.hidden.keys()
    calls = calls_of(enumerate(state.transcript))
    return tuple(
        Hidden(
            call_id=message.call_id,
            placeholder=placeholder(message, calls.get(message.call_id), state.calls.get(message.call_id)),
        )
        for message in state.transcript
        if isinstance(message, ToolMessage) and message.call_id in wanted
    )


def plan(tools: Tools, state: State, room: Budget) -> JsonObject:
    """Say what a compaction now would replace and what would stay."""
    start = state.compacted.upto if state.compacted else 0
    end = head_end(state, room, tools.count)
    keep = kept(state, end, room)
    scale = tools.gauge.scale
    gone = [m for i, m in enumerate(state.transcript[start:end], start) if i not in keep]
    stays = [state.transcript[i] for i in keep]
    tail = state.transcript[end:]
    return {
        "used": tools.gauge.used(state),
        "replaced": {"messages": len(gone), "tokens": int(tools.count.of(gone) * scale)},
        "kept": {
            "messages": len(stays),
            "tokens": int(tools.count.of(stays) * scale),
            "user": sum(isinstance(m, UserMessage) and m.origin == "user" for m in stays),
        },
        "tail": {"messages": len(tail), "tokens": int(tools.count.of(tail) * scale)},
        "ledger": tools.ledger.write(state, end, keep, room.ledger),
    }
