"""The environment of a conversation: what its file tools write is kept, before and after."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from kcode.types.environment import (
    Environment,
    Files,
    FileStat,
    Git,
    Processes,
    ResolvedPath,
    Search,
    Syntax,
)

Keep: TypeAlias = Callable[[Path, bytes], Awaitable[None]]
"""Keeps what is in a file."""


class KeepingFiles:
    """Files whose every content is kept before it is replaced, and after."""

    def __init__(self, files: Files, keep: Keep) -> None:
        self._files = files
        self._keep = keep

    async def stat(self, path: Path) -> FileStat:
        """Say what is there."""
        return await self._files.stat(path)

    async def read(self, path: Path, *, limit: int | None = None, offset: int = 0) -> bytes:
        """Return at most `limit` bytes."""
        return await self._files.read(path, limit=limit, offset=offset)

    async def write(self, path: Path, data: bytes, *, expect: str | None = None) -> None:
        """Replace the file, or make it."""
        if expect != "" and (await self._files.stat(path)).kind == "file":
            await self._keep(path, await self._files.read(path))
        await self._files.write(path, data, expect=expect)
        await self._keep(path, data)

    async def list(self, path: Path) -> Sequence[tuple[str, FileStat]]:
        """Return a folder's entries."""
        return await self._files.list(path)


class KeepingEnvironment:
    """An environment with such files; see `kcode.types.environment.Environment`."""

    def __init__(self, inner: Environment, keep: Keep) -> None:
        self._inner = inner
        self._files = KeepingFiles(inner.files, keep)

    @property
    def root(self) -> Path:
        """The folder that the agent works in."""
        return self._inner.root

    @property
    def folders(self) -> Sequence[Path]:
        """The root and every added working folder."""
        return self._inner.folders

    @property
    def files(self) -> Files:
        """Files, kept."""
        return self._files

    @property
    def processes(self) -> Processes:
        """Shell commands."""
        return self._inner.processes

    @property
    def search(self) -> Search:
        """Finding files and text."""
        return self._inner.search

    @property
    def git(self) -> Git:
        """Git."""
        return self._inner.git

    @property
    def syntax(self) -> Syntax:
        """Code by its grammar."""
        return self._inner.syntax

    @property
    def facts(self) -> Mapping[str, str]:
        """What the system prompt says of this place."""
        return self._inner.facts

    async def resolve(self, text: str, *, must_exist: bool = True) -> ResolvedPath:
        """Find the file that a model meant."""
        return await self._inner.resolve(text, must_exist=must_exist)

    async def close(self) -> None:
        """Release everything."""
        await self._inner.close()
