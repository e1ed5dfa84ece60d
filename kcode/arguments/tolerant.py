"""A reader for almost-JSON that never invents a value.

It reads JSON and the ways in which models miss it: raw control characters and undefined escapes inside
strings, single quotes, Python's words, bare keys, comments and trailing commas. Everything else is an error with its
position.
"""

import re
from typing import Any

_SPACE = re.compile(r"[\s\ufeff]*")
_COMMENT = re.compile(r"//|/\*|#")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_CUT_NUMBER = re.compile(r"[-\d][\d.eE+-]*\Z")
_WORD = re.compile(r"[A-Za-z_$][\w$-]*")
_STRINGS = {
    '"': re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL),
    "'": re.compile(r"'((?:[^'\\]|\\.)*+)'", re.DOTALL),
}
_HEX = {"x": 2, "u": 4, "U": 8}
_JSON_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_PYTHON_ESCAPES = {
    "'": "'",
    '"': '"',
    "\\": "\\",
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\n": "",
}  # fmt: skip - two lines show the pairs better than eleven
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None}
_PYTHON_WORDS: dict[str, Any] = {"True": True, "False": False, "None": None, "undefined": None}
_CLOSERS = {"{": "}", "[": "]"}
_DEEPEST = 150


class UnreadableError(Exception):
    """The text is not almost-JSON at `position`."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


class CutError(UnreadableError):
    """The text ends too early; `closers` would complete it without touching a value, None: nothing would."""

    def __init__(self, position: int, closers: str | None) -> None:
        super().__init__("the text ends here", position)
        self.closers = closers


class Reader:
    """Reads one value from a text.

    Attributes:
        position: where reading stopped.
        mended: what had to be mended so far, in order, each kind once.
    """

    def __init__(self, text: str, position: int = 0) -> None:
        self.text = text
        self.position = position
        self.mended: list[str] = []
        self._open: list[str] = []
        self._python = False
        self._strings = 0

    def value(self) -> Any:
        """Return the value at the position.

        Raises:
            UnreadableError: it is not almost-JSON.
            CutError: the text ends before the value does.
        """
        self._skip_space()
        char = self._peek(None)
        if char in _CLOSERS:
            if len(self._open) >= _DEEPEST:
                raise UnreadableError(f"nested more than {_DEEPEST} levels deep", self.position)
            self.position += 1
            self._open.append(char)
            value = self._object() if char == "{" else self._array()
            self._open.pop()
            return value
        if char in {'"', "'"}:
            return self._string(char)
        if self._open and _CUT_NUMBER.match(self.text, self.position):
            # More digits may have followed, so nothing completes it for certain.
            raise CutError(len(self.text), None)
        number = _NUMBER.match(self.text, self.position)
        if number is not None:
            return self._number(number.group())
        return self._word()

    def _note(self, kind: str) -> None:
        if kind not in self.mended:
            self.mended.append(kind)

    def _skip_space(self) -> None:
        while True:
            match = _SPACE.match(self.text, self.position)
            if match is not None:
                self.position = match.end()
            opening = _COMMENT.match(self.text, self.position)
            if opening is None:
                return
            self._note("comment")
            end = self.text.find("*/" if opening.group() == "/*" else "\n", opening.end())
            if end < 0:
                # What was left out of it nobody knows.
                raise CutError(len(self.text), None)
            self.position = end + (2 if opening.group() == "/*" else 1)

    def _peek(self, closers: str | None) -> str:
        if self.position >= len(self.text):
            raise CutError(self.position, closers)
        return self.text[self.position]

    def _closers(self) -> str:
        return "".join(_CLOSERS[char] for char in reversed(self._open))

    def _object(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while True:
            self._skip_space()
            if self._peek(None) == "}":
                if found:
                    self._note("comma")
                self.position += 1
                return found
            key = self._key()
            self._skip_space()
            if self._peek(None) != ":":
                raise UnreadableError(f"a colon must follow the key {key!r}", self.position)
            self.position += 1
            found[key] = self.value()
            if self._ends("}"):
                return found

    def _array(self) -> list[Any]:
        found: list[Any] = []
        while True:
            self._skip_space()
            if self._peek(None) == "]":
                if found:
                    self._note("comma")
                self.position += 1
                return found
            found.append(self.value())
            if self._ends("]"):
                return found

    def _ends(self, closer: str) -> bool:
        self._skip_space()
        char = self._peek(self._closers())
        if char not in {",", closer}:
            raise UnreadableError(f"a comma or {closer} must follow a value", self.position)
        self.position += 1
        return char == closer

    def _key(self) -> str:
        char = self._peek(None)
        if char in {'"', "'"}:
            return self._string(char)
        bare = _WORD.match(self.text, self.position)
        if bare is None:
            raise UnreadableError("a key in double quotes must stand here", self.position)
        self._note("quotes")
        self.position = bare.end()
        return bare.group()

    def _number(self, text: str) -> int | float:
        self.position += len(text)
        try:
            return int(text)
        except ValueError:
            pass
        try:
            number = float(text)
        except ValueError:  # pragma: no cover - the pattern admits only what float reads
            number = float("inf")
        if number in {float("inf"), float("-inf")} or not set(text) & set(".eE"):
            raise UnreadableError("a number is too large", self.position)
        return number

    def _word(self) -> Any:
        match = _WORD.match(self.text, self.position)
        if match is None:
            raise UnreadableError(f"no value can start with {self._peek(None)!r}", self.position)
        word = match.group()
        if word in _WORDS or word in _PYTHON_WORDS:
            self.position = match.end()
            if word in _PYTHON_WORDS:
                self._note("python")
                return _PYTHON_WORDS[word]
            return _WORDS[word]
        if match.end() == len(self.text) and any(w.startswith(word) for w in (*_WORDS, *_PYTHON_WORDS)):
            raise CutError(match.end(), None)
        raise UnreadableError(f"{word[:40]!r} needs double quotes", self.position)

    def _string(self, quote: str) -> str:
        if self._strings == 0 and quote == "'":
            self._python = True
        self._strings += 1
        if quote == "'":
            self._note("python")
        whole = _STRINGS[quote].match(self.text, self.position)
        if whole is None:
            raise CutError(len(self.text), None)
        self.position = whole.end()
        return self._unescape(whole.group(1))

    def _unescape(self, raw: str) -> str:
        if not self._python and not raw.isprintable() and any(char < " " for char in raw):
            self._note("control")
        if "\\" not in raw:
            return raw
        parts, undefined = self._split_escapes(raw)
        if undefined and not self._python:
            self._note("escapes")
            if re.match(r"[A-Za-z]:\\", raw):
                # One undefined escape in a drive path shows that none of its single backslashes is one.
                return re.sub(r'\\([\\"])', r"\1", raw)
        return "".join(parts)

    def _split_escapes(self, raw: str) -> tuple[list[str], bool]:
        table = _PYTHON_ESCAPES if self._python else _JSON_ESCAPES
        parts: list[str] = []
        undefined = False
        at = 0
        while (slash := raw.find("\\", at)) >= 0:
            parts.append(raw[at:slash])
            char = raw[slash + 1]
            at = slash + 2
            if char in table:
                parts.append(table[char])
                continue
            decoded, length = self._numbered(raw, slash)
            undefined = undefined or length == 0
            parts.append(decoded if length else "\\" + char)
            at = slash + length if length else at
        parts.append(raw[at:])
        return parts, undefined

    def _numbered(self, raw: str, slash: int) -> tuple[str, int]:
        kind = raw[slash + 1]
        digits = _HEX.get(kind, 0)
        if not digits or (kind != "u" and not self._python):
            return "", 0
        length = 2 + digits
        code = raw[slash + 2 : slash + length]
        if not re.fullmatch(rf"[0-9A-Fa-f]{{{digits}}}", code) or int(code, 16) > 0x10FFFF:
            return "", 0
        low = re.match(r"\\u([dD][c-fC-F][0-9A-Fa-f]{2})", raw[slash + length :])
        if 0xD800 <= int(code, 16) < 0xDC00 and low is not None:
            pair = 0x10000 + ((int(code, 16) - 0xD800) << 10) + int(low.group(1), 16) - 0xDC00
            return chr(pair), length + 6
        return chr(int(code, 16)), length
