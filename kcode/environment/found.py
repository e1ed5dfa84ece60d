"""Reading what ripgrep prints: names end with NUL, so that any name can be told from what follows it."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import overload

from kcode.environment.globs import matcher
from kcode.environment.paths import shown_path
from kcode.types.environment import GrepQuery

_SECRET = re.compile(
    r"\.env(rc|\..+)?|.+\.env|id_(rsa|dsa|ecdsa|ed25519)(_sk)?|.+\.(pem|key|p12|pfx|jks|keystore|kdbx|ppk)"
    r"|\.(npmrc|pypirc|netrc|git-credentials|htpasswd|pgpass|my\.cnf|dockercfg|vault-token)|_netrc|kubeconfig"
    r"|(credentials|secrets?)(\.(json|ya?ml|toml|ini|env))?|.+\.tfstate(\.backup)?|.+\.tfvars",
    re.IGNORECASE,
)
SURE = 1000
"""Lines that are made at once, so that it is known which of their files are withheld."""
_NO_SECRET = re.compile(r"\.env\.(example|sample|template|dist|defaults?|schema)", re.IGNORECASE)


def holds_secrets(path: Path) -> bool:
    """Whether a file's name says that it holds keys or passwords."""
    return _SECRET.fullmatch(path.name) is not None and _NO_SECRET.fullmatch(path.name) is None


class Place:
    """Where ripgrep ran and which files were wanted; names come relative to `folder`, as "./name".

    Args:
        folder: where it ran.
        glob: the pattern that was asked for, "" for none.
        root: what shown names are relative to.
        hidden: says of which files nothing is shown.

    Attributes:
        withheld: how texts name the files of which something would have been shown.
    """

    def __init__(
        self, folder: Path, glob: str, root: Path, hidden: Callable[[Path], bool] | None = None
    ) -> None:
        self._folder = folder
        self._root = root
        self._match = matcher(glob).fullmatch if glob else None
        self._hidden = hidden
        self.withheld: list[str] = []

    def keeps(self, name: bytes) -> bool:
        """Whether a file is one of those wanted."""
        return self._match is None or self._match(os.fsdecode(name[2:])) is not None

    def hides(self, name: bytes) -> bool:
        """Whether nothing of a file is shown; then it is noted as withheld."""
        if self._hidden is None or not self._hidden(Path(os.fsdecode(self.path(name)))):
            return False
        self.withheld.append(self.show(name))
        return True

    def path(self, name: bytes) -> bytes:
        """Return the absolute path of a file."""
        return self._start + name[2:]

    def show(self, name: bytes) -> str:
        """Name a file as texts do."""
        return shown_path(Path(os.fsdecode(self.path(name))), self._root)

    @cached_property
    def _start(self) -> bytes:
        return os.fsencode(self._folder).rstrip(b"/") + b"/"


class Lines(Sequence[str]):
    """Lines that are made when they are looked at: of a hundred thousand files one call shows a few.

    Whether a file may be shown takes longest to find out. Until all lines are made, the length counts lines of hidden
    files too.
    """

    def __init__(
        self, names: Sequence[bytes], sizes: Sequence[int], make: Callable[[bytes], Sequence[str]]
    ) -> None:
        self._names = names
        self._sizes = sizes
        self._make = make
        self._made: list[str] = []
        self._next = 0
        self._left = sum(sizes)

    def __len__(self) -> int:
        return len(self._made) + self._left

    @overload
    def __getitem__(self, at: int) -> str: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[str]: ...

    def __getitem__(self, at: int | slice) -> str | Sequence[str]:
        stop = at.stop if isinstance(at, slice) else at + 1
        while self._next < len(self._names) and (stop is None or stop < 0 or len(self._made) < stop):
            self._left -= self._sizes[self._next]
            self._made += self._make(self._names[self._next])
            self._next += 1
        return self._made[at]


def _lines(
    names: Sequence[bytes], sizes: Sequence[int], make: Callable[[bytes], Sequence[str]]
) -> Sequence[str]:
    lines = Lines(names, sizes, make)
    first = lines[:SURE]
    return first if len(lines) == len(first) else lines


def file_names(output: bytes, place: Place) -> Sequence[str]:
    """Return the wanted ones of the names that were printed, the newest file first."""

    def make(name: bytes) -> Sequence[str]:
        return () if place.hides(name) else (place.show(name),)

    # What follows the last mark is a name that was cut off, or nothing.
    names = _newest_first(output.split(b"\0")[:-1], place)
    return _lines(names, [1] * len(names), make)


def grep_lines(output: bytes, query: GrepQuery, place: Place) -> Sequence[str]:
    """Return what a search for text printed, file by file, the newest first, every line with its file's name."""
    if query.mode == "files_with_matches":
        return file_names(output, place)
    groups = _by_name(output, place)
    apart = ["--"] if query.before or query.after else []
    begun = False

    def make(name: bytes) -> Sequence[str]:
        nonlocal begun
        if place.hides(name):
            return ()
        shown = place.show(name)
        lines = [_one_line(shown, line, query) for line in groups[name]]
        begun, first = True, not begun
        return lines if first else apart + lines

    names = _newest_first(list(groups), place)
    return _lines(names, [len(groups[name]) + len(apart) for name in names], make)


def _newest_first(names: Sequence[bytes], place: Place) -> Sequence[bytes]:
    def key(name: bytes) -> tuple[float, bytes]:
        try:
            return -os.stat(place.path(name)).st_mtime, name  # noqa: PTH116 - names are bytes
        except OSError:
            return 0.0, name

    return sorted(filter(place.keeps, names), key=key)


def _by_name(output: bytes, place: Place) -> Mapping[bytes, list[bytes | None]]:
    """Gather the lines of each file; None stands for a gap between them."""
    groups: dict[bytes, list[bytes | None]] = {}
    name, pending = b"", b""
    gap = False
    # What follows the last newline is a line that was cut off, or nothing.
    for line in output.split(b"\n")[:-1]:
        before, mark, after = line.partition(b"\0")
        if not mark:
            gap = gap or line == b"--"
            pending += b"" if line == b"--" else line + b"\n"
            continue
        # A name may hold newlines itself; other lines without a mark are ripgrep's remarks.
        name = pending + before if pending and os.path.lexists(place.path(pending + before)) else before
        if gap and name in groups:
            groups[name].append(None)
        groups.setdefault(name, []).append(after)
        gap, pending = False, b""
    return groups


def _one_line(shown: str, line: bytes | None, query: GrepQuery) -> str:
    if line is None:
        return "--"
    text = line.decode(errors="replace").removesuffix("\r")
    if query.mode == "content" and query.line_numbers:
        # ripgrep marks a match by ":" behind its number and a line around one by "-".
        number = len(text) - len(text.lstrip("0123456789"))
        return f"{shown}{text[number : number + 1]}{text}"
    return f"{shown}:{text}"
