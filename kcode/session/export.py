"""A conversation as a Markdown document."""

from collections.abc import Iterable, Iterator, Sequence

from kcode.session.fold import Fold
from kcode.types.events import Event, ToolStarted
from kcode.types.messages import AssistantMessage, Message, ToolCall, ToolMessage, UserMessage

_LONGEST = 20_000


def to_markdown(events: Iterable[Event], *, title: str = "", thinking: bool = False) -> str:
    """Write what was said, each call with its result, as Markdown.

    Args:
        events: the session's events; those of sub-agents are left out.
        title: the heading.
        thinking: whether the model's reasoning is written too.
    """
    state = Fold()
    titles: dict[str, str] = {}
    for event in events:
        state.apply(event)
        if isinstance(event, ToolStarted):
            titles[event.call_id] = event.title
    lines = [f"# {title or 'Conversation'}"]
    results = {m.call_id: m for m in state.transcript if isinstance(m, ToolMessage)}
    for message in state.transcript:
        lines += _message(message, results, titles, thinking=thinking)
    return "\n\n".join(lines) + "\n"


def answers(transcript: Sequence[Message]) -> Sequence[str]:
    """The model's answers, the newest first; those without words are left out."""
    return [m.text for m in reversed(transcript) if isinstance(m, AssistantMessage) and m.text.strip()]


def _message(
    message: Message, results: dict[str, ToolMessage], titles: dict[str, str], *, thinking: bool
) -> Iterator[str]:
    match message:
        case UserMessage():
            heading = {"user": "User", "harness": "kcode", "shell": "User (shell)", "memory": "Instructions"}[
                message.origin
            ]
            yield f"## {heading}"
            yield message.text
            yield from (f"*({part.type})*" for part in message.parts if part.type != "text")
        case AssistantMessage():
            yield "## Assistant"
            if thinking and message.thinking.strip():
                yield "\n".join(f"> {line}" for line in message.thinking.strip().splitlines())
            if message.text.strip():
                yield message.text.strip()
            for call in message.tool_calls:
                yield from _call(call, results.get(call.id), titles.get(call.id, ""))
        case ToolMessage():
            pass


def _call(call: ToolCall, result: ToolMessage | None, title: str) -> Iterator[str]:
    yield f"**{call.name}** {title}".rstrip()
    yield _fenced(call.arguments, "json")
    if result is not None:
        yield f"{'Error' if result.is_error else 'Result'}:"
        yield _fenced(result.text)


def _fenced(text: str, language: str = "") -> str:
    """Fence a text with more backticks than it holds in a row."""
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}\n[{len(text) - _LONGEST} more characters]"
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
