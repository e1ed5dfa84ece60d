"""Putting files back, and only those that are as the agent left them."""

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from kcode.session.disk import open_regular
from kcode.types.events import RestoredFile

Write: TypeAlias = Callable[[Path, bytes, str], Awaitable[None]]
"""Writes a file that must still have a SHA-256, "" for none."""

LINK = "120000"
PROGRAM = "100755"
_LARGEST = 64 << 20


@dataclass(frozen=True, slots=True)
class Version:
    """A state of a file: the hash of its content, SHA-256 or git's, and git's mode where it is known."""

    kind: Literal["sha256", "git", "absent"]
    id: str = ""
    mode: str = ""


ABSENT = Version("absent")


@dataclass(frozen=True, slots=True)
class Now:
    """What is under a path at this moment; `data` is a link's target, None where there is nothing."""

    data: bytes | None
    mode: str = ""

    @property
    def sha256(self) -> str | None:
        """The SHA-256 of the content, None where there is nothing."""
        return None if self.data is None else hashlib.sha256(self.data).hexdigest()

    def is_(self, version: Version) -> bool:
        """Whether this is that state, permission bits aside."""
        if self.data is None or version.kind == "absent":
            return self.data is None and version.kind == "absent"
        if version.mode and (version.mode == LINK) != (self.mode == LINK):
            return False
        return version.id == (self.sha256 if version.kind == "sha256" else git_id(self.data))


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to put back: what it was, and how the agent left it."""

    path: Path
    target: Version
    left: Version
    others: bool = False
    """Whether somebody else changed it between two changes of the agent."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A file that can be put back now."""

    path: Path
    now: Now
    then: Now
    bits: int | None = None
    """The permission bits of a file that is to be made again and that not everybody might read."""


def git_id(data: bytes) -> str:
    """Return the id that git gives to a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def look(path: Path) -> Now:
    """Read what is under a path, following no link; a folder is no file.

    Raises:
        OSError: it can be no file that was kept, or cannot be read; the text says why.
    """
    if path.parent.resolve() != path.parent:
        raise OSError(errno.ELOOP, "a folder on the way is a link now")
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return Now(None)
    if stat.S_ISLNK(found.st_mode):
        return Now(os.fsencode(path.readlink()), LINK)
    if stat.S_ISDIR(found.st_mode):
        return Now(None)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is no file any more")
    if found.st_size > _LARGEST:
        raise OSError(errno.EFBIG, "it is too large now")
    with os.fdopen(open_regular(path), "rb") as file:
        return Now(file.read(), PROGRAM if found.st_mode & 0o100 else "100644")


async def put_back(
    files: Sequence[Ready], write: Write, stop: Path
) -> tuple[Sequence[RestoredFile], Sequence[tuple[Path, str]]]:
    """Put files back; what is to go goes first, so that a folder can become a file again.

    Args:
        files: which.
        write: writes a regular file.
        stop: folders that become empty are removed below this one.

    Returns:
        What was put back, and what could not be, with the reason.
    """
    done: list[RestoredFile] = []
    failed: list[tuple[Path, str]] = []
    for file in sorted(files, key=lambda f: (f.then.data is not None, -len(f.path.parts))):
        try:
            _unchanged(file)
            await _put(file, write, stop)
        except OSError as error:
            failed.append((file.path, error.strerror or str(error)))
        else:
            done.append(
                RestoredFile(
                    path=str(file.path),
                    before=file.now.sha256,
                    after=file.then.sha256,
                    before_mode=file.now.mode,
                    after_mode=file.then.mode,
                )
            )
    return done, failed


def _unchanged(file: Ready) -> None:
    found = look(file.path)
    if found.data != file.now.data or (found.mode == LINK) != (file.now.mode == LINK):
        raise OSError(errno.ESTALE, "it changed just now")


async def _put(file: Ready, write: Write, stop: Path) -> None:
    path, then = file.path, file.then
    if then.data is None:
        path.unlink()
        _drop_empty(path.parent, stop)
        return
    if path.is_dir() and not path.is_symlink():
        # What the agent put into it is gone by now; anything else keeps it.
        path.rmdir()
    if then.mode == LINK:
        _link(path, then.data)
        return
    expect = file.now.sha256 or ""
    if file.now.mode == LINK:
        path.unlink()
        expect = ""
    if file.bits is not None and not expect:
        expect = _empty(path)
    await write(path, then.data, expect)
    if file.bits is not None:
        path.chmod(file.bits)
    mode = stat.S_IMODE(path.stat().st_mode)
    if then.mode and bool(mode & 0o100) != (then.mode == PROGRAM):
        path.chmod(mode | ((mode & 0o444) >> 2) if then.mode == PROGRAM else mode & ~0o111)


def _empty(path: Path) -> str:
    """Make an empty file that only its owner can read, and return its SHA-256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    os.close(os.open(path, flags, 0o600))
    return hashlib.sha256(b"").hexdigest()


def _link(path: Path, target: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".kcode-{os.urandom(8).hex()}")
    temporary.symlink_to(os.fsdecode(target))
    try:
        temporary.replace(path)
    except OSError:
        temporary.unlink()
        raise


def _drop_empty(folder: Path, stop: Path) -> None:
    with contextlib.suppress(OSError):
        while folder != stop and folder.is_relative_to(stop):
            folder.rmdir()
            folder = folder.parent
