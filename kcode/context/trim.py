"""Which old tool results to hide."""

from collections.abc import Mapping, Sequence

from kcode.context.tokens import TokenCount
from kcode.types.events import Hidden
from kcode.types.messages import AssistantMessage, Message, ToolCall, ToolMessage
from kcode.types.state import State

WORTH = 200
"""Tokens below which a result is not worth hiding."""
_DIGEST = 120


def tail_start(transcript: Sequence[Message], steps: int) -> int:
    """Return the position where the last `steps` responses begin."""
    position = len(transcript)
    for index in range(len(transcript) - 1, -1, -1):
        if isinstance(transcript[index], AssistantMessage):
            position, steps = index, steps - 1
            if steps <= 0:
                break
    return position


def hideable(state: State, count: TokenCount, *, free: int, steps: int) -> tuple[Hidden, ...]:
    """Choose the oldest results that free at least `free` tokens, sparing the last `steps` responses."""
    calls = {c.id: c for m in state.transcript if isinstance(m, AssistantMessage) for c in m.tool_calls}
    start = state.compacted.upto if state.compacted else 0
    chosen: list[Hidden] = []
    freed = 0
    for message in state.transcript[start : tail_start(state.transcript, steps)]:
        if freed >= free:
            break
        if not isinstance(message, ToolMessage) or message.call_id in state.hidden:
            continue
        size = count.one(message)
        if size < WORTH:
            continue
        chosen.append(Hidden(call_id=message.call_id, placeholder=_placeholder(message, calls)))
        freed += size
    return tuple(chosen)


def _placeholder(message: ToolMessage, calls: Mapping[str, ToolCall]) -> str:
    call = calls.get(message.call_id)
    digest = " ".join(call.arguments.split())[:_DIGEST] if call else ""
    size = len(message.text)
    return f"[{message.name} {digest}: {size:,} characters, hidden to save room. Call it again if you need them.]"
