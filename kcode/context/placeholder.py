"""What stands in place of something that is no longer shown."""

from kcode.context import tokens
from kcode.types.messages import ToolCall, ToolMessage
from kcode.types.state import CallRecord

DIGEST = 120
OUTLINE = 1_600
"""Characters of a source file's outline that stay in view."""
AGAIN = frozenset({"Read", "Grep", "Glob"})
"""Tools that may simply be called again."""


def placeholder(
    message: ToolMessage, call: ToolCall | None, record: CallRecord | None, spill: str = ""
) -> str:
    """Say what was there, how large it was and where it is now."""
    digest = " ".join(call.arguments.split())[:DIGEST] if call else ""
    place = spill or (record.spill if record else "")
    where = f"All of it is in {place}" if place else "Call it again if you need it"
    text = f"[{message.name} {digest}: {len(message.text):,} characters, hidden to save room. {where}.]"
    outline = record.outline if record else ""
    if outline and len(outline) < len(message.text) // 3:
        return f"{text}\nIts outline:\n{_cut(outline, OUTLINE)}"
    return text


def head_and_tail(text: str, room: int, place: str = "") -> str:
    """Keep the beginning and the end of a text within about `room` tokens, and say what is missing.

    Cuts at line ends where there are some nearby.
    """
    if tokens.at_most(text) <= room or (size := tokens.of_text(text)) <= room:
        return text
    kept = max(80, int(len(text) * room / size) - 200)
    head = _line_end(text, kept * 2 // 3)
    tail = _line_start(text, len(text) - (kept - kept * 2 // 3))
    where = f" All of it is in {place}." if place else ""
    missing = tail - head
    return f"{text[:head]}\n[... {missing:,} characters are left out here.{where} ...]\n{text[tail:]}"


def _line_end(text: str, position: int) -> int:
    found = text.rfind("\n", max(0, position - 400), position)
    return found if found > 0 else position


def _line_start(text: str, position: int) -> int:
    found = text.find("\n", position, position + 400)
    return found + 1 if found >= 0 else position


def _cut(text: str, length: int) -> str:
    if len(text) <= length:
        return text
    return text[: _line_end(text, length)] + "\n[...]"
