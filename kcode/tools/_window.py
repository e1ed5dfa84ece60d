"""The part of a text that one read shows: so many lines, and not more characters than are good for a request."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kcode.tools._text import LONGEST, binary_kind, numbered
from kcode.types.environment import Files
from kcode.types.errors import ToolError

LINES = 2000
CHARACTERS = 40_000
CHUNK = 4 << 20


@dataclass(frozen=True, slots=True)
class Window:
    """Numbered lines `first` to `last`; `complete` if that is the whole text, uncut."""

    text: str
    first: int
    last: int
    complete: bool


def window(lines: Sequence[str], offset: int, limit: int) -> Window:
    """Show `limit` lines from line `offset` on, which counts from 1, or from the end if negative.

    Raises:
        ToolError: the text ends before line `offset`.
    """
    total = len(lines)
    first = max(total + offset + 1, 1) if offset < 0 else max(offset, 1)
    if first > max(total, 1):
        raise ToolError(
            f"The file has {_count(total)}; line {first} is past its end. Read it with offset up to {total}."
        )
    chosen = lines[first - 1 : first - 1 + limit]
    fitting = chosen[: _fitting(chosen)]
    last = first + len(fitting) - 1
    notes: list[str] = []
    if last < total:
        why = "" if len(fitting) == len(chosen) else ", as much as one call shows"
        notes.append(f"[lines {first}-{last} of {total}{why}; go on with offset={last + 1}]")
    cut = any(len(line) > LONGEST for line in fitting)
    if cut:
        notes.append("[long lines are cut; Bash with cut -c or jq shows the rest]")
    text = "\n".join(filter(None, (numbered(fitting, first), *notes)))
    return Window(text, first, last, first == 1 and last == total and not cut)


def _fitting(lines: Sequence[str]) -> int:
    room = CHARACTERS
    for n, line in enumerate(lines):
        room -= min(len(line), LONGEST) + 8
        if room < 0:
            return max(n, 1)
    return len(lines)


def _count(lines: int) -> str:
    return "1 line" if lines == 1 else f"{lines} lines"


async def stream_window(files: Files, path: Path, offset: int, limit: int) -> Window:
    """Show lines of a file that is too large to be held, keeping a few megabytes of it at a time.

    Raises:
        ToolError: it is binary, or ends before line `offset`, or `offset` is negative.
        OSError: it cannot be read.
    """
    if offset < 0:
        raise ToolError("This file is too large to be read from its end. Use Bash: tail -n.")
    scan = _Scan(max(offset, 1), limit)
    at = 0
    while not scan.full and (chunk := await files.read(path, limit=CHUNK, offset=at)):
        if b"\0" in chunk:
            raise ToolError(
                f"This is {binary_kind(chunk) if at == 0 else 'a binary file'}; its text cannot be shown."
            )
        scan.feed(chunk)
        at += len(chunk)
    return scan.result()


class _Scan:
    """Picks lines out of chunks; of an overlong line only the beginning is kept."""

    def __init__(self, first: int, limit: int) -> None:
        self._first = first
        self._limit = limit
        self._line = 1
        self._kept: list[str] = []
        self._part = b""
        self._length = 0
        self._room = CHARACTERS
        self.full = False

    def feed(self, chunk: bytes) -> None:
        start = self._skip(chunk)
        while start < len(chunk) and not self.full:
            end = chunk.find(b"\n", start)
            stop = len(chunk) if end < 0 else end
            self._take(chunk, start, stop)
            if end < 0:
                return
            self._end_line()
            start = end + 1

    def _skip(self, chunk: bytes) -> int:
        """Pass over lines before the first wanted one; returns where that begins."""
        missing = self._first - self._line
        if missing <= 0:
            return 0
        count = chunk.count(b"\n")
        if count < missing:
            self._line += count
            return len(chunk)
        at = 0
        for _ in range(missing):
            at = chunk.index(b"\n", at) + 1
        self._line = self._first
        return at

    def _take(self, chunk: bytes, start: int, stop: int) -> None:
        wanted = 4 * LONGEST - len(self._part)
        if wanted > 0:
            self._part += chunk[start : min(stop, start + wanted)]
        self._length += stop - start

    def _end_line(self) -> None:
        line = self._part.decode("utf-8", "replace").removesuffix("\r")
        if self._length > len(self._part):
            line = f"{line[: LONGEST - 100]} [... this line goes on; it has {self._length:,} bytes]"
        self._kept.append(line)
        self._room -= min(self._length, LONGEST) + 8
        self._line += 1
        self._part, self._length = b"", 0
        self.full = len(self._kept) >= self._limit or self._room < 0

    def result(self) -> Window:
        if self._length and not self.full:
            self._end_line()
        if not self._kept:
            raise ToolError(f"The file has {self._line - 1} lines; line {self._first} is past its end.")
        last = self._first + len(self._kept) - 1
        notes = ["[a large file; nothing of it is remembered for edits]"]
        if self.full:
            notes.insert(
                0, f"[lines {self._first}-{last}; go on with offset={last + 1}, or search with Grep]"
            )
        return Window(
            "\n".join([numbered(self._kept, self._first), *notes]), self._first, last, complete=False
        )
