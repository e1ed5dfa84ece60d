"""Which old tool results and reasoning to hide, in one batch."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kcode.context import tokens
from kcode.context.budget import Budget
from kcode.context.exchanges import tail_start
from kcode.context.placeholder import placeholder
from kcode.context.tokens import TokenCount
from kcode.types.messages import AssistantMessage, Message, ToolCall, ToolMessage, UserMessage
from kcode.types.state import CallRecord, State

WORTH = 120
"""Tokens below which hiding one result is not worth it."""
IN_WORK = 32
"""How many files count as being in work."""
KEPT_TOOLS = frozenset({"Skill", "TodoWrite", "ExitPlanMode", "AskUserQuestion"})
"""Tools whose results are instructions or decisions, which stay in view."""


@dataclass(slots=True)
class Batch:
    """What one batch hides, in the order of the view; `freed` is an estimate in tokens."""

    results: list[ToolMessage] = field(default_factory=list[ToolMessage])
    reasoning_before: int = 0
    media: list[int] = field(default_factory=list[int])
    freed: int = 0

    @property
    def empty(self) -> bool:
        """Whether it hides nothing."""
        return not (self.results or self.reasoning_before or self.media)


@dataclass(frozen=True, slots=True)
class _Scene:
    """What a batch is chosen from: the view before the tail."""

    state: State
    count: TokenCount
    start: int
    tail: int

    def messages(self) -> Iterable[tuple[int, Message]]:
        """The messages, with their positions; the attached views first, which have none."""
        compacted = self.state.compacted
        for message in compacted.attached if compacted else ():
            yield -1, message
        for position in range(self.start, self.tail):
            yield position, self.state.transcript[position]

    def results(self) -> Iterable[ToolMessage]:
        """The results that could be hidden."""
        for _, message in self.messages():
            if (
                isinstance(message, ToolMessage)
                and message.call_id not in self.state.hidden
                and message.call_id not in self.state.pinned
                and message.name not in KEPT_TOOLS
                and self.count.one(message) >= WORTH
            ):
                yield message


def choose(state: State, count: TokenCount, room: Budget, *, free: int, everything: bool = False) -> Batch:
    """Choose what to hide to free at least `free` tokens, sparing the last steps.

    First what nobody misses: views of files that a newer one replaces, and old reasoning. Then the oldest results,
    but not the newest views of the files in work, unless `everything` may go.
    """
    start = state.compacted.upto if state.compacted else 0
    tail = max(start, tail_start(state.transcript, room.steps, count=count, room=room.tail))
    scene = _Scene(state, count, start, tail)
    calls = calls_of(scene.messages())
    batch = Batch()
    spared = frozenset[str]() if everything else views_in_work(state, count, room.views, start)
    old = superseded(state, start)
    results = list(scene.results())
    _reasoning(scene, batch)
    rest = [*(m for m in results if m.call_id in old), *(m for m in results if m.call_id not in old)]
    for message in rest:
        if batch.freed >= free:
            break
        if message.call_id in spared and message.call_id not in old:
            continue
        gain = count.one(message) - gone(message, calls, state.calls)
        if gain > 0:
            batch.results.append(message)
            batch.freed += gain
    if batch.freed < free:
        _media(scene, batch, free)
    return batch


def gone(message: ToolMessage, calls: Mapping[str, ToolCall], records: Mapping[str, CallRecord]) -> int:
    """Estimate what stands in place of a hidden result; a place on disk is taken for a long one."""
    text = placeholder(message, calls.get(message.call_id), records.get(message.call_id))
    return tokens.PER_MESSAGE + tokens.of_text(text) + 16


def calls_of(messages: Iterable[tuple[int, Message]]) -> Mapping[str, ToolCall]:
    """Find the calls by their ids."""
    return {c.id: c for _, m in messages if isinstance(m, AssistantMessage) for c in m.tool_calls}


def _reasoning(scene: _Scene, batch: Batch) -> None:
    done = scene.state.reasoning_before
    freed = sum(
        tokens.of_thinking(message)
        for position, message in scene.messages()
        if position >= done and isinstance(message, AssistantMessage)
    )
    if freed:
        batch.reasoning_before = scene.tail
        batch.freed += freed


def _media(scene: _Scene, batch: Batch, free: int) -> None:
    for position, message in scene.messages():
        if batch.freed >= free:
            return
        if isinstance(message, UserMessage) and position not in scene.state.media_dropped:
            count = sum(part.type != "text" for part in message.parts)
            if count:
                batch.media.append(position)
                batch.freed += count * (tokens.MEDIA - 20)


def superseded(state: State, start: int) -> frozenset[str]:
    """Find views in sight of which a newer one shows at least as much, or the very same text."""
    found: set[str] = set()
    whole: dict[str, str] = {}
    parts: dict[tuple[str, int, int], str] = {}
    texts: dict[tuple[str, str], str] = {}
    for message in _results(state, start):
        record = state.calls.get(message.call_id)
        for seen in record.seen if record and not record.changed else ():
            if seen.whole:
                found.update(filter(None, [whole.get(seen.path)]))
                found.update(call for (path, _, _), call in parts.items() if path == seen.path)
                whole[seen.path] = message.call_id
            else:
                key = (seen.path, seen.start, seen.end)
                found.update(filter(None, [parts.get(key)]))
                parts[key] = message.call_id
        same = (message.name, message.text)
        if same in texts:
            found.add(texts[same])
        texts[same] = message.call_id
    return frozenset(found)


def views_in_work(state: State, count: TokenCount, room: int, start: int) -> frozenset[str]:
    """Choose the newest views of the files that were last read or changed, within `room` tokens."""
    newest: dict[str, tuple[str, int]] = {}
    for message in _results(state, start):
        record = state.calls.get(message.call_id)
        for seen in record.seen if record and not record.changed else ():
            newest[seen.path] = (message.call_id, count.one(message))
    chosen: set[str] = set()
    for path in reversed(touched(state)):
        call_id, size = newest.get(path, ("", 0))
        if call_id and call_id not in chosen and size <= room:
            chosen.add(call_id)
            room -= size
    return frozenset(chosen)


def touched(state: State) -> Sequence[str]:
    """The files that calls read or changed last, the newest at the end."""
    order: dict[str, None] = {}
    for record in reversed(list(state.calls.values())):
        for path in (*(s.path for s in record.seen), *(c.path for c in record.changed)):
            order.setdefault(path)
        if len(order) >= IN_WORK:
            break
    return list(order)[::-1]


def _results(state: State, start: int) -> Iterable[ToolMessage]:
    """The results in sight that are not hidden, the oldest first."""
    for message in state.compacted.attached if state.compacted else ():
        if isinstance(message, ToolMessage) and message.call_id not in state.hidden:
            yield message
    for position in range(start, len(state.transcript)):
        message = state.transcript[position]
        if isinstance(message, ToolMessage) and message.call_id not in state.hidden:
            yield message
