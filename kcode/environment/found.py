"""Reading what ripgrep prints: names end with NUL, so that any name can be told from what follows it."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from kcode.environment.globs import matcher
from kcode.environment.paths import shown_path
from kcode.types.environment import GrepQuery

_SECRET = re.compile(
    r"\.env(rc|\..+)?|.+\.env|id_(rsa|dsa|ecdsa|ed25519)(_sk)?|.+\.(pem|key|p12|pfx|jks|keystore|kdbx|ppk)"
    r"|\.(npmrc|pypirc|netrc|git-credentials|htpasswd|pgpass|my\.cnf|dockercfg|vault-token)|_netrc|kubeconfig"
    r"|(credentials|secrets?)(\.(json|ya?ml|toml|ini|env))?|.+\.tfstate(\.backup)?|.+\.tfvars",
    re.IGNORECASE,
)
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
        """Whether a file is one of those wanted and may be shown."""
        if self._match is not None and self._match(os.fsdecode(name[2:])) is None:
            return False
        if self._hidden is not None and self._hidden(Path(os.fsdecode(self.path(name)))):
            self.withheld.append(self.show(name))
            return False
        return True

    def path(self, name: bytes) -> bytes:
        """Return the absolute path of a file."""
        return os.path.join(self._start, name[2:])  # noqa: PTH118 - names are bytes

    def show(self, name: bytes) -> str:
        """Name a file as texts do."""
        return shown_path(Path(os.fsdecode(self.path(name))), self._root)

    @cached_property
    def _start(self) -> bytes:
        return os.fsencode(self._folder)


def file_names(output: bytes, place: Place) -> Sequence[str]:
    """Return the wanted ones of the names that were printed, the newest file first."""
    # What follows the last mark is a name that was cut off, or nothing.
    return [place.show(name) for name in _newest_first(output.split(b"\0")[:-1], place)]


def grep_lines(output: bytes, query: GrepQuery, place: Place) -> Sequence[str]:
    """Return what a search for text printed, file by file, the newest first, every line with its file's name."""
    if query.mode == "files_with_matches":
        return file_names(output, place)
    groups = _by_name(output, place)
    lines: list[str] = []
    for name in _newest_first(list(groups), place):
        shown = place.show(name)
        if lines and (query.before or query.after):
            lines.append("--")
        lines += (_one_line(shown, line, query) for line in groups[name])
    return lines


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
