"""The levels at which a conversation is made smaller; each is an event, so that a resumed one has the same bytes."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from kcode.context import tokens
from kcode.context.budget import Budget
from kcode.context.compact import (
    ReadView,
    ask_message,
    attached,
    head_end,
    kept,
    note_without_model,
    transcript_views,
)
from kcode.context.exchanges import boundary, tail_start
from kcode.context.gauge import Gauge
from kcode.context.ledger import Ledger
from kcode.context.placeholder import AGAIN, head_and_tail, placeholder
from kcode.context.project import Projection
from kcode.context.tokens import TokenCount
from kcode.context.trim import Batch, calls_of, choose
from kcode.types.errors import ModelError
from kcode.types.events import Compacted, ContextTrimmed, Event, Hidden, ResponseBroken, Shortened
from kcode.types.messages import AssistantMessage, ToolMessage, UserMessage, add_usage
from kcode.types.model import Request
from kcode.types.state import State

Emit: TypeAlias = Callable[[Event], Awaitable[None]]
Respond: TypeAlias = Callable[[Request], Awaitable[AssistantMessage]]
Save: TypeAlias = Callable[[str, str], Awaitable[str]]
"""Stores a text under a name and returns where it is, "" where it could not be stored."""

SUMMARY_OUTPUT = 8_000
"""Tokens that a summary may have."""
_HOPELESS = frozenset({"quota", "auth", "forbidden"})
"""Failures after which the next request would fail too."""
_SAVED = 2_000
"""Characters from which on a hidden output is stored, if calling again would not bring it back."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What the levels work with."""

    agent: str
    count: TokenCount
    projection: Projection
    gauge: Gauge
    ledger: Ledger
    read: ReadView | None
    save: Save | None


@dataclass(frozen=True, slots=True)
class Job:
    """One conversation that has to become smaller."""

    tools: Tools
    state: State
    room: Budget
    emit: Emit
    respond: Respond

    def used(self) -> int:
        """Estimate the next request."""
        return self.tools.gauge.used(self.state)

    def raw(self, real: float) -> int:
        """Turn real tokens into estimated ones."""
        return int(real / self.tools.gauge.scale)

    def real(self, raw: float) -> int:
        """Turn estimated tokens into real ones."""
        return int(raw * self.tools.gauge.scale)


async def hide(job: Job, batch: Batch) -> None:
    """Hide what a batch names."""
    if batch.empty:
        return
    tools, state, before = job.tools, job.state, job.used()
    compacted = state.compacted
    views = [(-1, m) for m in compacted.attached] if compacted else []
    start = compacted.upto if compacted else 0
    calls = calls_of([*views, *((0, m) for m in state.transcript[start:])])
    hidden: list[Hidden] = []
    for message in batch.results:
        record = state.calls.get(message.call_id)
        place = "" if record and record.spill else await _stored(tools, message)
        text = placeholder(message, calls.get(message.call_id), record, place)
        hidden.append(Hidden(call_id=message.call_id, placeholder=text))
    await job.emit(
        ContextTrimmed(
            agent=tools.agent,
            hidden=tuple(hidden),
            reasoning_before=batch.reasoning_before,
            media=tuple(batch.media),
            tokens_before=before,
            tokens_after=max(0, before - job.real(batch.freed)),
        )
    )


async def _stored(tools: Tools, message: ToolMessage) -> str:
    text = message.text
    if tools.save is None or message.name in AGAIN or len(text) < _SAVED:
        return ""
    return await tools.save(message.call_id, text)


async def summarise(
    job: Job, *, focus: str = "", fast: bool = False, trigger_manual: bool = False
) -> Compacted | None:
    """Replace the head by a summary; None where that would not make the conversation smaller.

    The request for it is the current view and one message, so that its prefix is in the server's cache.
    """
    earlier = job.state.compacted
    end = head_end(job.state, job.room, job.tools.count)
    start = earlier.upto if earlier else 0
    if end <= start:
        return None
    before = job.used()
    answer = None if fast else await _ask(job, focus)
    try:
        return await _replaced(job, start, end, answer, manual=trigger_manual, before=before)
    finally:
        # Of no use, or interrupted before it was put to use.
        if job.state.compacted is earlier:
            await _wasted(job, answer)


async def _replaced(
    job: Job, start: int, end: int, answer: AssistantMessage | None, *, manual: bool, before: int
) -> Compacted | None:
    state, tools = job.state, job.tools
    summary = answer.text.strip() if answer else ""
    await _shorten_users(job, end)
    keep = kept(state, end, job.room)
    read = tools.read or transcript_views(state)
    ledger = tools.ledger.write(state, end, keep, job.room.ledger)
    bare = Compacted(agent=tools.agent, upto=end, summary=summary, keep=keep, ledger=ledger)
    if answer:
        bare = bare.model_copy(update={"usage": answer.usage, "model": answer.model})
    views, seen = await attached(state, end, keep, _attachable(job, bare), read)
    notes = [summary] if summary else []
    notes.append(_mechanical(state, start, end))
    for note in notes:
        for shown, known in ((views, seen), ((), ())) if views else ((views, seen),):
            event = bare.model_copy(
                update={
                    "summary": note,
                    "attached": shown,
                    "seen": known,
                    "fallback": note is not summary,
                    "trigger": "manual" if manual else "auto",
                    "tokens_before": before,
                }
            )
            if await _compacted(job, event):
                return event
    return None


async def _wasted(job: Job, answer: AssistantMessage | None) -> None:
    """Count a response that no summary came of."""
    if answer:
        await job.emit(ResponseBroken(agent=job.tools.agent, model=answer.model, usage=answer.usage))


def _attachable(job: Job, bare: Compacted) -> int:
    """How many tokens of views fit, so that the conversation has room to grow before the next batch."""
    after = job.tools.projection.after(job.state, bare)
    full = job.real(after + job.tools.gauge.fixed(job.state))
    return job.raw(min(job.room.attach, max(0, int(0.75 * job.room.soft) - full)))


def _mechanical(state: State, start: int, end: int) -> str:
    """The earlier summary, which a note without the model must not lose, and what was done since."""
    earlier = state.compacted.summary if state.compacted else ""
    note = note_without_model(state.transcript[start:end])
    return f"{earlier}\n\n{note}" if earlier else note


async def _compacted(job: Job, event: Compacted) -> bool:
    """Emit a compaction, if it makes the conversation smaller."""
    projection, state = job.tools.projection, job.state
    after = projection.after(state, event)
    if after >= projection.tokens(state):
        return False
    size = job.real(after + job.tools.gauge.fixed(state))
    await job.emit(event.model_copy(update={"tokens_after": size}))
    return True


async def _ask(job: Job, focus: str) -> AssistantMessage | None:
    """Ask for a summary; None where none could be had.

    Raises:
        ModelError: no request of this account is answered, so that nothing may be replaced.
    """
    ask = ask_message(focus)
    extra = job.real(tokens.of_message(ask)) + min(SUMMARY_OUTPUT, job.room.window // 16)
    if job.used() + extra > job.room.limit:
        await hide(job, choose(job.state, job.tools.count, job.room, free=1 << 40, everything=True))
    if job.used() + extra > job.room.window:
        return None
    messages = [*job.tools.projection.view(job.state), ask]
    output = min(SUMMARY_OUTPUT, job.room.window // 8)
    answer = None
    for room in (output, 2 * output):
        spent = answer.usage if answer else None
        try:
            answer = await job.respond(
                Request(job.state.system, messages, job.state.tools, room, calls=False)
            )
        except BaseException as error:
            if isinstance(error, ModelError) and error.kind not in _HOPELESS:
                break
            await _wasted(job, answer)
            raise
        if spent:
            answer = answer.model_copy(update={"usage": add_usage(spent, answer.usage)})
        # What was cut off, filtered or called instead is no summary; asked once more, with more room.
        if answer.text.strip() and answer.finish not in {"length", "content_filter"}:
            return answer
    return answer.model_copy(update={"parts": ()}) if answer else None


async def _shorten_users(job: Job, end: int) -> None:
    """Cut messages of the user that are larger than what may stay of all of them, and drop their pictures."""
    shortened: list[Shortened] = []
    media: list[int] = []
    for position, message in enumerate(job.state.transcript[:end]):
        if isinstance(message, UserMessage) and message.origin == "user":
            cut = await _shortened(job, position, message, job.room.user)
            shortened += [cut] if cut else []
            if tokens.media_bytes(message) and position not in job.state.media_dropped:
                media.append(position)
    if shortened or media:
        await job.emit(ContextTrimmed(agent=job.tools.agent, shortened=tuple(shortened), media=tuple(media)))


async def _shortened(job: Job, position: int, message: UserMessage, room: int) -> Shortened | None:
    text = job.state.shortened.get(position, message.text)
    if tokens.fits(text, room):
        return None
    place = await job.tools.save(f"user_{position}", message.text) if job.tools.save else ""
    return Shortened(position=position, text=head_and_tail(message.text, room, place))


async def drop(job: Job) -> None:
    """Drop the oldest exchanges: what is left when nothing else made enough room.

    The system prompt, the first message of the user, the latest summary and the open exchange stay.
    """
    state, projection = job.state, job.tools.projection
    start = state.compacted.upto if state.compacted else 0
    last = max(start, tail_start(state.transcript, 1))
    places = sorted({boundary(state.transcript, i) for i in range(start + 1, last + 1)} | {last})
    places = [place for place in places if start < place <= last]
    summary = state.compacted.summary if state.compacted else ""
    target = job.raw(0.7 * job.room.limit) - job.tools.gauge.fixed(state)
    low, high = 0, len(places) - 1
    while low < high:
        middle = (low + high) // 2
        if projection.after(state, _bare(job, places[middle], summary)) <= target:
            high = middle
        else:
            low = middle + 1
    event = _bare(job, places[low] if places else start, summary)
    if projection.after(state, event) > job.raw(job.room.limit) - job.tools.gauge.fixed(state):
        event = event.model_copy(update={"keep": _least(state, event.keep)})
    await _compacted(job, event)


def _bare(job: Job, upto: int, summary: str) -> Compacted:
    keep = kept(job.state, upto, job.room)
    ledger = job.tools.ledger.write(job.state, upto, keep, job.room.ledger)
    return Compacted(
        agent=job.tools.agent,
        upto=upto,
        summary=summary,
        keep=keep,
        ledger=ledger,
        hard=True,
        fallback=True,
        tokens_before=job.used(),
    )


def _least(state: State, keep: Sequence[int]) -> tuple[int, ...]:
    users = [i for i in keep if isinstance(state.transcript[i], UserMessage)]
    return tuple(users[:1])


async def squeeze(job: Job, *, room: int) -> None:
    """Cut the largest results and messages of the user to `room` tokens each, also within the last steps."""
    state, tools = job.state, job.tools
    free = job.raw(job.used() - job.room.limit)
    start = state.compacted.upto if state.compacted else 0
    keep = state.compacted.keep if state.compacted else ()
    large = [
        (size, position)
        for position in (*keep, *range(start, len(state.transcript)))
        if (size := _size_in_view(job, position, room)) > room
    ]
    hidden: list[Hidden] = []
    shortened: list[Shortened] = []
    media: list[int] = []
    for size, position in sorted(large, reverse=True):
        if free <= 0:
            break
        message = state.transcript[position]
        if tokens.fits(_words_in_view(state, position), room):
            media.append(position)
            free -= tokens.MEDIA
        elif isinstance(message, ToolMessage):
            short = await _head_and_tail(tools, message, room)
            hidden.append(Hidden(call_id=message.call_id, placeholder=short))
            free -= size - tokens.of_text(short)
        elif isinstance(message, UserMessage) and (cut := await _shortened(job, position, message, room)):
            shortened.append(cut)
            free -= size - tokens.of_text(cut.text)
    if hidden or shortened or media:
        await job.emit(
            ContextTrimmed(
                agent=tools.agent, hidden=tuple(hidden), shortened=tuple(shortened), media=tuple(media)
            )
        )


def _words_in_view(state: State, position: int) -> str:
    message = state.transcript[position]
    if isinstance(message, ToolMessage):
        return state.hidden.get(message.call_id, message.text)
    return state.shortened.get(position, message.text)


def _size_in_view(job: Job, position: int, room: int) -> int:
    """Estimate what squeezing could change of a message; nothing of a response, and of a short text its bound."""
    state, message = job.state, job.state.transcript[position]
    if isinstance(message, AssistantMessage):
        return 0
    whole = isinstance(message, ToolMessage) and message.call_id not in state.hidden
    whole = whole or (isinstance(message, UserMessage) and position not in state.shortened)
    pictures = sum(part.type != "text" for part in message.parts) if whole else 0
    pictures = 0 if position in state.media_dropped else pictures
    words = _words_in_view(state, position)
    size = tokens.at_most(words)
    return (size if size <= room else tokens.of_text(words)) + pictures * tokens.MEDIA


async def _head_and_tail(tools: Tools, message: ToolMessage, room: int) -> str:
    place = await tools.save(message.call_id, message.text) if tools.save else ""
    return head_and_tail(message.text, room, place)


async def lighten(job: Job, most: int) -> None:
    """Replace the oldest pictures and videos by notes until they are at most `most` bytes."""
    state = job.state
    start = state.compacted.upto if state.compacted else 0
    keep = state.compacted.keep if state.compacted else ()
    surplus = job.tools.projection.media(state) - most
    media: list[int] = []
    for position in (*keep, *range(start, len(state.transcript))):
        if surplus <= 0:
            break
        size = tokens.media_bytes(state.transcript[position])
        if size and position not in state.media_dropped:
            media.append(position)
            surplus -= size
    if media:
        await job.emit(ContextTrimmed(agent=job.tools.agent, media=tuple(media)))
