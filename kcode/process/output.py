"""What a command printed, in flat memory: the beginning, the end, and lines from between that look like errors.

The whole of it goes to a file once it is too much to show.
"""

import os
import re
from collections import deque
from pathlib import Path
from typing import Protocol

LIMIT = 30_000
"""Bytes of output that are shown, as a rule."""
SPILL_CAP = 64 * 1024 * 1024
"""Bytes of output that are kept in a file."""

# Both cases of what programs write; found by plain search before any pattern is tried.
_HINTS = (b"rror", b"RROR", b"ailed", b"AILED", b"FAIL", b"xception", b"anic", b"raceback", b"atal", b"FATAL")
_LOUD = re.compile(
    rb"\b(?:[A-Za-z.]*(?:Error|Exception)\b|error\b|ERROR\b|FAIL(?:ED|URE)?\b|[Ff]ailed\b|panic(?:ked)?\b|Traceback\b"
    rb"|[Ff]atal\b|FATAL\b)"
)
_LOUD_LINES = 20
_LOUD_LOOKS = 1000
"""Lines that are looked at more closely: a flood of errors must not cost more than one of anything else."""
_LOUD_BYTES = SPILL_CAP
"""Bytes that are looked through; beyond them it is a flood."""
_LOUD_LINE = 300
_OVERWRITTEN = re.compile(r"^[^\r\n]*\r(?=[^\n])(?:[^\r\n]*\r(?=[^\n]))+", re.MULTILINE)


class Hiding(Protocol):
    """Takes secrets out of a text that comes in pieces."""

    def feed_bytes(self, piece: bytes) -> bytes:
        """Take in the next bytes and return what can be written."""
        ...

    def finish_bytes(self) -> bytes:
        """Return what was held back, at the end."""
        ...


class Spill:
    """A file that takes output as it comes, up to a cap; made when first written to.

    Attributes:
        path: where it is.
        written: bytes in it.
        problem: why it holds no more, in words; empty if it holds everything.
    """

    def __init__(self, path: Path, cap: int = SPILL_CAP, hide: Hiding | None = None) -> None:
        """`hide` takes secrets out of what is written."""
        self.path = path
        self._hide = hide
        self.written = 0
        self.problem = ""
        self._cap = cap
        self._fd = -1

    def write(self, data: bytes) -> None:
        """Append; a full disk or the cap ends it without an error."""
        self._write(data if self._hide is None else self._hide.feed_bytes(data))

    def _write(self, data: bytes) -> None:
        if self.problem:
            return
        if len(data) > self._cap - self.written:
            data = data[: self._cap - self.written]
            self.problem = f"the file ends after {self._cap:,} bytes"
        try:
            if self._fd < 0:
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
                self._fd = os.open(self.path, flags, 0o600)
            while data:
                count = os.write(self._fd, data)
                self.written += count
                data = data[count:]
        except OSError as error:
            self.problem = f"the file is not complete: {error.strerror}"
        if self.problem:
            self.close()

    def close(self) -> None:
        """Close the file; it stays where it is."""
        if self._hide is not None and self._fd >= 0 and not self.problem:
            self._write(self._hide.finish_bytes())
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class Output:
    """Collects bytes and gives back text that fits."""

    def __init__(self, limit: int = LIMIT, spill: Spill | None = None) -> None:
        self.total = 0
        self._head_room = limit // 3
        self._tail_room = limit - self._head_room
        self._limit = limit
        self._spill = spill
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._loud: dict[bytes, None] = {}
        self._looks = _LOUD_LOOKS
        self._rest = b""

    @property
    def cut(self) -> bool:
        """Whether the text does not show everything."""
        return self.total > self._limit

    @property
    def spill(self) -> Path | None:
        """The file with the whole of it, if it was too much and could be written."""
        if not self.cut or self._spill is None or not self._spill.written:
            return None
        return self._spill.path

    @property
    def problem(self) -> str:
        """Why the file does not hold everything, in words; empty if it does."""
        return self._spill.problem if self.cut and self._spill is not None else ""

    def feed(self, data: bytes) -> None:
        """Take in the next bytes."""
        was_cut = self.cut
        self.total += len(data)
        if self._spill is not None and self.cut:
            if not was_cut:
                self._spill.write(bytes(self._head) + b"".join(self._tail))
            self._spill.write(data)
        room = self._head_room - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        if data:
            self._feed_tail(data)

    def _feed_tail(self, data: bytes) -> None:
        self._tail.append(data)
        self._tail_size += len(data)
        while self._tail_size - len(self._tail[0]) >= self._tail_room:
            dropped = self._tail.popleft()
            self._tail_size -= len(dropped)
            self._keep_loud(dropped)
        if len(self._tail) > 256:
            # Many small pieces cost more than their bytes.
            self._tail = deque([b"".join(self._tail)])

    def _keep_loud(self, dropped: bytes) -> None:
        """Look for lines worth keeping in what is about to be forgotten; a line may span two pieces."""
        rest = self._rest
        end = dropped.rfind(b"\n") + 1
        self._rest = dropped[end:][-_LOUD_LINE:] if end else (rest + dropped)[-_LOUD_LINE:]
        if (
            self.total > _LOUD_BYTES
            or self._looks <= 0
            or not end
            or not any(hint in dropped or hint in rest for hint in _HINTS)
        ):
            return
        data = rest + dropped[:end]
        at = 0
        while self._looks > 0 and (match := _LOUD.search(data, at)):
            self._looks -= 1
            start = max(data.rfind(b"\n", 0, match.start()) + 1, match.start() - _LOUD_LINE // 2)
            at = data.index(b"\n", match.end())
            line = data[start : min(at, match.end() + _LOUD_LINE // 2)].strip()
            if line not in self._loud:
                self._loud[line] = None
                self._looks = self._looks if len(self._loud) < _LOUD_LINES else 0

    def text(self) -> str:
        """Return what is to be shown: everything, or the beginning and the end with what is left out counted."""
        tail = b"".join(self._tail)
        if not self.cut:
            return _decode(bytes(self._head) + tail)
        # The middle holds whole lines again where the cut line is not too long, and whole characters always.
        excess = max(len(tail) - self._tail_room, 0)
        middle, tail = tail[:excess], tail[excess:]
        self._keep_loud(middle)
        head = _until_line_end(bytes(self._head))
        tail = _from_line_start(tail)
        left_out = self.total - len(head) - len(tail)
        lines = [f"[... {left_out:,} of {self.total:,} bytes left out here ...]"]
        if self._loud:
            lines.append("[lines among them that look like errors:]")
            lines += [_decode(line) for line in self._loud]
            lines.append("[...]")
        return _decode(head).rstrip("\n") + "\n\n" + "\n".join(lines) + "\n\n" + _decode(tail).lstrip("\n")


def _decode(data: bytes) -> str:
    return collapse_overwritten(data.decode("utf-8", "replace"))


def collapse_overwritten(text: str) -> str:
    """Shorten lines that a program overwrote again and again, as progress bars do, to their last state.

    A line that was overwritten once stays as it is: that may be an attempt to hide something.
    """
    if "\r" not in text:
        return text
    return _OVERWRITTEN.sub(lambda m: f"[overwritten {m[0].count(chr(13))} times] ", text)


def _until_line_end(data: bytes) -> bytes:
    end = data.rfind(b"\n") + 1
    if end >= len(data) // 2:
        return data[:end]
    return _whole_characters(data)


def _whole_characters(data: bytes) -> bytes:
    """Leave out the bytes of a character whose rest is missing."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte >= 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return data if length <= back else data[:-back]
        if byte < 0x80:
            break
    return data


def _from_line_start(data: bytes) -> bytes:
    start = data.find(b"\n") + 1
    if 0 < start <= len(data) // 2:
        return data[start:]
    at = 0
    while at < min(3, len(data)) and 0x80 <= data[at] < 0xC0:
        at += 1
    return data[at:]
