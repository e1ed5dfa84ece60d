"""One sanitiser for everything untrusted that reaches a terminal, a model or a log.

Terminal control sequences vanish. Characters that would move the cursor or hide text become visible: control
characters as their pictures (a carriage return as U+240D), invisible and direction-changing ones as escapes.
"""

import codecs
import re
import unicodedata

from kcode.screen.marks import MARKS_AT_END, thinned

MAX_LINE = 10_000
"""Characters of one line that are kept, as a rule."""

# A string sequence ends at its terminator; one that has none before the line ends hides no more than its line.
_STRING_END = re.compile("\x1b\\\\|[\x07\x9c\n]")
_STRING_END_ESC = re.compile("\x1b\\\\|[\x9c\n]")
_OTHER = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
UNSEEN = re.compile(f"[{_OTHER}]")
"""Characters that move the cursor or cannot be seen, wherever they stand."""
_SUSPECT = re.compile(f"[\u200c\u200d\ufe0f{_OTHER}]")
_TOKEN = re.compile(
    "\r\n"
    "|(?P<control>(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]?)"
    "|(?P<system>\x1b\\]|\x9d)"
    "|(?P<string>\x1b[PX^_]|[\x90\x98\x9e\x9f])"
    "|(?P<escape>\x1b[ -/]*[0-~]?)"
    "|(?P<silent>[\x07\x0e\x0f])"
    "|(?P<joiner>[\u200c\u200d])"
    "|(?P<selector>\ufe0f)"
    f"|(?P<other>[{_OTHER}])"
)
_ASCII_CONTROLS = bytes(c for c in range(128) if (c < 32 and c not in b"\t\n") or c == 127)
_PENDING = re.compile(
    "(?:\r|[\u200c\u200d]|(?:\x1b\\[|\x9b)[0-?]*[ -/]*|\x1b[ -/]*|(?:\x1b[]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\n]*)\\Z"
)
_MAX_PENDING = 4096
_PICTURES = 0x2400
_JOINING_SCRIPTS = re.compile("[\u0600-\u0fff\u1000-\u109f\u1780-\u18aa]")


def sanitise(text: str, *, max_line: int | None = MAX_LINE) -> str:
    """Return text that cannot control a terminal or hide anything.

    Args:
        text: anything, with unpaired surrogates even.
        max_line: characters after which a line is cut, with a count of what is missing; None for no limit.
    """
    if not _is_plain(text):
        text = _Scan(text, visible=False).run()
    if not text.isascii():
        text = thinned(text)
    if max_line is not None and len(text) > max_line:
        text = _cut_lines(text, max_line)
    return text


def reveal(text: str) -> tuple[str, int]:
    """Return text with everything hidden made visible, for a person who decides; and how many characters it was.

    Unlike `sanitise` this shows control sequences too: an approval must show all of what would run.
    """
    scan = _Scan(text, visible=True)
    shown = text if _is_plain(text) else scan.run()
    return (shown if shown.isascii() else thinned(shown)), scan.hidden


class Sanitiser:
    """Sanitises a stream that comes in pieces: bytes or text, cut anywhere.

    Lines are not cut; a control sequence that spans pieces is still recognised.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending = ""
        self._before = ""

    def feed(self, piece: bytes | str) -> str:
        """Take in the next piece and return what can be shown of it."""
        text = self._pending + (piece if isinstance(piece, str) else self._decoder.decode(piece))
        self._pending = ""
        if text.isascii() and _is_plain(text):
            self._before = text[-1:] or self._before
            return text
        window = len(text) - _MAX_PENDING
        match = _PENDING.search(text, max(window, 0)) or MARKS_AT_END.search(text, max(window, 0))
        if match:
            self._pending, text = match[0], text[: match.start()]
        return self._after(text)

    def finish(self) -> str:
        """Return what was held back, at the stream's end."""
        text, self._pending = self._pending + self._decoder.decode(b"", final=True), ""
        return self._after(text)

    def _after(self, text: str) -> str:
        """Sanitise a text that goes on from what was shown before: an emoji may be cut in its middle."""
        if not text:
            return ""
        shown = sanitise(self._before + text, max_line=None)[len(self._before) :]
        end = text[-2:]
        self._before = next(
            (one for one in (end, end[-1:]) if sanitise(one) == one and shown.endswith(one)), ""
        )
        return shown


def _is_plain(text: str) -> bool:
    if text.isascii():
        data = text.encode("ascii")
        return len(data.translate(None, _ASCII_CONTROLS)) == len(data)
    return _SUSPECT.search(text) is None


def _cut_lines(text: str, limit: int) -> str:
    lines = text.split("\n")
    if max(map(len, lines)) <= limit:
        return text
    return "\n".join(
        line
        if len(line) <= limit
        else f"{line[:limit]}… [{len(line) - limit:,} more characters in this line]"
        for line in lines
    )


def _escape(char: str) -> str:
    code = ord(char)
    if code < 0x20:
        return chr(_PICTURES + code)
    if code == 0x7F:
        return "\u2421"
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


class _Scan:
    """One pass over a text; every step moves forward, so that time stays linear."""

    def __init__(self, text: str, *, visible: bool) -> None:
        self._text = text
        self._visible = visible
        self.hidden = 0

    def run(self) -> str:
        text, out, at = self._text, list[str](), 0
        while suspect := _SUSPECT.search(text, at):
            match = _TOKEN.match(text, suspect.start())
            if match is None:  # pragma: no cover - every suspect starts a token
                break
            if match.start() > at:
                out.append(text[at : match.start()])
            at = self._end(match)
            # A character belongs to what is kept before it, and only if nothing was taken out between them.
            near = match.start() > 0 and _SUSPECT.match(text[match.start() - 1]) is None
            near = near or match.lastgroup == "joiner"
            replacement = self._replacement(match, at, out[-1][-1] if out and near else "")
            if replacement:
                out.append(replacement)
        out.append(text[at:])
        return "".join(out)

    def _end(self, match: re.Match[str]) -> int:
        """Where the token ends; a string sequence goes on to its terminator or to the end of the line."""
        if self._visible or match.lastgroup not in {"system", "string"}:
            return match.end()
        ends = _STRING_END if match.lastgroup == "system" else _STRING_END_ESC
        end = ends.search(self._text, match.end())
        if end is None:
            return len(self._text)
        return end.start() if end[0] == "\n" else end.end()

    def _replacement(self, match: re.Match[str], end: int, before: str) -> str:
        kind, token = match.lastgroup, match[0]
        if kind is None:
            return "\n"
        if kind in {"joiner", "selector"} and self._belongs(token, before, end):
            return token
        if kind in {"joiner", "selector", "other"}:
            self.hidden += 1
            return _escape(token)
        if not self._visible:
            return ""
        self.hidden += len(token)
        return "".join(_escape(c) if ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 else c for c in token)

    def _belongs(self, char: str, before: str, end: int) -> bool:
        """Whether an invisible character does its proper work: joining an emoji or letters of joining scripts."""
        if not before:
            return False
        if char == "\ufe0f":
            return before != "\n" and _SUSPECT.match(before) is None
        after = self._text[end : end + 1]
        if not after or _SUSPECT.match(after):
            return False
        if _JOINING_SCRIPTS.match(before):
            return unicodedata.category(after)[0] == "L"
        return char == "\u200d" and (before == "\ufe0f" or _is_picture(before)) and _is_picture(after)


def _is_picture(char: str) -> bool:
    return char >= "\u2190" and unicodedata.category(char) in {"So", "Sk"}
