"""The two streams that a channel of a response falls into, words and thinking, and what is held back of it."""

import re
from collections.abc import Collection
from typing import NamedTuple

from kcode.arguments.names import folded
from kcode.providers.repair_code import Place

_LAST_WORD = re.compile(r"(?<![\w-])(functions\.[\w-]*|[A-Za-z_][\w-]{0,79})(:\d{0,6})?(\s{0,8})\Z")
_LONGEST_HEADER = 100
_HEADER_STARTS = ("functions.", "call_")


class Shown(NamedTuple):
    """What may be shown."""

    text: str = ""
    thinking: str = ""


class Channel:
    """Text that came and is not yet judged, and where what is judged goes.

    Attributes:
        mended: what was taken out, each as (kind, detail).
        buffer: what is not yet judged.
        place: where in Markdown the judged text ends.
        thinking: whether what comes is thinking.
        promised: whether the text ends with a call that was begun, even if none came.
        in_tools: whether we are among calls, where space means nothing.
        skip_space: whether the next words lose their leading space.
        length: how many characters of words came.
    """

    def __init__(self, offered: Collection[str]) -> None:
        self.mended: list[tuple[str, str]] = []
        self.buffer: str = ""
        self.place = Place()
        self.thinking = False
        self.in_tools = False
        self.promised = False
        self.skip_space = False
        self.length = 0
        self._names = tuple(folded(name) for name in offered)
        self._at_word = False
        self._words: list[str] = []
        self._thoughts: list[str] = []

    def note(self, kind: str, detail: str = "") -> None:
        """Record that something was taken out."""
        if (kind, detail) not in self.mended:
            self.mended.append((kind, detail))

    def take(self, length: int) -> str:
        """Remove characters from the beginning of the buffer and return them."""
        taken = self.buffer[:length]
        self.buffer = self.buffer[length:]
        return taken

    def emit(self, text: str) -> None:
        """Let text through."""
        if self.skip_space:
            text = text.lstrip()
        if not text or (self.in_tools and text.isspace()):
            return
        self.skip_space = False
        if not text.isspace():
            self.promised = False
        self.place.move(text)
        self._at_word = text[-1].isalnum() or text[-1] in "_-"
        (self._thoughts if self.thinking else self._words).append(text)
        if not self.thinking:
            self.length += len(text)

    def think(self, text: str) -> None:
        """Let thinking through that stood between words."""
        self._thoughts.append(text)

    def shown(self) -> Shown:
        """Return what was let through since the last time."""
        shown = Shown("".join(self._words), "".join(self._thoughts))
        self._words.clear()
        self._thoughts.clear()
        return shown

    def held(self, text: str) -> int:
        """Return how many characters at the end may be the header of a call whose beginning was eaten."""
        tail = text[-_LONGEST_HEADER:]
        match = _LAST_WORD.search(tail)
        if match is None or (match.start() == 0 and (tail != text or self._at_word)):
            return 0
        word, index, space = match.groups()
        if index is not None:
            likely = index != ":" or not space
        else:
            known = word.startswith(_HEADER_STARTS) or any(start.startswith(word) for start in _HEADER_STARTS)
            likely = not space and (known or any(other.startswith(folded(word)) for other in self._names))
        return len(tail) - match.start() if likely else 0
