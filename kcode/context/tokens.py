"""How many tokens something will be, before a server has counted it."""

from collections.abc import Sequence

from kcode.context import estimate
from kcode.types.messages import (
    AssistantMessage,
    ImagePart,
    Message,
    TextPart,
    ThinkingPart,
    ToolCall,
    ToolMessage,
    UserMessage,
    VideoPart,
)
from kcode.types.model import ToolSpec

PER_MESSAGE = 4
MEDIA = 2_000
"""Tokens that a picture or a video is taken for."""


def of_text(text: str) -> int:
    """Estimate a text."""
    return estimate.count(text)


def at_most(text: str) -> int:
    """A bound of the estimate that costs nothing to know: a token for each byte."""
    return len(text) if text.isascii() else 4 * len(text)


def fits(text: str, room: int) -> bool:
    """Whether a text is estimated at no more than `room` tokens; a short one is not even looked at."""
    return at_most(text) <= room or of_text(text) <= room


def of_message(message: Message) -> int:
    """Estimate a message with everything in it."""
    return PER_MESSAGE + sum(_of_part(part) for part in message.parts)


def of_thinking(message: AssistantMessage) -> int:
    """Estimate the reasoning of a response."""
    return sum(of_text(part.text) for part in message.parts if isinstance(part, ThinkingPart))


def _of_part(part: TextPart | ThinkingPart | ToolCall | ImagePart | VideoPart) -> int:
    match part:
        case TextPart() | ThinkingPart():
            return of_text(part.text)
        case ToolCall():
            return of_text(part.name) + of_text(part.arguments) + PER_MESSAGE
        case ImagePart() | VideoPart():
            return MEDIA


def of_tools(tools: Sequence[ToolSpec]) -> int:
    """Estimate the tool list."""
    return sum(of_text(tool.model_dump_json()) for tool in tools)


def media_bytes(message: Message) -> int:
    """Bytes of pictures and videos, as a request carries them."""
    if isinstance(message, AssistantMessage):
        return 0
    return sum(len(part.data) for part in message.parts if isinstance(part, ImagePart | VideoPart))


class TokenCount:
    """Estimates with a memory: each message is looked at once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Message, int]] = {}

    def of(self, messages: Sequence[Message]) -> int:
        """Estimate a row of messages."""
        return sum(self.one(message) for message in messages)

    def one(self, message: Message) -> int:
        """Estimate one message."""
        known = self._known.get(id(message))
        if known is not None and known[0] is message:
            return known[1]
        tokens = of_message(message)
        self._known[id(message)] = (message, tokens)
        return tokens


def kind_of(message: Message) -> str:
    """Name the kind of a message, for reports."""
    match message:
        case UserMessage(origin="memory"):
            return "memory files"
        case UserMessage(origin="harness"):
            return "notes of kcode"
        case UserMessage():
            return "user"
        case AssistantMessage():
            return "assistant"
        case ToolMessage():
            return "tool results"
