"""From the root of the file system down to a folder without following a link, so that nobody can put one in the way."""

import contextlib
import errno
import os
import stat
from collections.abc import Generator
from pathlib import Path

from kcode.types.environment import FileChangedError

_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_BY_DESCRIPTOR = "/proc/self/fd"


@contextlib.contextmanager
def held(path: Path) -> Generator[Path, None, None]:
    """Give a path to the same file that keeps meaning it, whatever happens to the folders above it.

    Each folder is opened from the one before it. On Linux what is yielded goes through the open folder; elsewhere it
    is the path itself, checked. Folders that are missing are made.

    Raises:
        FileChangedError: a part of the path is a link, though it was none when the path was resolved.
        OSError: a folder cannot be entered or made.
    """
    folder = os.open(path.anchor, _FOLDER)
    try:
        for part in path.parent.parts[1:]:
            inner = _enter(folder, part, path)
            os.close(folder)
            folder = inner
        _refuse_link(folder, path.name, path)
        through = Path(f"{_BY_DESCRIPTOR}/{folder}")
        yield through / path.name if through.exists() else path
    finally:
        os.close(folder)


def _enter(folder: int, part: str, path: Path) -> int:
    try:
        return os.open(part, _FOLDER, dir_fd=folder)
    except FileNotFoundError:
        with contextlib.suppress(FileExistsError):
            os.mkdir(part, dir_fd=folder)
        return os.open(part, _FOLDER, dir_fd=folder)
    except OSError:
        _refuse_link(folder, part, path)
        raise


def _refuse_link(folder: int, part: str, path: Path) -> None:
    try:
        found = os.stat(part, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return
    if stat.S_ISLNK(found.st_mode):
        raise FileChangedError(errno.ELOOP, "A link was put in the way just now", os.fspath(path))
