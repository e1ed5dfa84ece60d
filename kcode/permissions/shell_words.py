"""Words as bash reads them: quotes, escapes, expansions, braces; what is not understood becomes a finding."""

import itertools
import re
from collections.abc import Callable
from typing import Final

from kcode.permissions.shell_characters import decode_ansi
from kcode.permissions.shell_script import Script, Word

NESTED: Final = "a nested command can't be checked before it runs"
ARITHMETIC: Final = "arithmetic can run commands"
_END: Final = frozenset(" \t\n;&|()<>")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BRACED_NAME: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-])\}")
_FLAT_BRACES: Final = re.compile(r"\{([^{}\s'\"\\$`]*,[^{}\s'\"\\$`]*)\}")
_RANGE: Final = re.compile(r"\{[^{},\s]*\.\.[^{},\s]*\}")
_HARMLESS_INSIDE: Final = re.compile(
    r"(?:\$?\(\(|\$\{(?!!)|\$\[)(?:[\w\s+*/%,.:=#!^~-]|@(?![PAK]))*[\])}]{1,2}"
)
"""`${x@P}` evaluates what the variable holds, and `${!x}` can."""
_SPECIAL_VARIABLES: Final = "@*#?-$!0123456789"
MOST_BRACE_WORDS: Final = 64

Nested = Callable[[str, int, str], int]
"""Reads a script in `text` from a position to a closing character; returns the position behind it."""


def note_unread(script: Script, reason: str, part: str, rest: str) -> None:
    """Adds a finding about a skipped `part`.

    Where more than names and operators stand inside, its end may lie elsewhere: all the `rest` is then unread.
    """
    simple = _HARMLESS_INSIDE.fullmatch(part) is not None
    script.note(reason, part if simple else rest, opaque=not simple, unread=True)


class WordReader:
    """Reads one word at a position of a text."""

    def __init__(self, text: str, position: int, script: Script, nested: Nested) -> None:
        """Reads from `text` at `position`; findings go to `script`, `nested` reads inner scripts."""
        self._text = text
        self.position = position
        self._script = script
        self._nested = nested
        self._pieces: list[str] = []
        self._literal = True
        self._glob = False
        self._braces = False
        self._variables: list[str] = []
        self._steps: dict[str, Callable[[], None]] = {
            "'": self._single,
            '"': self._double,
            "\\": self._escape,
            "$": self._dollar,
            "`": self._backquote,
            "*": self._wild,
            "?": self._wild,
            "[": self._wild,
            "{": self._brace,
        }

    def read(self) -> list[Word]:
        """The word at the position; several where braces expand; none where no word begins."""
        start = self.position
        text = self._text
        while self.position < len(text):
            character = text[self.position]
            step = self._steps.get(character)
            if step is not None:
                step()
            elif character not in _END:
                self._take(1)
            elif character in "<>" and text.startswith("(", self.position + 1):
                self._process()
            else:
                break
        if self.position == start:
            return []
        return self._words(text[start : self.position])

    def read_body(self) -> None:
        """Reads a whole text that bash expands like the inside of double quotes: a here-document's body."""
        while self.position < len(self._text):
            self._double_step('"')

    def _take(self, count: int) -> None:
        self._pieces.append(self._text[self.position : self.position + count])
        self.position += count

    def _words(self, raw: str) -> list[Word]:
        raw = raw.replace("\\\n", "")
        text = "".join(self._pieces)
        glob = self._glob and raw not in {"[", "[["}
        names = tuple(dict.fromkeys(self._variables))
        word = Word(raw, text, self._literal, glob, raw.startswith("~"), names)
        return self._expand_braces(word) if self._braces else [word]

    def _expand_braces(self, word: Word) -> list[Word]:
        if "," not in word.raw and ".." not in word.raw:
            return [word]
        pieces = _FLAT_BRACES.split(word.raw)
        fixed = "".join(pieces[::2])
        if word.raw != word.text or "{" in fixed or "}" in fixed or _RANGE.search(word.raw):
            return [
                Word(
                    word.raw,
                    word.text,
                    literal=False,
                    glob=word.glob,
                    tilde=word.tilde,
                    variables=word.variables,
                )
            ]
        choices = [p.split(",") if i % 2 else [p] for i, p in enumerate(pieces)]
        spelled = ["".join(c) for c in itertools.islice(itertools.product(*choices), MOST_BRACE_WORDS + 1)]
        if len(spelled) > MOST_BRACE_WORDS:
            return [Word(word.raw, word.text, literal=False)]
        return [Word(s, s, word.literal, word.glob, s.startswith("~")) for s in spelled if s]

    def _wild(self) -> None:
        self._glob = True
        self._take(1)

    def _brace(self) -> None:
        self._braces = True
        self._take(1)

    def _unclosed(self, start: int) -> None:
        self._script.note("a quote is never closed", self._text[start:], opaque=True, unread=True)
        self._literal = False
        self.position = len(self._text)

    def _single(self) -> None:
        start = self.position
        end = self._text.find("'", start + 1)
        if end < 0:
            self._unclosed(start)
            return
        self._pieces.append(self._text[start + 1 : end])
        self.position = end + 1

    def _escape(self) -> None:
        following = self._text[self.position + 1 : self.position + 2]
        if following == "\n":
            self._continuation()
        elif not following:
            self._script.note("the command ends in a backslash", self._text, opaque=True)
            self._take(1)
        else:
            self.position += 1
            self._take(1)

    def _continuation(self) -> None:
        """A line continuation inside a word is exact, but hides what the word is from a person."""
        self._script.note(
            "a word is split over two lines", self._text[self.position - 10 : self.position + 10]
        )
        self.position += 2

    def _double(self) -> None:
        start = self.position
        self.position += 1
        while self.position < len(self._text) and self._text[self.position] != '"':
            self._double_step("")
        if self.position >= len(self._text):
            self._unclosed(start)
        else:
            self.position += 1

    def _double_step(self, literal_quote: str) -> None:
        character = self._text[self.position]
        if character == "\\":
            following = self._text[self.position + 1 : self.position + 2]
            if following == "\n":
                self._continuation()
            elif following and following in '$`"\\' and following != literal_quote:
                self.position += 1
                self._take(1)
            else:
                self._take(2)
        elif character == "$":
            self._dollar(quoted=True)
        elif character == "`":
            self._backquote(quoted=True)
        else:
            self._take(1)

    def _dollar(self, *, quoted: bool = False) -> None:
        rest = self._text[self.position + 1 : self.position + 3]
        name = _NAME.match(self._text, self.position + 1)
        if rest.startswith("("):
            self._parenthesis(arithmetic=rest == "((")
        elif rest.startswith("{"):
            self._parameter()
        elif rest.startswith("["):
            self._skip("]", "old-style arithmetic can run commands")
        elif rest.startswith("'") and not quoted:
            self._ansi()
        elif rest.startswith('"') and not quoted:
            self._literal = False
            self.position += 1
        elif name or (rest and rest[0] in _SPECIAL_VARIABLES):
            self._variable(name.group() if name else rest[0], len(name.group()) if name else 1)
        elif rest.startswith("\\\n"):
            self._script.note("a line break hides what follows '$'", self._text, opaque=True, unread=True)
            self._take(1)
        else:
            self._take(1)

    def _variable(self, name: str, length: int) -> None:
        self._variables.append(name)
        self._literal = False
        self._take(1 + length)

    def _parenthesis(self, *, arithmetic: bool) -> None:
        start = self.position
        if arithmetic and "))" in self._text[start:]:
            self._skip("))", ARITHMETIC)
            return
        if self._text.startswith("\\\n", start + 2):
            self._script.note(
                "a line break hides what follows '('", self._text[start:], opaque=True, unread=True
            )
        self._literal = False
        self.position = self._nested(self._text, start + 2, ")")
        part = self._text[start : self.position]
        self._pieces.append(part)
        self._script.note(NESTED, part)

    def _process(self) -> None:
        start = self.position
        self._literal = False
        self.position = self._nested(self._text, start + 2, ")")
        part = self._text[start : self.position]
        self._pieces.append(part)
        self._script.note(NESTED, part)

    def _parameter(self) -> None:
        found = _BRACED_NAME.match(self._text, self.position + 1)
        if found:
            self._variable(found.group(1), len(found.group()))
        else:
            self._skip("}", "a parameter expansion can run commands")

    def _skip(self, closing: str, reason: str) -> None:
        """Passes over what is not read; deny rules are still looked for in its raw text."""
        start = self.position
        self._literal = False
        depth = 0
        opening = {"}": "{", "]": "[", "))": "(("}[closing]
        self.position += 1
        while self.position < len(self._text):
            if self._text.startswith(opening, self.position):
                depth += 1
                self.position += len(opening)
            elif self._text.startswith(closing, self.position):
                depth -= 1
                self.position += len(closing)
                if depth <= 0:
                    break
            else:
                self.position += 1
        part = self._text[start : self.position]
        self._pieces.append(part)
        note_unread(self._script, reason, part, self._text[start:])

    def _ansi(self) -> None:
        start = self.position
        end = start + 2
        while end < len(self._text) and self._text[end] != "'":
            end += 2 if self._text[end] == "\\" else 1
        if end >= len(self._text):
            self._unclosed(start)
            return
        decoded = decode_ansi(self._text[start + 2 : end])
        if decoded is None:
            self._literal = False
            decoded = self._text[start + 2 : end]
        self._pieces.append(decoded)
        self.position = end + 1

    def _backquote(self, *, quoted: bool = False) -> None:
        start = self.position
        end = start + 1
        while end < len(self._text) and self._text[end] != "`":
            end += 2 if self._text[end] == "\\" else 1
        if end >= len(self._text):
            self._unclosed(start)
            return
        escaped = r'\\([\\`$"])' if quoted else r"\\([\\`$])"
        inner = re.sub(escaped, r"\1", self._text[start + 1 : end])
        self._nested(inner, 0, "")
        self._literal = False
        part = self._text[start : end + 1]
        self._pieces.append(part)
        self._script.note(NESTED, part)
        self.position = end + 1
