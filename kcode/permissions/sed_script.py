"""What a sed script does beyond editing text: GNU sed can run programs and open files from inside of a script."""

import re
from dataclasses import dataclass
from typing import Final

_BLANKS: Final = re.compile(r"[ \t]*")
_BETWEEN: Final = re.compile(r"[ \t\n;]*")
_NEGATION: Final = re.compile(r"[ \t]*!?[ \t]*")
_ADDRESS_FLAGS: Final = re.compile("[IM]*")
_LINE: Final = re.compile(r"[^\n]*")
_NUMBER: Final = re.compile(r"\d+(?:~\d+)?|\$")
_SECOND: Final = re.compile(r"[+~]?\d+|\$")
_SIMPLE: Final = frozenset("=dDgGhHnNpPxzF")
_LABELLED: Final = re.compile(r":[ \t]*[\w.-]+[ \t]*|[btT](?:[ \t]+[\w.-]+|[\w.-]*)[ \t]*")
_QUITTING: Final = re.compile(r"[qQlL][ \t]*\d*")
_FLAGS: Final = re.compile(r"[gpiIMm0-9we]*")
_PATTERN: Final = r"(?:\\[^\n]|\[(?:(?!{0})[^\]\n\\])*\]|(?!{0})[^\\\n\[])*"
_REPLACEMENT: Final = r"(?:\\(?:.|\n)|(?!{0})[^\\\n])*"
"""A bracket means nothing here, and an escaped line break is part of it."""
_CHARACTERS: Final = r"(?:(?!{0})[^\n\\\[])*"
_DELIMITERS: Final = frozenset("/|#,:@!%~;=_+")


@dataclass(frozen=True, slots=True)
class SedScript:
    """What was read in a script; one that was not understood may do anything.

    Attributes:
        runs: whether it has a command that runs a program.
        opens: whether it has a command that reads or writes another file.
    """

    runs: bool = False
    opens: bool = False

    @property
    def plain(self) -> bool:
        """Whether it only edits text."""
        return not self.runs and not self.opens


class _NotUnderstoodError(Exception):
    """The rest of a script is written in a way that is not known here."""


def read_sed(script: str) -> SedScript:
    """Reads a script, of one `-e` or one operand."""
    reader = _Reader(script)
    try:
        reader.run()
    except _NotUnderstoodError:
        return SedScript(runs=True, opens=True)
    return SedScript(runs=reader.runs, opens=reader.opens)


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._open = 0
        self.runs = False
        self.opens = False

    def run(self) -> None:
        """Reads command after command."""
        while True:
            self._skip(_BETWEEN)
            if self._position >= len(self._text):
                break
            self._command()
        if self._open:
            raise _NotUnderstoodError

    def _skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._position)
        if found is None:
            return ""
        self._position = found.end()
        return found.group()

    def _next(self) -> str:
        return self._text[self._position : self._position + 1]

    def _command(self) -> None:
        self._address()
        letter = self._next()
        if letter == "#":
            self._rest_of_line()
        elif letter == "{":
            self._position += 1
            self._open += 1
        elif letter == "}":
            self._position += 1
            self._open -= 1
            self._end()
        elif letter in _SIMPLE and letter:
            self._position += 1
            self._end()
        elif letter == "s":
            self._substitute()
        elif letter == "y":
            self._transliterate()
        elif letter in "aic" and letter:
            self._text_command()
        elif self._skip(_LABELLED) or self._skip(_QUITTING):
            self._end()
        else:
            # `e` runs a program; r, R, w and W open files; v and what is not known is no plain editing.
            raise _NotUnderstoodError

    def _address(self) -> None:
        if self._one_address(_NUMBER):
            self._skip(_BLANKS)
            if self._next() == ",":
                self._position += 1
                self._skip(_BLANKS)
                if not self._one_address(_SECOND):
                    raise _NotUnderstoodError
        self._skip(_NEGATION)

    def _one_address(self, plain: re.Pattern[str]) -> bool:
        if self._skip(plain):
            return True
        if self._next() == "/":
            self._position += 1
            self._piece("/")
            self._skip(_ADDRESS_FLAGS)
            return True
        return False

    def _piece(self, delimiter: str, form: str = _PATTERN) -> None:
        """Passes over a piece of that form and its closing delimiter."""
        self._skip(re.compile(form.format(re.escape(delimiter))))
        if self._next() != delimiter:
            raise _NotUnderstoodError
        self._position += 1

    def _delimiter(self) -> str:
        delimiter = self._text[self._position + 1 : self._position + 2]
        if delimiter not in _DELIMITERS:
            raise _NotUnderstoodError
        self._position += 2
        return delimiter

    def _substitute(self) -> None:
        delimiter = self._delimiter()
        self._piece(delimiter)
        self._piece(delimiter, _REPLACEMENT)
        flags = self._skip(_FLAGS)
        self.runs = self.runs or "e" in flags
        if "w" in flags:
            self.opens = True
            self._rest_of_line()
        else:
            self._end()

    def _transliterate(self) -> None:
        delimiter = self._delimiter()
        for _ in range(2):
            self._piece(delimiter, _CHARACTERS)
        self._end()

    def _text_command(self) -> None:
        r"""`a TEXT`, or `a\` and the text on the following line."""
        self._position += 1
        self._skip(_BLANKS)
        line = self._rest_of_line()
        if "\\" in line.removeprefix("\\"):
            raise _NotUnderstoodError
        if line == "\\":
            self._position += 1
            if "\\" in self._rest_of_line():
                raise _NotUnderstoodError

    def _rest_of_line(self) -> str:
        return self._skip(_LINE)

    def _end(self) -> None:
        """What may stand behind a command."""
        self._skip(_BLANKS)
        if self._next() not in {"", ";", "\n", "}", "#"}:
            raise _NotUnderstoodError
