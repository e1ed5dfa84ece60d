"""From the root of the file system down to a file without following a link, so that nobody can put one in the way.

A path is checked by name, but names can be made to lead elsewhere in the next moment. So whatever is done to a file
is done to its name in a folder that is held open, and that folder was reached over no link.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from kcode.environment import openat2
from kcode.types.environment import FileChangedError

OpenFolder: TypeAlias = Callable[[Path], int]
"""Opens a folder that is there; raises FileChangedError where a part of its path is a link."""

_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NOT_OFFERED = frozenset({errno.ENOSYS, errno.EPERM, errno.EAGAIN, errno.EINVAL})


@dataclass(frozen=True, slots=True)
class Spot:
    """A name in a folder that is held open: it stays that one, whatever becomes of the names above it.

    `path` is how errors call it.
    """

    folder: int
    name: str
    path: Path

    def stat(self) -> os.stat_result:
        """Say what is there; raises FileChangedError for a link."""
        found = os.stat(self.name or ".", dir_fd=self.folder, follow_symlinks=False)
        if stat.S_ISLNK(found.st_mode):
            raise _link(self.path)
        return found

    def open(self, flags: int, mode: int = 0o666) -> int:
        """Return a descriptor; raises OSError for a link."""
        return os.open(
            self.name or ".", flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY, mode, dir_fd=self.folder
        )

    def writable(self) -> bool:
        """Whether one may write to it."""
        return os.access(self.name, os.W_OK, dir_fd=self.folder)

    def beside(self, name: str) -> "Spot":
        """Return another name in the same folder."""
        return replace(self, name=name)

    def link_to(self, new: "Spot") -> None:
        """Give it another name, which must be free."""
        os.link(
            self.name,
            new.name,
            src_dir_fd=self.folder,
            dst_dir_fd=new.folder,
            follow_symlinks=False,
        )

    def move_to(self, new: "Spot") -> None:
        """Rename it, over whatever has that name."""
        os.replace(self.name, new.name, src_dir_fd=self.folder, dst_dir_fd=new.folder)

    def unlink(self) -> None:
        """Remove the name."""
        os.unlink(self.name, dir_fd=self.folder)


def open_folder(path: Path) -> int:
    """Open a folder over no link: with one call of the kernel where it has that, else part by part."""
    if not openat2.available():
        return walk(path)
    try:
        return openat2.open_folder(path)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.EXDEV}:
            raise _link(path) from error
        if error.errno in _NOT_OFFERED:
            return walk(path)
        raise


def walk(path: Path, *, make: bool = False) -> int:
    """Open a folder part by part, each from the one before it; with `make` missing ones are made.

    Raises:
        FileChangedError: a part of the path is a link, though it was none when the path was resolved.
        OSError: a folder cannot be entered or made.
    """
    folder = os.open(path.anchor, _FOLDER)
    try:
        for part in path.parts[1:]:
            inner = _enter(folder, part, path, make=make)
            os.close(folder)
            folder = inner
    except BaseException:
        os.close(folder)
        raise
    return folder


@contextlib.contextmanager
def held(
    path: Path, *, make: bool = False, open_folder: OpenFolder = open_folder
) -> Generator[Spot, None, None]:
    """Hold the folder of a file open, and give the file's name in it.

    Args:
        path: absolute, with all links resolved.
        make: whether folders that are missing are made.
        open_folder: how the way down is gone.

    Raises:
        FileChangedError: a part of the path is a link, though it was none when the path was resolved.
        OSError: a folder cannot be entered or made.
    """
    try:
        folder = open_folder(path.parent)
    except FileNotFoundError:
        if not make:
            raise
        folder = walk(path.parent, make=True)
    try:
        yield Spot(folder, path.name, path)
    finally:
        os.close(folder)


def _enter(folder: int, part: str, path: Path, *, make: bool) -> int:
    try:
        return os.open(part, _FOLDER, dir_fd=folder)
    except FileNotFoundError:
        if not make:
            raise
        with contextlib.suppress(FileExistsError):
            os.mkdir(part, dir_fd=folder)
        return os.open(part, _FOLDER, dir_fd=folder)
    except OSError as error:
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISLNK(os.stat(part, dir_fd=folder, follow_symlinks=False).st_mode):
                raise _link(path) from error
        raise


def _link(path: Path) -> FileChangedError:
    return FileChangedError(errno.ELOOP, "A link was put in the way just now", os.fspath(path))
