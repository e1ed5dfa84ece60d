"""Reads a shell command into the simple commands it can run; what is not plain becomes a finding.

The list of commands is a superset of what bash runs whenever no finding is `opaque`: keywords are stepped over
wherever bash could see one, and whatever follows where a command may stand is taken as a command.
"""

import re
import unicodedata
from collections.abc import Callable
from typing import Final

from kcode.permissions.shell_script import (
    DEEPEST,
    LONGEST,
    MOST_COMMANDS,
    Assignment,
    Redirect,
    Script,
    Simple,
    Word,
    names,
)
from kcode.permissions.shell_words import ARITHMETIC, WordReader, note_unread

_BLANKS: Final = re.compile(r"(?:[ \t]|\\\n)+")
_KEYWORDS: Final = names("if then elif else fi while until do done esac { } !")
_ASSIGNMENT: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\[.*\])?\+?=", re.DOTALL)
_REDIRECT: Final = re.compile(r"(\d+(?=[<>]))?(<<<|<<-|<<|<>|<&|>>|>\||>&|&>>|&>|<|>)")
_NAMED_DESCRIPTOR: Final = re.compile(r"\{[A-Za-z_][A-Za-z0-9_]*\}(?=[<>])")
_SEPARATOR: Final = re.compile(r";;&|;;|;&|;|&&|&|\|\||\|&|\|")
_LOOP_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*")
_HIDDEN: Final = frozenset({"Cf", "Co", "Cn", "Cs", "Zl", "Zp", "Cc", "Zs"})
_PLAIN_SPACES: Final = frozenset("\t\n ")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_CONTINUED: Final = re.compile(r"\\.", re.DOTALL)
EVALUATED: Final = re.compile(r"\$[({\[]|`")
"""What runs commands in a text that is evaluated later."""
_READ_AT_MOST: Final = 40_000
_DESCRIPTOR: Final = re.compile(r"\d+-?|-")


def parse(text: str) -> Script:
    """Reads a whole command text."""
    script = Script()
    if hidden := hidden_characters(text):
        named = ", ".join(dict.fromkeys(f"U+{ord(c):04X}" for c in hidden[:5]))
        script.note(
            f"the command holds hidden or control characters ({named})", text, opaque=True, unread=True
        )
    if len(text) > LONGEST:
        script.note(f"the command is longer than {LONGEST} characters", text, opaque=True, unread=True)
    Parser(text[:_READ_AT_MOST], script, 0).run()
    if len(script.commands) > MOST_COMMANDS:
        script.note(f"the command has more than {MOST_COMMANDS} parts", text)
    if not script.commands and not script.findings:
        script.note("the command is empty", text)
    return script


def hidden_characters(text: str) -> list[str]:
    """Control, format and unusual blank characters: unseen by a person, or no blank to bash."""
    if text.isascii():
        return _CONTROL.findall(text)
    return [c for c in text if c not in _PLAIN_SPACES and unicodedata.category(c) in _HIDDEN]


class Parser:
    """Reads commands from a position of a text up to its end or an unmatched closing character."""

    def __init__(self, text: str, script: Script, depth: int, position: int = 0, closing: str = "") -> None:
        """Reads `text` from `position`; `closing` is `)` inside a substitution, else empty."""
        self._text = text
        self._script = script
        self._depth = depth
        self._position: int = position
        self._closing = closing
        self._words: list[Word] = []
        self._assignments: list[Assignment] = []
        self._redirects: list[Redirect] = []
        self._piped = False
        self._fed = False
        self._brackets = 0
        self._bodies: list[tuple[str, bool, bool]] = []
        self._keywords: dict[str, Callable[[], None]] = {
            "for": self._loop,
            "select": self._loop,
            "function": self._function,
            "case": self._case,
            "time": self._time,
            "coproc": self._coprocess,
            "[[": self._condition,
        }

    def run(self) -> int:
        """Reads to the end; returns the position behind the closing character."""
        text = self._text
        while True:
            self._skip_blanks()
            if self._position >= len(text):
                break
            if text[self._position] == ")" and not self._brackets and self._closing:
                self._position += 1
                self._flush()
                return self._position
            self._token()
        self._flush()
        if self._closing or self._brackets:
            self._script.note("a bracket is never closed", text, opaque=True, unread=True)
        if self._bodies:
            self._script.note("a here-document never ends", text, opaque=True, unread=True)
        return self._position

    def _skip_blanks(self) -> None:
        found = _BLANKS.match(self._text, self._position)
        if not found:
            return
        before = self._text[self._position - 1 : self._position]
        self._position = found.end()
        if "\\\n" in found.group():
            following = self._text[self._position : self._position + 1]
            plain = (
                found.group()[0] != "\\" and following and (following.isalnum() or following in "-./'\"_$")
            )
            if not plain or not before.strip():
                self._script.note("a line break is hidden by a backslash", found.group())

    def _token(self) -> None:
        character = self._text[self._position]
        if character == "\n":
            self._newline()
        elif character == "#":
            self._comment()
        elif character == "(":
            self._open()
        elif character == ")":
            self._close()
        elif self._redirection():
            pass
        elif separator := _SEPARATOR.match(self._text, self._position):
            self._separate(separator.group())
        else:
            self._word()

    def _flush(self) -> None:
        if self._words or self._assignments or self._redirects:
            self._script.commands.append(
                Simple(
                    tuple(self._words),
                    tuple(self._assignments),
                    tuple(self._redirects),
                    self._piped,
                    self._fed,
                )
            )
        self._words, self._assignments, self._redirects = [], [], []
        self._piped = self._fed = False

    def _separate(self, operator: str) -> None:
        self._flush()
        self._position += len(operator)
        self._piped = operator in {"|", "|&"}
        if operator.startswith(";;") or operator == ";&":
            self._script.note(f"'{operator}' stands where no case ends", operator, opaque=True)

    def _comment(self) -> None:
        end = self._text.find("\n", self._position)
        end = len(self._text) if end < 0 else end
        if self._bodies:
            self._script.note("a comment stands beside a here-document", self._text, opaque=True, unread=True)
        self._position = end

    def _newline(self) -> None:
        self._flush()
        self._position += 1
        bodies, self._bodies = self._bodies, []
        if len(bodies) > 1:
            self._script.note("two here-documents begin on one line", self._text)
        for delimiter, quoted, tabs in bodies:
            self._body(delimiter, quoted=quoted, tabs=tabs)

    def _body(self, delimiter: str, *, quoted: bool, tabs: bool) -> None:
        start = self._position
        while self._position < len(self._text):
            end = self._text.find("\n", self._position)
            end = len(self._text) if end < 0 else end
            begin = self._position
            line = self._text[begin:end]
            self._position = min(end + 1, len(self._text))
            if (line.lstrip("\t") if tabs else line) == delimiter:
                body = self._text[start:begin]
                if not quoted:
                    self._expand_body(body)
                return
        self._script.note("a here-document never ends", self._text[start:], opaque=True, unread=True)

    def _expand_body(self, body: str) -> None:
        reason = "an unquoted here-document can run commands"
        if "\\\n" in body:
            # A joined line can hide the end word, so that the body goes on.
            start = self._text.find(body)
            self._script.note(reason, self._text[max(start, 0) :], opaque=True, unread=True)
        else:
            self._script.note(reason, body, unread=True)
        joined = _CONTINUED.sub(lambda found: "" if found.group() == "\\\n" else found.group(), body)
        self._reader(joined, 0).read_body()

    def _open(self) -> None:
        text = self._text
        if text.startswith("(\\\n", self._position):
            self._script.note("a line break hides what follows '('", text, opaque=True, unread=True)
        if self._words:
            self._bracket_after_word()
        elif self._assignments and text[self._position - 1] == "=":
            self._position += 1
            part = text[self._position : self._position + 80]
            self._script.note("an array is assigned", part)
            self._position = self._nested(text, self._position, ")", array=True)
            if text[self._position : self._position + 1] not in {"", " ", "\t", "\n", ";", "&", "|", ")"}:
                self._script.note("an array is followed by more text", text, opaque=True, unread=True)
        elif text.startswith("((", self._position) and (end := text.find("))", self._position)) >= 0:
            note_unread(self._script, ARITHMETIC, text[self._position : end + 2], text[self._position :])
            self._position = end + 2
        else:
            self._position += 1
            self._brackets += 1

    def _bracket_after_word(self) -> None:
        closing = re.compile(r"\(\s*\)").match(self._text, self._position)
        if len(self._words) == 1 and closing:
            self._define(self._words[0])
            self._position = closing.end()
            return
        self._script.note("a bracket stands in an unexpected place", self._text, opaque=True, unread=True)
        self._flush()
        self._position += 1
        self._brackets += 1

    def _define(self, name: Word) -> None:
        self._script.functions.append(name.text)
        self._script.note("a function is defined, which can replace a command", f"{name.raw}()")
        self._words = []

    def _close(self) -> None:
        self._flush()
        self._position += 1
        if self._brackets:
            self._brackets -= 1
        else:
            self._script.note(
                "a bracket is closed that was never opened", self._text, opaque=True, unread=True
            )

    def _nested(self, text: str, position: int, closing: str, *, array: bool = False) -> int:
        if self._depth >= DEEPEST:
            self._script.note(f"commands are nested deeper than {DEEPEST}", text, opaque=True, unread=True)
            return len(text)
        if array:
            return self._array(position)
        return Parser(text, self._script, self._depth + 1, position, closing).run()

    def _array(self, position: int) -> int:
        self._position = position
        while self._position < len(self._text) and self._text[self._position] != ")":
            if self._text[self._position] in "#;&|<>(":
                self._script.note("an array holds more than words", self._text, opaque=True, unread=True)
            reader = self._reader(self._text, self._position)
            reader.read()
            self._position = reader.position if reader.position > self._position else self._position + 1
        return self._position + 1

    def _reader(self, text: str, position: int) -> WordReader:
        return WordReader(text, position, self._script, self._nested)

    def _read(self) -> list[Word]:
        reader = self._reader(self._text, self._position)
        words = reader.read()
        if self._bodies and "\n" in self._text[self._position : reader.position]:
            self._script.note(
                "a here-document begins inside a longer word", self._text, opaque=True, unread=True
            )
        self._position = reader.position
        return words

    def _word(self) -> None:
        words = self._read()
        if not words:
            # A character no rule knows: stepping over it keeps the reader moving, the finding keeps it honest.
            self._script.note("the command could not be read", self._text, opaque=True, unread=True)
            self._position += 1
            return
        first = words[0]
        if not (self._words or self._assignments) and first.bare and self._keyword(first.text):
            return
        assignment = _ASSIGNMENT.match(first.raw) if not self._words else None
        if assignment:
            self._assign(assignment, first)
        else:
            self._words += words

    def _keyword(self, text: str) -> bool:
        keyword = self._keywords.get(text)
        if text not in _KEYWORDS and keyword is None:
            return False
        if self._redirects:
            # Bash itself rewrites such a command inside a substitution, and then the keyword counts.
            self._script.note("a keyword follows a redirection", self._text, opaque=True, unread=True)
        if keyword:
            keyword()
        return True

    def _assign(self, found: re.Match[str], word: Word) -> None:
        if found.group(2):
            self._script.note("an array element is assigned", word.raw, unread=True)
        value = word.text.partition("=")[2]
        raw = word.raw[found.end() :]
        self._assignments.append(Assignment(found.group(1), Word(raw, value, word.literal, word.glob)))

    def _loop(self) -> None:
        self._skip_blanks()
        if self._text.startswith("((", self._position):
            self._script.note(ARITHMETIC, self._text, opaque=True, unread=True)
            return
        name = self._read()
        if not name or not _LOOP_NAME.fullmatch(name[0].raw) or name[0].raw.endswith("_proxy"):
            part = name[0].raw if name else ""
            self._script.note("a loop variable may change how commands run", part, opaque=True, unread=True)
        self._skip_blanks()
        if not re.compile(r"in(?=[\s;])").match(self._text, self._position):
            return
        self._position += 2
        self._skip_blanks()
        while self._position < len(self._text) and self._text[self._position] not in "\n;&|()<>#":
            for value in self._read():
                if value.literal and EVALUATED.search(value.text):
                    self._script.note(
                        "a loop's variable is given text that can run commands", value.raw, opaque=True
                    )
            self._skip_blanks()

    def _function(self) -> None:
        self._skip_blanks()
        name = self._read()
        if not name or not re.compile(r"[\w:.-]+").fullmatch(name[0].raw):
            self._script.note("a function has an unusual name", self._text, opaque=True, unread=True)
        self._define(name[0] if name else Word("", ""))
        self._skip_blanks()
        if closing := re.compile(r"\(\s*\)").match(self._text, self._position):
            self._position = closing.end()

    def _case(self) -> None:
        self._script.note("a 'case' is not read exactly", self._text, opaque=True, unread=True)

    def _condition(self) -> None:
        """Inside `[[ ]]` separators and redirections are operators of the test."""
        self._words.append(Word("[[", "[["))
        while self._position < len(self._text):
            character = self._text[self._position]
            if character in " \t\n":
                self._position += 1
            elif character in ";&|()<>":
                self._words.append(Word(character, character))
                self._position += 1
            elif character == "#" or not (words := self._read()):
                break
            else:
                self._words += words
                if words[-1].raw == "]]":
                    return
        self._script.note("a test is never closed", self._text, opaque=True, unread=True)

    def _time(self) -> None:
        option = re.compile(r"(?:-p|--)(?=[\s\\])")
        while True:
            self._skip_blanks()
            found = option.match(self._text, self._position)
            if not found:
                return
            self._position = found.end()

    def _coprocess(self) -> None:
        self._script.note("a coprocess is started", "coproc", opaque=True, unread=True)

    def _redirection(self) -> bool:
        if named := _NAMED_DESCRIPTOR.match(self._text, self._position):
            self._script.note("a named descriptor is opened", self._text[named.start() : named.end() + 20])
            self._position = named.end()
        found = _REDIRECT.match(self._text, self._position)
        if not found or self._text.startswith(("<(", ">("), self._position):
            return False
        self._position = found.end()
        self._skip_blanks()
        operator = found.group(2)
        if operator in {"<&", ">&"} and self._text.startswith("-", self._position):
            # The dash is a word of its own, whatever follows it.
            self._position += 1
            return True
        targets = self._read()
        if len(targets) != 1 or targets[0].raw.startswith("#"):
            self._script.note("a redirection has no single target", self._text, opaque=True, unread=True)
        elif operator in {"<<", "<<-"}:
            self._here(operator, targets[0])
        elif operator == "<<<":
            self._fed = True
        elif len(self._redirects) >= MOST_COMMANDS:
            self._script.note("the command has too many redirections", self._text, opaque=True, unread=True)
        elif not (operator in {"<&", ">&"} and _DESCRIPTOR.fullmatch(targets[0].raw)):
            self._redirects.append(Redirect(operator, targets[0]))
        return True

    def _here(self, operator: str, delimiter: Word) -> None:
        self._fed = True
        if not delimiter.literal or "\n" in delimiter.raw:
            self._script.note(
                "a here-document has an unusual end word", delimiter.raw, opaque=True, unread=True
            )
        quoted = delimiter.raw != delimiter.text
        self._bodies.append((delimiter.text, quoted, operator == "<<-"))
