"""The view of the transcript that a request carries.

Unchanged messages are handed on as the same objects, so that whoever encodes them can keep the bytes.
"""

from collections.abc import Sequence

from kcode.types.messages import AssistantMessage, Message, TextPart, ThinkingPart, ToolMessage, UserMessage
from kcode.types.state import State

SUMMARY_HEAD = "Summary of the conversation so far (the earlier messages are no longer shown):\n\n"


class Projection:
    """Makes the view and remembers what it replaced."""

    def __init__(self) -> None:
        self._hidden: dict[str, tuple[ToolMessage, ToolMessage]] = {}
        self._emptied: dict[int, tuple[AssistantMessage, AssistantMessage]] = {}
        self._summary: UserMessage | None = None

    def view(self, state: State) -> Sequence[Message]:
        """Return the messages of the next request."""
        transcript, compacted = state.transcript, state.compacted
        start = compacted.upto if compacted else 0
        view: list[Message] = []
        if compacted:
            view.extend(transcript[i] for i in compacted.keep if i < start)
            view.append(self._summary_message(compacted.summary))
        view.extend(self._shown(transcript[i], i, state) for i in range(start, len(transcript)))
        return view

    def _summary_message(self, summary: str) -> UserMessage:
        text = SUMMARY_HEAD + summary
        if self._summary is None or self._summary.text != text:
            self._summary = UserMessage(parts=(TextPart(text=text),), origin="harness")
        return self._summary

    def _shown(self, message: Message, position: int, state: State) -> Message:
        match message:
            case ToolMessage() if message.call_id in state.hidden:
                return self._hide(message, state.hidden[message.call_id])
            case AssistantMessage() if position < state.reasoning_before and message.thinking:
                return self._empty(message)
            case _:
                return message

    def _hide(self, message: ToolMessage, placeholder: str) -> ToolMessage:
        known = self._hidden.get(message.call_id)
        if known is None or known[0] is not message:
            short = message.model_copy(update={"parts": (TextPart(text=placeholder),)})
            known = self._hidden[message.call_id] = (message, short)
        return known[1]

    def _empty(self, message: AssistantMessage) -> AssistantMessage:
        known = self._emptied.get(id(message))
        if known is None or known[0] is not message:
            parts = tuple(
                p.model_copy(update={"text": ""}) if isinstance(p, ThinkingPart) else p for p in message.parts
            )
            known = self._emptied[id(message)] = (message, message.model_copy(update={"parts": parts}))
        return known[1]
