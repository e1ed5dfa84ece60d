"""The view of the transcript that a request carries.

Unchanged messages are handed on as the same objects, so that whoever encodes them can keep the bytes. The view is
kept and grows with the transcript; it is made anew only where an event changed what requests carry.
"""

from collections.abc import Iterator, Sequence

from kcode.context import tokens
from kcode.context.tokens import TokenCount
from kcode.types.events import Compacted
from kcode.types.messages import (
    AssistantMessage,
    ImagePart,
    Message,
    TextPart,
    ThinkingPart,
    ToolMessage,
    UserMessage,
    VideoPart,
)
from kcode.types.state import State

SUMMARY_HEAD = "Summary of the conversation so far (the earlier messages are no longer shown):\n\n"
HARD_HEAD = "The earlier messages are no longer shown: there was no room for them.\n\n"
LEDGER_HEAD = "\n\nPut down by kcode itself, exact:\n"
MEDIA_NOTE = "[{kind} was here; it is no longer shown to save room]"


class Projection:
    """Makes the view and remembers what it replaced."""

    def __init__(self, count: TokenCount) -> None:
        self._count = count
        self._hidden: dict[str, tuple[ToolMessage, str, ToolMessage]] = {}
        self._replaced: dict[int, tuple[Message, Message]] = {}
        self._summary: UserMessage | None = None
        self._state: State | None = None
        self._shapes = -1
        self._view: list[Message] = []
        self._upto = 0
        self._last: Message | None = None
        self._tokens = 0
        self._media = 0

    def view(self, state: State) -> Sequence[Message]:
        """Return the messages of the next request: a list that grows; copy it to keep it."""
        transcript = state.transcript
        if self._stale(state, transcript):
            self._restart(state)
        while self._upto < len(transcript):
            self._last = transcript[self._upto]
            self._append(shown(self, state, self._last, self._upto))
            self._upto += 1
        return self._view

    def tokens(self, state: State) -> int:
        """Estimate the messages of the next request."""
        self.view(state)
        return self._tokens

    def media(self, state: State) -> int:
        """Bytes of the pictures and videos in the next request."""
        self.view(state)
        return self._media

    def after(self, state: State, event: Compacted) -> int:
        """Estimate the messages of a request after a compaction that has not happened yet."""
        head = sum(self._count.one(message) for message in self._head(state, event))
        tail = range(event.upto, len(state.transcript))
        return head + sum(self._count.one(shown(self, state, state.transcript[i], i)) for i in tail)

    def without(self, state: State, earlier: Compacted | None = None) -> int:
        """Estimate the messages of a request if the compaction in force were taken back."""
        if earlier is not None:
            return self.after(state, earlier)
        return sum(self._count.one(shown(self, state, m, i)) for i, m in enumerate(state.transcript))

    def _stale(self, state: State, transcript: Sequence[Message]) -> bool:
        if state is not self._state or state.shapes != self._shapes or self._upto > len(transcript):
            return True
        # A result that came late was put before what is in the view already.
        return self._upto > 0 and self._last is not None and transcript[self._upto - 1] is not self._last

    def _restart(self, state: State) -> None:
        self._state, self._shapes = state, state.shapes
        self._view, self._tokens, self._media = [], 0, 0
        compacted = state.compacted
        self._upto = min(compacted.upto, len(state.transcript)) if compacted else 0
        self._last = state.transcript[self._upto - 1] if self._upto else None
        if compacted:
            for message in self._head(state, compacted):
                self._append(message)

    def _append(self, message: Message) -> None:
        self._view.append(message)
        self._tokens += self._count.one(message)
        self._media += tokens.media_bytes(message)

    def _head(self, state: State, compacted: Compacted) -> Iterator[Message]:
        for position in compacted.keep:
            if position < min(compacted.upto, len(state.transcript)):
                yield shown(self, state, state.transcript[position], position)
        yield self._summary_message(compacted)
        for message in compacted.attached:
            yield shown(self, state, message, 0)

    def _summary_message(self, compacted: Compacted) -> UserMessage:
        text = summary_text(compacted)
        if self._summary is None or self._summary.text != text:
            self._summary = UserMessage(parts=(TextPart(text=text),), origin="harness")
        return self._summary

    def hide(self, message: ToolMessage, placeholder: str) -> ToolMessage:
        """Return the message that stands for a hidden result."""
        known = self._hidden.get(message.call_id)
        if known is None or known[0] is not message or known[1] != placeholder:
            short = message.model_copy(update={"parts": (TextPart(text=placeholder),)})
            known = self._hidden[message.call_id] = (message, placeholder, short)
        return known[2]

    def replace(self, message: Message, short: Message) -> Message:
        """Return what stands for a message, as the same object each time."""
        known = self._replaced.get(id(message))
        if known is None or known[0] is not message or known[1] != short:
            known = self._replaced[id(message)] = (message, short)
        return known[1]


def summary_text(compacted: Compacted) -> str:
    """Write what stands in place of the replaced messages."""
    head = SUMMARY_HEAD if compacted.summary else HARD_HEAD
    ledger = LEDGER_HEAD + compacted.ledger if compacted.ledger else ""
    return (head + compacted.summary + ledger).rstrip()


def shown(projection: Projection, state: State, message: Message, position: int) -> Message:
    """Return a message as requests carry it."""
    match message:
        case ToolMessage() if message.call_id in state.hidden:
            return projection.hide(message, state.hidden[message.call_id])
        case AssistantMessage() if position < state.reasoning_before and message.thinking:
            return projection.replace(message, without_reasoning(message))
        case UserMessage() if position in state.shortened:
            short = message.model_copy(update={"parts": (TextPart(text=state.shortened[position]),)})
            return projection.replace(message, short)
        case UserMessage() | ToolMessage() if position in state.media_dropped:
            return projection.replace(message, without_media(message))
        case _:
            return message


def without_reasoning(message: AssistantMessage) -> AssistantMessage:
    """Empty the reasoning; its field stays, since servers miss it at calls."""
    parts = tuple(
        p.model_copy(update={"text": ""}) if isinstance(p, ThinkingPart) else p for p in message.parts
    )
    return message.model_copy(update={"parts": parts})


def without_media(message: UserMessage | ToolMessage) -> Message:
    """Put notes in place of pictures and videos."""
    parts = tuple(
        TextPart(text=MEDIA_NOTE.format(kind="a picture" if isinstance(p, ImagePart) else "a video"))
        if isinstance(p, ImagePart | VideoPart)
        else p
        for p in message.parts
    )
    return message.model_copy(update={"parts": parts})
