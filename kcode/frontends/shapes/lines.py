"""A session as plain lines, for runs without a terminal of their own: `-p --verbose` and the demonstration."""

from collections.abc import Iterator

from kcode.screen.sanitise import sanitise
from kcode.types.events import (
    Compacted,
    ContextTrimmed,
    Event,
    MessageAdded,
    Notice,
    PermissionDecided,
    Retrying,
    TextDelta,
    ThinkingDelta,
    TodosSet,
    ToolFinished,
    ToolStarted,
    TurnEnded,
)
from kcode.types.messages import ToolMessage, Usage

RESULT_LINES = 6
DIFF_LINES = 60
_MARKS = {"pending": "[ ]", "in_progress": "[>]", "completed": "[x]"}
_COLOURS = {"+": "32", "-": "31", "@": "36"}


def money(usage: Usage) -> str:
    """Write what was spent: "~" where tokens were estimated, no invented dollars where a price is unknown."""
    about = "~" if usage.estimated else ""
    tokens = f"{about}{usage.input:,} tokens in ({usage.cached:,} cached), {about}{usage.output:,} out"
    return f"{tokens}, price unknown" if usage.cost is None else f"{tokens}, {about}${usage.cost:.4f}"


class SessionLines:
    """Turns events into text to print, as they come."""

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour
        self._open = False
        self._names: dict[str, str] = {}

    def of(self, event: Event) -> Iterator[str]:
        """Yield the text of one event, ready to be written."""
        match event:
            case TextDelta() if event.agent == "main":
                self._open = not event.text.endswith("\n")
                yield sanitise(event.text)
            case TextDelta() | ThinkingDelta():
                pass
            case _:
                for line in self._lines(event):
                    yield ("\n" if self._open else "") + line + "\n"
                    self._open = False

    def end(self) -> str:
        """Finish a line that is still open."""
        ending, self._open = "\n" if self._open else "", False
        return ending

    def _lines(self, event: Event) -> Iterator[str]:
        match event:
            case ToolStarted():
                self._names[event.call_id] = event.title
                mark = "$" if event.kind == "execute" else "*"
                yield self._paint("1", f"{mark} {sanitise(event.title)}")
                yield from self._diff(event.diff)
            case ToolFinished(status="failed" | "cancelled" | "rejected") if event.call_id not in self._names:
                yield self._paint("1", f"* {sanitise(event.title)}")
            case MessageAdded(message=ToolMessage() as message):
                yield from self._result(message)
            case TodosSet():
                for todo in event.todos:
                    yield f"  {_MARKS[todo.status]} {sanitise(todo.content)}"
            case _:
                yield from self._news(event)

    def _news(self, event: Event) -> Iterator[str]:
        match event:
            case PermissionDecided(allowed=False):
                yield self._paint("33", f"  not allowed: {sanitise(event.rule)}")
            case Retrying():
                said = sanitise(event.message)
                yield self._paint("33", f"! {said} Attempt {event.attempt + 1} in {event.delay:.1f} s.")
            case ContextTrimmed(hidden=hidden) if hidden:
                yield self._paint("2", f"  {len(hidden)} old tool results hidden to save room")
            case Compacted():
                yield self._paint("2", "  the older conversation was summarised to save room")
            case Notice():
                yield self._paint("33", f"! {sanitise(event.text)}")
            case TurnEnded() if event.note and event.agent == "main":
                yield self._paint("33", f"! {sanitise(event.note)}")
            case _:
                pass

    def _result(self, message: ToolMessage) -> Iterator[str]:
        lines = sanitise(message.text).splitlines()
        if self._names.get(message.call_id, "").startswith(("Edit", "Write")) and not message.is_error:
            lines = lines[:1]
        for line in lines[:RESULT_LINES]:
            yield self._paint("31" if message.is_error else "2", f"    {line[:160]}")
        if len(lines) > RESULT_LINES:
            yield self._paint("2", f"    +{len(lines) - RESULT_LINES} lines")

    def _diff(self, diff: str) -> Iterator[str]:
        lines = [line for line in sanitise(diff).splitlines() if not line.startswith(("+++", "---"))]
        for line in lines[:DIFF_LINES]:
            yield self._paint(_COLOURS.get(line[:1], "2"), f"    {line[:160]}")
        if len(lines) > DIFF_LINES:
            yield self._paint("2", f"    +{len(lines) - DIFF_LINES} lines")

    def _paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour else text
