"""What reading a shell command yields: words, redirections, simple commands and findings. Values only."""

import re
from dataclasses import dataclass, field
from typing import Final

MOST_COMMANDS: Final = 200
DEEPEST: Final = 8
LONGEST: Final = 10_000
ONE_VARIABLE: Final = re.compile(r'"\$(?:[A-Za-z_]\w*|[#?]|\{[A-Za-z_]\w*\})"')
"""A variable in quotes: one word, whatever it holds."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a command.

    Attributes:
        raw: as it was written.
        text: after quote removal; expansions stay as written.
        literal: whether bash will use exactly `text` (globs and a leading tilde aside).
        glob: whether an unquoted `*`, `?` or `[` stands in it.
        tilde: whether an unquoted `~` begins it.
        variables: the names expanded in it.
    """

    raw: str
    text: str
    literal: bool = True
    glob: bool = False
    tilde: bool = False
    variables: tuple[str, ...] = ()

    @property
    def bare(self) -> bool:
        """Whether it was written without quotes or escapes, as a keyword must be."""
        return self.literal and self.raw == self.text

    @property
    def fixed(self) -> bool:
        """Whether it stands for exactly one known word."""
        return self.literal and not self.glob and not self.tilde


@dataclass(frozen=True, slots=True)
class Redirect:
    """A redirection that opens a file: `operator` is one of `<`, `>`, `>>`, `>|`, `<>`, `&>`, `&>>`, `>&`."""

    operator: str
    target: Word

    @property
    def writes(self) -> bool:
        """Whether it can create or change its target."""
        return self.operator != "<"


@dataclass(frozen=True, slots=True)
class Assignment:
    """`NAME=value` before a command or by itself."""

    name: str
    value: Word


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop's variable and what it goes through."""

    name: str
    values: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Simple:
    """One simple command. `piped` says that it reads another command's output."""

    words: tuple[Word, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    redirects: tuple[Redirect, ...] = ()
    piped: bool = False
    fed: bool = False
    """Whether a here-document or here-string is its standard input."""
    loops: tuple[Loop, ...] = ()
    """The loops it stands in, as far as what they go through is written there."""

    @property
    def text(self) -> str:
        """The command as a person would read it."""
        pieces = [f"{a.name}={a.value.raw}" for a in self.assignments]
        pieces += [w.raw for w in self.words]
        pieces += [f"{r.operator} {r.target.raw}" for r in self.redirects]
        return " ".join(pieces)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that keeps a script from being allowed without asking.

    Attributes:
        reason: a sentence for a person.
        part: the text it is about.
        opaque: whether commands may run that were not read.
        unread: whether `part` was skipped, so that deny rules must still be looked for in its raw text.
    """

    reason: str
    part: str
    opaque: bool = False
    unread: bool = False


@dataclass(slots=True)
class Script:
    """Everything read from one command text; filled while reading."""

    commands: list[Simple] = field(default_factory=list[Simple])
    findings: list[Finding] = field(default_factory=list[Finding])
    functions: list[str] = field(default_factory=list[str])
    values: list[Word] = field(default_factory=list[Word])
    """What loops go through and here-strings hold: commands get to see it without naming it."""
    loops: list[Loop | None] = field(default_factory=list[Loop | None])
    """While reading: the loops around what is read next; None for one whose variable is not known."""
    header: Loop | None = None
    """While reading: the loop whose `do` comes next."""

    def note(self, reason: str, part: str, *, opaque: bool = False, unread: bool = False) -> None:
        """Add a finding."""
        self.findings.append(Finding(reason, part, opaque, unread))

    @property
    def opaque(self) -> bool:
        """Whether commands may run that were not read."""
        return any(f.opaque for f in self.findings)


def names(text: str) -> frozenset[str]:
    """The words of a table written as one text."""
    return frozenset(text.split())
