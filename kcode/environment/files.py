"""Files of this machine."""

import asyncio
import contextlib
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from kcode.environment.descend import OpenFolder, Spot, held, open_folder
from kcode.environment.mounts import Mounts
from kcode.environment.replace import is_special, open_regular, replace
from kcode.types.environment import FileStat

T = TypeVar("T")

LARGE = 4 << 20
"""From this many bytes on a call takes longer than going to another thread and back."""


class LocalFiles:
    """Files by absolute path, see `kcode.types.environment.Files`.

    Small things happen at once: a thread costs more than they take, and what is not awaited cannot be cancelled
    half-way. Large ones, and file systems that may not answer, go to a thread.

    Args:
        mounts: which file systems may not answer.
        way: how the way down to a file's folder is gone.
    """

    def __init__(self, mounts: Mounts | None = None, way: OpenFolder = open_folder) -> None:
        self._mounts = mounts or Mounts()
        self._way = way

    async def stat(self, path: Path) -> FileStat:
        """Say what is there, following links; never blocks on a device."""
        return await self._do(path, 0, lambda: _stat(path))

    async def read(self, path: Path, *, limit: int | None = None, offset: int = 0) -> bytes:
        """Return at most `limit` bytes from byte `offset` on; refuses what is not a regular file."""
        size = max((await self.stat(path)).size - offset, 0) if limit is None else limit
        return await self._do(path, size, lambda: _read(path, limit, offset, self._way))

    async def write(self, path: Path, data: bytes, *, expect: str | None = None) -> None:
        """Replace the file, or make it with its folders; atomic, keeping mode, owner, attributes and links."""
        await self._do(path, len(data), lambda: replace(path, data, expect, self._way))

    async def list(self, path: Path) -> Sequence[tuple[str, FileStat]]:
        """Return a folder's entries, sorted by name."""
        return await self._do(path, 0, lambda: _list(path, self._way))

    async def _do(self, path: Path, size: int, work: Callable[[], T]) -> T:
        if size < LARGE and not self._mounts.slow(path):
            return work()
        task = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            # A thread cannot be stopped: what it does to the file is over before anybody else touches it. A file
            # system that hangs is not waited for.
            if not self._mounts.slow(path):
                with contextlib.suppress(Exception):
                    await task
            raise


def _stat(path: Path) -> FileStat:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return FileStat("missing")
    return _describe(path, found)


def _describe(path: Path, found: os.stat_result) -> FileStat:
    if stat.S_ISDIR(found.st_mode):
        return FileStat("directory", 0, found.st_mtime)
    kind = "special" if is_special(Path(os.path.realpath(path)), found) else "file"
    return FileStat(kind, found.st_size, found.st_mtime)


def _read(path: Path, limit: int | None, offset: int, way: OpenFolder) -> bytes:
    with held(path, open_folder=way) as spot:
        handle = open_regular(spot)
    with os.fdopen(handle, "rb", buffering=0) as file:
        if offset:
            file.seek(offset)
        if limit is None:
            return file.readall()
        pieces: list[bytes] = []
        while limit > 0 and (piece := file.read(limit)):
            pieces.append(piece)
            limit -= len(piece)
        return b"".join(pieces)


def _list(path: Path, way: OpenFolder) -> Sequence[tuple[str, FileStat]]:
    with held(path, open_folder=way) as spot:
        folder = _open_to_list(spot)
    try:
        with os.scandir(folder) as entries:
            return sorted((entry.name, _entry(path, entry)) for entry in entries)
    finally:
        os.close(folder)


def _open_to_list(spot: Spot) -> int:
    spot.stat()
    return spot.open(os.O_RDONLY | os.O_DIRECTORY)


def _entry(folder: Path, entry: os.DirEntry[str]) -> FileStat:
    # A link into nothing or in a circle is there all the same, and says so when it is used.
    with contextlib.suppress(OSError):
        return _describe(folder / entry.name, entry.stat())
    return FileStat("missing")
