"""What is known of code without running it: definitions, mistakes in writing, and which files matter."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Symbol:
    """A definition: its lines count from 1, both included; `depth` is how many definitions it stands in.

    `text` is the line that begins it; `path` names the file, where symbols of several files stand together.
    """

    name: str
    kind: str
    first: int
    last: int
    depth: int = 0
    text: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class SyntaxProblem:
    """A place where a file does not fit its language's grammar; `line` counts from 1, `text` is that line."""

    line: int
    words: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class RankedFile:
    """A file of the map with those of its definitions that are used most, in the order of its lines."""

    path: str
    score: float
    symbols: Sequence[Symbol]


@dataclass(frozen=True, slots=True)
class RepoMap:
    """The files that matter most, the first one above all.

    `text` is the map as it is shown; `files` counts what it was made from, `parsed` what was not in the cache;
    `partial` says why it is not whole, `unknown` are the words of the focus that mean nothing here.
    """

    text: str
    ranked: Sequence[RankedFile]
    files: int
    parsed: int = 0
    partial: str = ""
    unknown: Sequence[str] = ()


class Syntax(Protocol):
    """Code by its grammar. What has no grammar here gives nothing, and never an error."""

    async def outline(self, path: Path, data: bytes) -> Sequence[Symbol]:
        """Return what a file defines, in the order of its lines; `path` says the language."""
        ...

    async def problems(self, path: Path, data: bytes) -> Sequence[SyntaxProblem]:
        """Return where a file does not fit its grammar, a few places at most."""
        ...

    async def symbols(self, name: str, *, limit: int = 50) -> Sequence[Symbol]:
        """Find definitions anywhere below the root by name: exactly, else by what they contain."""
        ...

    async def map(self, *, tokens: int, focus: Sequence[str] = ()) -> RepoMap:
        """Draw a map of the root that takes about `tokens` tokens.

        Args:
            tokens: the room for it.
            focus: files, folders or names that it is asked about; what they use ranks first.
        """
        ...
