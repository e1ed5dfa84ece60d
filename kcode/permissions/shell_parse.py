"""Reads a shell command into the simple commands it can run; what is not plain becomes a finding.

The list of commands is a superset of what bash runs whenever no finding is `opaque`: keywords are stepped over
wherever bash could see one, and whatever follows where a command may stand is taken as a command.
"""

import re
from typing import Final

from kcode.permissions.shell_bodies import HereDocuments
from kcode.permissions.shell_characters import hidden_characters
from kcode.permissions.shell_keywords import EMPTY_BRACKETS, define, keyword
from kcode.permissions.shell_script import (
    DEEPEST,
    LONGEST,
    MOST_COMMANDS,
    Assignment,
    Redirect,
    Script,
    Simple,
    Word,
)
from kcode.permissions.shell_words import ARITHMETIC, WordReader, note_unread

_BLANKS: Final = re.compile(r"(?:[ \t]|\\\n)+")
_PLAIN: Final = r"""(?:[A-Za-z0-9_./:@%+,=!^-]+|'[^'\\\n]*'|"[^"$`\\\n]*")(?=[ \t\n;&|)]|\Z)"""
_PLAIN_WORD: Final = re.compile(_PLAIN)
"""A word that means what stands there, up to where it surely ends: most are like this, and need no closer look."""
_PLAIN_WORDS: Final = re.compile(rf"{_PLAIN}(?:[ \t]+{_PLAIN})*")
_ASSIGNMENT: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\[.*\])?\+?=", re.DOTALL)
_REDIRECT: Final = re.compile(r"(\d+(?=[<>]))?(<<<|<<-|<<|<>|<&|>>|>\||>&|&>>|&>|<|>)")
_NAMED_DESCRIPTOR: Final = re.compile(r"\{[A-Za-z_][A-Za-z0-9_]*\}(?=[<>])")
_SEPARATOR: Final = re.compile(r";;&|;;|;&|;|&&|&|\|\||\|&|\|")
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


def _plain(raw: str) -> Word:
    return Word(raw, raw[1:-1] if raw[0] in "'\"" else raw)


class Parser:
    """Reads commands from a position of a text up to its end or an unmatched closing character."""

    def __init__(self, text: str, script: Script, depth: int, position: int = 0, closing: str = "") -> None:
        """Reads `text` from `position`; `closing` is `)` inside a substitution, else empty."""
        self.text = text
        self.script = script
        self._depth = depth
        self.position: int = position
        self._closing = closing
        self._words: list[Word] = []
        self._assignments: list[Assignment] = []
        self._redirects: list[Redirect] = []
        self._piped = False
        self._fed = False
        self._brackets = 0
        self._bodies = HereDocuments(text, script, self._expand)

    def run(self) -> int:
        """Reads to the end; returns the position behind the closing character."""
        text = self.text
        while True:
            self.skip_blanks()
            if self.position >= len(text):
                break
            if text[self.position] == ")" and not self._brackets and self._closing:
                self.position += 1
                self._flush()
                return self.position
            self._token()
        self._flush()
        if self._closing or self._brackets:
            self.script.note("a bracket is never closed", text, opaque=True, unread=True)
        self._bodies.end()
        return self.position

    def skip_blanks(self) -> None:
        """Moves on to the next character that is no blank."""
        found = _BLANKS.match(self.text, self.position)
        if not found:
            return
        before = self.text[self.position - 1 : self.position]
        self.position = found.end()
        if "\\\n" in found.group():
            following = self.text[self.position : self.position + 1]
            plain = (
                found.group()[0] != "\\" and following and (following.isalnum() or following in "-./'\"_$")
            )
            if not plain or not before.strip():
                self.script.note("a line break is hidden by a backslash", found.group())

    def _token(self) -> None:
        character = self.text[self.position]
        if character == "\n":
            self._newline()
        elif character == "#":
            self._comment()
        elif character == "(":
            self._open()
        elif character == ")":
            self._close()
        elif character in "<>&{0123456789" and self._redirection():
            pass
        elif character in ";&|":
            self._separate()
        else:
            self._word()

    def _flush(self) -> None:
        if self._words or self._assignments or self._redirects:
            opened = tuple(self._redirects)
            assigned = tuple(self._assignments)
            around = tuple(filter(None, self.script.loops)) if self.script.loops else ()
            command = Simple(tuple(self._words), assigned, opened, self._piped, self._fed, around)
            self.script.commands.append(command)
            self.script.header = None
        self._words, self._assignments, self._redirects = [], [], []
        self._piped = self._fed = False

    def _separate(self) -> None:
        found = _SEPARATOR.match(self.text, self.position)
        operator = found.group() if found else ""
        self._flush()
        self.position += len(operator)
        self._piped = operator in {"|", "|&"}
        if operator.startswith(";;") or operator == ";&":
            self.script.note(f"'{operator}' stands where no case ends", operator, opaque=True)

    def _comment(self) -> None:
        end = self.text.find("\n", self.position)
        end = len(self.text) if end < 0 else end
        if self._bodies.pending:
            self.script.note("a comment stands beside a here-document", self.text, opaque=True, unread=True)
        self.position = end

    def _newline(self) -> None:
        self._flush()
        self.position = self._bodies.read(self.position + 1)

    def _expand(self, body: str) -> None:
        self._reader(body, 0).read_body()

    def _open(self) -> None:
        text = self.text
        if text.startswith("(\\\n", self.position):
            self.script.note("a line break hides what follows '('", text, opaque=True, unread=True)
        if self._words:
            self._bracket_after_word()
        elif self._assignments and text[self.position - 1] == "=":
            self.position += 1
            self.script.note("an array is assigned", text[self.position : self.position + 80])
            self.position = self._array(self.position)
            if text[self.position : self.position + 1] not in {"", " ", "\t", "\n", ";", "&", "|", ")"}:
                self.script.note("an array is followed by more text", text, opaque=True, unread=True)
        elif text.startswith("((", self.position) and (end := text.find("))", self.position)) >= 0:
            note_unread(self.script, ARITHMETIC, text[self.position : end + 2], text[self.position :])
            self.position = end + 2
        else:
            self.position += 1
            self._brackets += 1

    def _bracket_after_word(self) -> None:
        closing = EMPTY_BRACKETS.match(self.text, self.position)
        if len(self._words) == 1 and closing:
            define(self._words[0], self.script)
            self._words = []
            self.position = closing.end()
            return
        self.script.note("a bracket stands in an unexpected place", self.text, opaque=True, unread=True)
        self._flush()
        self.position += 1
        self._brackets += 1

    def _close(self) -> None:
        self._flush()
        self.position += 1
        if self._brackets:
            self._brackets -= 1
        else:
            self.script.note("a bracket is closed that was never opened", self.text, opaque=True, unread=True)

    def _nested(self, text: str, position: int, closing: str) -> int:
        if self._depth >= DEEPEST:
            self.script.note(f"commands are nested deeper than {DEEPEST}", text, opaque=True, unread=True)
            return len(text)
        around, self.script.loops = self.script.loops, [*self.script.loops]
        end = Parser(text, self.script, self._depth + 1, position, closing).run()
        self.script.loops = around
        return end

    def _array(self, position: int) -> int:
        self.position = position
        while self.position < len(self.text) and self.text[self.position] != ")":
            if self.text[self.position] in "#;&|<>(":
                self.script.note("an array holds more than words", self.text, opaque=True, unread=True)
            reader = self._reader(self.text, self.position)
            reader.read()
            self.position = reader.position if reader.position > self.position else self.position + 1
        return self.position + 1

    def _reader(self, text: str, position: int) -> WordReader:
        return WordReader(text, position, self.script, self._nested)

    def read(self) -> list[Word]:
        """Reads a word; several where braces expand, none where no word begins."""
        if plain := _PLAIN_WORD.match(self.text, self.position):
            self.position = plain.end()
            return [_plain(plain.group())]
        reader = self._reader(self.text, self.position)
        words = reader.read()
        if self._bodies.pending and "\n" in self.text[self.position : reader.position]:
            self.script.note(
                "a here-document begins inside a longer word", self.text, opaque=True, unread=True
            )
        self.position = reader.position
        return words

    def _word(self) -> None:
        if self._words and (plain := _PLAIN_WORDS.match(self.text, self.position)):
            self.position = plain.end()
            self._words += [_plain(raw) for raw in _PLAIN_WORD.findall(plain.group())]
            return
        words = self.read()
        if not words:
            # A character no rule knows: stepping over it keeps the reader moving, the finding keeps it honest.
            self.script.note("the command could not be read", self.text, opaque=True, unread=True)
            self.position += 1
            return
        first = words[0]
        if not (self._words or self._assignments) and first.bare and self._keyword(first.text):
            return
        assignment = _ASSIGNMENT.match(first.raw) if "=" in first.raw and not self._words else None
        if assignment:
            self._assign(assignment, first)
        else:
            self._words += words

    def _keyword(self, text: str) -> bool:
        read_on = keyword(text)
        if read_on is None:
            return False
        if self._redirects:
            # Bash itself rewrites such a command inside a substitution, and then the keyword counts.
            self.script.note("a keyword follows a redirection", self.text, opaque=True, unread=True)
        self._words += read_on(self)
        return True

    def _assign(self, found: re.Match[str], word: Word) -> None:
        if found.group(2):
            self.script.note("an array element is assigned", word.raw, unread=True)
        value = word.text.partition("=")[2]
        raw = word.raw[found.end() :]
        self._assignments.append(Assignment(found.group(1), Word(raw, value, word.literal, word.glob)))

    def _redirection(self) -> bool:
        if named := _NAMED_DESCRIPTOR.match(self.text, self.position):
            self.script.note("a named descriptor is opened", self.text[named.start() : named.end() + 20])
            self.position = named.end()
        found = _REDIRECT.match(self.text, self.position)
        if not found or self.text.startswith(("<(", ">("), self.position):
            return False
        self.position = found.end()
        self.skip_blanks()
        operator = found.group(2)
        if operator in {"<&", ">&"} and self.text.startswith("-", self.position):
            # The dash is a word of its own, whatever follows it.
            self.position += 1
            return True
        targets = self.read()
        if len(targets) != 1 or targets[0].raw.startswith("#"):
            self.script.note("a redirection has no single target", self.text, opaque=True, unread=True)
        elif operator in {"<<", "<<-"}:
            self._fed = True
            self._bodies.name(targets[0], tabs=operator == "<<-")
        elif operator == "<<<":
            self._fed = True
            self.script.values += targets
        elif len(self._redirects) >= MOST_COMMANDS:
            self.script.note("the command has too many redirections", self.text, opaque=True, unread=True)
        elif not (operator in {"<&", ">&"} and _DESCRIPTOR.fullmatch(targets[0].raw)):
            self._redirects.append(Redirect(operator, targets[0]))
        return True
