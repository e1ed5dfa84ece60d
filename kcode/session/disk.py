"""Appending whole records to a file, whatever the disk does."""

import contextlib
import errno
import json
import os
import stat
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kcode.session.lock import try_lock
from kcode.types.errors import SessionError

_HOPELESS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENOENT, errno.ELOOP, errno.EEXIST}
_TAIL = 1 << 16


def _sync(descriptor: int) -> None:
    # macOS has no fdatasync.
    getattr(os, "fdatasync", os.fsync)(descriptor)


@dataclass(frozen=True, slots=True)
class Disk:
    """What the system offers, so that tests can make it fail; `now` is Unix time in seconds."""

    write: Callable[[int, bytes], int] = os.write
    sync: Callable[[int], None] = _sync
    now: Callable[[], float] = time.time


def private_folder(path: Path) -> None:
    """Make a folder and its missing parents, readable by their owner only; raises OSError."""
    missing = [path]
    while not missing[-1].parent.exists() and missing[-1].parent != missing[-1]:
        missing.append(missing[-1].parent)
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)


def open_regular(path: Path, flags: int = os.O_RDONLY) -> int:
    """Open a regular file; raises OSError at once for a pipe, a device, a folder or a link."""
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | os.O_NOFOLLOW)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return descriptor


class Appender:
    """A file that grows by whole records, each in one write.

    A record that could not be written waits in memory and is tried again with the next one; half of a record
    is taken back. The file is made with the first record. Only one process at a time may have it.

    Attributes:
        trouble: why records wait, or will never be written; "" while all is well.
        dead: whether trying again is pointless.
    """

    def __init__(self, path: Path, disk: Disk) -> None:
        self.path = path
        self.trouble = ""
        self.dead = False
        self._disk = disk
        self._waiting: deque[bytes] = deque()
        self._descriptor: int | None = None
        self._checked = True
        self._unsynced = False

    @classmethod
    def reopen(cls, path: Path, disk: Disk, size: int) -> "Appender":
        """Open a file that exists; `size` is how large it was when it was read, in bytes.

        Raises:
            SessionError: it cannot be written, another process writes it or did so since it was read.
        """
        appender = cls(path, disk)
        try:
            descriptor = open_regular(path, os.O_RDWR | os.O_APPEND)
        except OSError as error:
            raise SessionError(
                f"The session {path} cannot be written: {error.strerror}. "
                "Use --fork-session to go on in a copy, or set KCODE_HOME to a folder of yours."
            ) from error
        if not try_lock(descriptor):
            os.close(descriptor)
            raise SessionError(
                f"The session {path.stem} is open in another kcode. "
                "Close it there, or use --fork-session to go on in a copy."
            )
        if os.fstat(descriptor).st_size != size:
            os.close(descriptor)
            raise SessionError(f"The session {path.stem} has just been changed by another kcode. Try again.")
        appender._descriptor = descriptor
        appender._checked = False
        return appender

    @property
    def waiting(self) -> int:
        """How many records are not on disk yet."""
        return len(self._waiting)

    def add(self, record: bytes) -> None:
        """Write a record, after those that wait."""
        if not self.dead:
            self._waiting.append(record)
            self.flush()

    def flush(self) -> None:
        """Write what waits; `trouble` tells how it went."""
        if self.dead:
            return
        try:
            while self._waiting:
                self._write(self._waiting[0])
                self._waiting.popleft()
        except OSError as error:
            self.trouble = error.strerror or str(error)
            self.dead = error.errno in _HOPELESS
            if self.dead:
                self._waiting.clear()
        else:
            self.trouble = ""

    def sync(self) -> str:
        """Have the disk keep what was written, also through a power cut; returns what went wrong, or ""."""
        if self._descriptor is None:
            return ""
        try:
            if self._unsynced:
                self._disk.sync(self._descriptor)
                self._unsynced = False
            deleted = os.fstat(self._descriptor).st_nlink == 0
        except OSError as error:
            return error.strerror or str(error)
        return "the file was deleted" if deleted else ""

    def close(self) -> None:
        """Try a last time, and let go of the file."""
        self.flush()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        self.dead = True

    def _write(self, record: bytes) -> None:
        if self._descriptor is None:
            self._create()
        descriptor = self._descriptor
        if descriptor is None:
            return
        if not self._checked:
            record = self._mend_tail(descriptor) + record
        written = self._disk.write(descriptor, record)
        if written < len(record):
            # Left as it is, the next record would be glued to this half.
            os.ftruncate(descriptor, os.fstat(descriptor).st_size - written)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._checked = True
        self._unsynced = True

    def _create(self) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            private_folder(self.path.parent)
            descriptor = os.open(self.path, flags, 0o600)
        except FileNotFoundError:
            # Another kcode, tidying up, has just removed the empty folder.
            private_folder(self.path.parent)
            descriptor = os.open(self.path, flags, 0o600)
        try_lock(descriptor)
        self._descriptor = descriptor
        with contextlib.suppress(OSError):
            folder = os.open(self.path.parent, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _mend_tail(self, descriptor: int) -> bytes:
        """Cut half a record off the end, keeping it beside the file; returns what must come first now."""
        size = os.fstat(descriptor).st_size
        tail, start = b"", size
        while start and b"\n" not in tail:
            step = min(_TAIL, start)
            start -= step
            tail = os.pread(descriptor, step, start) + tail
        torn = tail[tail.rfind(b"\n") + 1 :]
        if not torn:
            return b""
        if is_whole(torn):
            return b"\n"
        self._keep(torn)
        os.ftruncate(descriptor, size - len(torn))
        return b""

    def _keep(self, torn: bytes) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        with contextlib.suppress(OSError):
            descriptor = os.open(self.path.with_name(self.path.name + ".bak"), flags, 0o600)
            with os.fdopen(descriptor, "ab") as file:
                file.write(torn + b"\n")


def is_whole(record: bytes) -> bool:
    """Whether a record that lacks its newline lacks nothing else."""
    try:
        return isinstance(json.loads(record.lstrip(b"\0")), dict)
    except (ValueError, RecursionError):
        return False
