"""Words with which bash's grammar goes on differently: loops, functions, tests, timing."""

import re
from collections.abc import Callable
from typing import Final, Protocol

from kcode.permissions.shell_script import Loop, Script, Word, names
from kcode.permissions.shell_words import ARITHMETIC

EVALUATED: Final = re.compile(r"\$[({\[]|`")
"""What runs commands in a text that is evaluated later."""
EMPTY_BRACKETS: Final = re.compile(r"\(\s*\)")
_STEPPED_OVER: Final = names("if then elif else fi while until esac { } !")
_LOOP_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*")
_FUNCTION_NAME: Final = re.compile(r"[\w:.-]+")
_IN: Final = re.compile(r"in(?=[\s;])")
_TIME_OPTION: Final = re.compile(r"(?:-p|--)(?=[\s\\])")


class Source(Protocol):
    """The text that a keyword stands in; `position` is behind it."""

    text: str
    position: int
    script: Script

    def skip_blanks(self) -> None:
        """Moves on to the next character that is no blank."""
        ...

    def read(self) -> list[Word]:
        """Reads a word; several where braces expand, none where no word begins."""
        ...


Keyword = Callable[[Source], list[Word]]
"""Reads what belongs to a keyword, and returns the words of a command that it begins."""


def keyword(text: str) -> Keyword | None:
    """How to go on behind a word where a command may stand; None where it is no keyword."""
    return _step_over if text in _STEPPED_OVER else _KEYWORDS.get(text)


def define(name: Word, script: Script) -> None:
    """A function comes into being."""
    script.functions.append(name.text)
    script.note("a function is defined, which can replace a command", f"{name.raw}()")


def _step_over(_source: Source) -> list[Word]:
    return []


def _loop(source: Source) -> list[Word]:
    source.skip_blanks()
    script = source.script
    script.header = None
    if source.text.startswith("((", source.position):
        script.note(ARITHMETIC, source.text, opaque=True, unread=True)
        return []
    name = source.read()
    if not name or not _LOOP_NAME.fullmatch(name[0].raw) or name[0].raw.endswith("_proxy"):
        part = name[0].raw if name else ""
        script.note("a loop variable may change how commands run", part, opaque=True, unread=True)
    source.skip_blanks()
    if not _IN.match(source.text, source.position):
        return []
    source.position += len("in")
    source.skip_blanks()
    values: list[Word] = []
    while source.position < len(source.text) and source.text[source.position] not in "\n;&|()<>#":
        for value in source.read():
            values.append(value)
            if value.literal and EVALUATED.search(value.text):
                script.note("a loop's variable is given text that can run commands", value.raw, opaque=True)
        source.skip_blanks()
    script.values += values
    known = bool(name and values) and all(v.literal and not v.tilde for v in values)
    script.header = Loop(name[0].text, tuple(values)) if known else None
    return []


def _do(source: Source) -> list[Word]:
    source.script.loops.append(source.script.header)
    source.script.header = None
    return []


def _done(source: Source) -> list[Word]:
    del source.script.loops[-1:]
    return []


def _function(source: Source) -> list[Word]:
    source.skip_blanks()
    name = source.read()
    if not name or not _FUNCTION_NAME.fullmatch(name[0].raw):
        source.script.note("a function has an unusual name", source.text, opaque=True, unread=True)
    define(name[0] if name else Word("", ""), source.script)
    source.skip_blanks()
    if closing := EMPTY_BRACKETS.match(source.text, source.position):
        source.position = closing.end()
    return []


def _case(source: Source) -> list[Word]:
    source.script.note("a 'case' is not read exactly", source.text, opaque=True, unread=True)
    return []


def _condition(source: Source) -> list[Word]:
    """Inside `[[ ]]` separators and redirections are operators of the test."""
    found = [Word("[[", "[[")]
    while source.position < len(source.text):
        character = source.text[source.position]
        if character in " \t\n":
            source.position += 1
        elif character in ";&|()<>":
            found.append(Word(character, character))
            source.position += 1
        elif character == "#" or not (words := source.read()):
            break
        else:
            found += words
            if words[-1].raw == "]]":
                return found
    source.script.note("a test is never closed", source.text, opaque=True, unread=True)
    return found


def _time(source: Source) -> list[Word]:
    while True:
        source.skip_blanks()
        found = _TIME_OPTION.match(source.text, source.position)
        if not found:
            return []
        source.position = found.end()


def _coprocess(source: Source) -> list[Word]:
    source.script.note("a coprocess is started", "coproc", opaque=True, unread=True)
    return []


_KEYWORDS: Final[dict[str, Keyword]] = {
    "for": _loop,
    "do": _do,
    "done": _done,
    "select": _loop,
    "function": _function,
    "case": _case,
    "time": _time,
    "coproc": _coprocess,
    "[[": _condition,
}
