"""Where a transcript may be cut: never between a call and its results."""

from collections.abc import Sequence

from kcode.context.tokens import TokenCount
from kcode.types.messages import AssistantMessage, Message, ToolMessage


def tail_start(
    transcript: Sequence[Message], steps: int, *, count: TokenCount | None = None, room: int = 0
) -> int:
    """Return the position where the last `steps` responses begin; fewer where they are more than `room` tokens."""
    position = len(transcript)
    size = 0
    for index in range(len(transcript) - 1, -1, -1):
        message = transcript[index]
        size += count.one(message) if count else 0
        if isinstance(message, AssistantMessage):
            if count and size > room and position < len(transcript):
                break
            position, steps = index, steps - 1
            if steps <= 0:
                break
    return position


def boundary(transcript: Sequence[Message], position: int) -> int:
    """Return the first place at or after a position that is not within a batch of results."""
    while position < len(transcript) and isinstance(transcript[position], ToolMessage):
        position += 1
    return position


def exchange(transcript: Sequence[Message], position: int) -> range:
    """Return the positions of the response that a result answers, and of all its results."""
    start = position
    while start > 0 and isinstance(transcript[start], ToolMessage):
        start -= 1
    return range(start, boundary(transcript, start + 1))
