"""A conversation put into the strictest form, for a server that refused it as it was.

Every result directly follows its call, every call has exactly one result, no message is empty, and the first one
is the user's. What is already so stays the same object.
"""

from collections.abc import Iterator, Sequence

from kcode.types.messages import (
    AssistantMessage,
    AssistantPart,
    Message,
    TextPart,
    ToolCall,
    ToolMessage,
    UserMessage,
)

LOST = "The result of this call was lost. Do not assume that it was carried out; check before you repeat it."
GO_ON = "(The conversation goes on.)"


def strict(messages: Sequence[Message]) -> list[Message]:
    """Return the conversation in a form that no server can find fault with."""
    results: dict[str, ToolMessage] = {}
    for message in messages:
        if isinstance(message, ToolMessage):
            results.setdefault(message.call_id, message)
    made: list[Message] = []
    answered: set[str] = set()
    for message in messages:
        for piece in _pieces(message, results, answered):
            _append(made, piece)
    if made and not isinstance(made[0], UserMessage):
        made.insert(0, UserMessage(parts=(TextPart(text=GO_ON),), origin="harness"))
    return made


def _pieces(message: Message, results: dict[str, ToolMessage], answered: set[str]) -> Iterator[Message]:
    if isinstance(message, ToolMessage):
        return
    if isinstance(message, UserMessage):
        if message.text.strip() or len(message.parts) > sum(p.type == "text" for p in message.parts):
            yield message
        return
    parts: list[AssistantPart] = []
    for part in message.parts:
        if isinstance(part, ToolCall):
            if part.id in answered:
                continue
            answered.add(part.id)
        parts.append(part)
    if len(parts) != len(message.parts):
        message = message.model_copy(update={"parts": tuple(parts)})
    calls = message.tool_calls
    if not calls and not message.text.strip():
        return
    yield message
    for call in calls:
        yield results.get(call.id) or ToolMessage(
            call_id=call.id, name=call.name, parts=(TextPart(text=LOST),), is_error=True
        )


def _append(made: list[Message], message: Message) -> None:
    last = made[-1] if made else None
    if isinstance(last, AssistantMessage) and isinstance(message, AssistantMessage):
        # Only one without calls can stand last: results follow the others.
        made[-1] = message.model_copy(update={"parts": _joined(last, message)})
    else:
        made.append(message)


def _joined(first: AssistantMessage, second: AssistantMessage) -> tuple[object, ...]:
    """Join the parts of two responses, with a line between their words."""
    between = (TextPart(text="\n\n"),) if first.text and second.text else ()
    return (*first.parts, *between, *second.parts)
