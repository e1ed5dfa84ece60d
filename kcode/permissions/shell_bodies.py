"""Here-documents: bodies that begin on the line behind the command that named them."""

import re
from collections.abc import Callable
from typing import Final

from kcode.permissions.shell_script import Script, Word

_CONTINUED: Final = re.compile(r"\\.", re.DOTALL)

Expand = Callable[[str], None]
"""Reads a text as bash does one inside of double quotes."""


class HereDocuments:
    """The here-documents named on the current line of a text."""

    def __init__(self, text: str, script: Script, expand: Expand) -> None:
        """Findings go to `script`; bodies that bash expands go to `expand`."""
        self._text = text
        self._script = script
        self._expand = expand
        self._named: list[tuple[str, bool, bool]] = []

    @property
    def pending(self) -> bool:
        """Whether one was named whose body was not read yet."""
        return bool(self._named)

    def name(self, delimiter: Word, *, tabs: bool) -> None:
        """One begins on the next line and goes on to `delimiter`; `tabs` before that word do not count."""
        if not delimiter.literal or "\n" in delimiter.raw:
            self._doubt("a here-document has an unusual end word", delimiter.raw)
        self._named.append((delimiter.text, delimiter.raw != delimiter.text, tabs))

    def read(self, position: int) -> int:
        """Reads the bodies at the beginning of a line; returns the position behind them."""
        named, self._named = self._named, []
        if len(named) > 1:
            self._script.note("two here-documents begin on one line", self._text)
        for delimiter, quoted, tabs in named:
            position = self._body(position, delimiter, quoted=quoted, tabs=tabs)
        return position

    def end(self) -> None:
        """The text is over."""
        if self._named:
            self._doubt("a here-document never ends", self._text)

    def _doubt(self, reason: str, part: str) -> None:
        self._script.note(reason, part, opaque=True, unread=True)

    def _body(self, start: int, delimiter: str, *, quoted: bool, tabs: bool) -> int:
        text = self._text
        begin = start
        while begin < len(text):
            end = text.find("\n", begin)
            end = len(text) if end < 0 else end
            line = text[begin:end]
            if (line.lstrip("\t") if tabs else line) == delimiter:
                if not quoted:
                    self._expanded(text[start:begin], start)
                return min(end + 1, len(text))
            begin = min(end + 1, len(text))
        self._doubt("a here-document never ends", text[start:])
        return begin

    def _expanded(self, body: str, start: int) -> None:
        reason = "an unquoted here-document can run commands"
        if "\\\n" in body:
            # A joined line can hide the end word, so that the body goes on.
            self._doubt(reason, self._text[start:])
        else:
            self._script.note(reason, body, unread=True)
        self._expand(_CONTINUED.sub(lambda found: "" if found.group() == "\\\n" else found.group(), body))
