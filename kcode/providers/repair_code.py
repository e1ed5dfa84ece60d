"""Where code stands in Markdown: fences and inline spans, in which markup is only quoted."""

import re

_OPENING = re.compile(r"[ \t>]*(?:(?:[-*+]|\d{1,3}[.)])[ \t]+)?")
_CLOSING = re.compile(r"[ \t>]*(`{3,}|~{3,})[ \t\r]*")
_LONGEST_PREFIX = 200
_TAIL = 20
_QUOTES = "\"'(*_[/|“\u2018«„「『"
_SENTENCE_ENDS = frozenset(".!?…。\uff01\uff1f")
_BEFORE_MENTIONED = frozenset(" \t\"'(")
_LINE_ENDS = frozenset({"", "\n", "\r"})


def may_open_fence(line: str) -> bool:
    """Whether a run of backticks or tildes after this much of a line opens a fence."""
    return _OPENING.fullmatch(line) is not None


def closes(fence: str, line: str) -> bool:
    """Whether a line ends the fence that a run like `fence` opened."""
    match = _CLOSING.fullmatch(line)
    return match is not None and match.group(1)[0] == fence[0] and len(match.group(1)) >= len(fence)


class Place:
    """Where in Markdown a text has come to.

    Attributes:
        fence: the run that opened the fence we are in, empty outside.
        span: how many backticks opened the inline code we may be in, 0 outside.
        line: the beginning of the current line.
        tail: its end.
    """

    def __init__(self) -> None:
        self.fence = ""
        self.span = 0
        self.line = ""
        self.tail = ""

    def leave(self) -> None:
        """Forget fence and span."""
        self.fence = ""
        self.span = 0

    def move(self, text: str) -> None:
        """Go on over a text; a blank line ends inline code."""
        if "\n" not in text:
            self.line = (self.line + text)[:_LONGEST_PREFIX]
            self.tail = (self.tail + text)[-_TAIL:]
            return
        lines = (self.line + text).split("\n")
        if self.span and any(not line.strip() for line in lines[:-1]):
            self.span = 0
        self.line, self.tail = lines[-1][:_LONGEST_PREFIX], lines[-1][-_TAIL:]

    def mentions_opening(self, after: str) -> bool:
        """Whether a tag here, with this character behind it, is only spoken of, as in "the <think> tag"."""
        if not self.line.strip() or after in _LINE_ENDS:
            return False
        if self.tail[-1].isspace():
            return self.tail.rstrip()[-1:] not in _SENTENCE_ENDS
        return self.tail[-1] in _QUOTES

    def mentions_end(self, after: str) -> bool:
        """Whether an end tag here is only spoken of."""
        return self.tail[-1:] in _BEFORE_MENTIONED and after not in _LINE_ENDS
