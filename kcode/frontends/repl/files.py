"""Names of the project's files for `@` completion: listed once, then searched in memory, in a thread."""

import asyncio
import os
import sys
import sysconfig
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

Lister: TypeAlias = Callable[[Path], Awaitable[list[str]]]

LIMIT = 200_000
"""How many names are kept."""
SHOWN = 50
FRESH = 15.0
"""Seconds for which a list is not made again."""
QUIET = ("--no-config", "--no-messages", "--no-require-git")
SLOWEST = 10.0
"""Seconds after which listing is given up."""


class FileIndex:
    """The files below a folder that git would not ignore, and their folders."""

    def __init__(self, root: Path, lister: Lister | None = None) -> None:
        self._root = root
        self._list = lister or list_files
        self._names: Sequence[str] = ()
        self._lower: Sequence[str] = ()
        self._made = float("-inf")
        self._last: tuple[str, Sequence[int]] = ("", ())
        self._listing: asyncio.Task[None] | None = None

    async def search(self, words: str) -> list[str]:
        """Return the best matches for what was typed after `@`.

        The first search waits for the list; later ones use the old list while a new one is made.
        """
        if self._listing is None and time.monotonic() - self._made > FRESH:
            self._listing = asyncio.create_task(self._refresh())
        if not self._names and self._listing:
            await asyncio.shield(self._listing)
        return await asyncio.to_thread(self.match, words)

    def match(self, words: str) -> list[str]:
        """Search the list that is there."""
        wanted = words.lower()
        if not wanted:
            return [n for n in self._names if n.count("/") == n.endswith("/")][:SHOWN]
        hits = self._hits(wanted)
        lower = self._lower
        ranked = sorted(hits, key=lambda i: _rank(lower[i], wanted))
        return [self._names[i] for i in ranked[:SHOWN]]

    async def _refresh(self) -> None:
        try:
            names = await self._list(self._root)
            await asyncio.to_thread(self.fill, names)
        finally:
            self._made, self._listing = time.monotonic(), None

    def fill(self, names: Sequence[str]) -> None:
        """Take a new list of files."""
        folders = {name[: i + 1] for name in names for i, c in enumerate(name) if c == "/"}
        everything = sorted([*names, *folders])
        self._names, self._lower = everything, [name.lower() for name in everything]
        self._last = ("", ())

    def _hits(self, wanted: str) -> Sequence[int]:
        """Positions of names that contain the letters in order; a longer query searches the shorter one's."""
        before, earlier = self._last
        pool: Iterable[int] = earlier if before and wanted.startswith(before) else range(len(self._lower))
        lower = self._lower
        pool = list(pool)
        plain = [i for i in pool if wanted in lower[i]]
        if len(plain) >= SHOWN or len(wanted) < 2:
            self._last = ("", ())
            return plain
        hits = [i for i in pool if _in_order(lower[i], wanted)]
        self._last = (wanted, hits)
        return hits


async def list_files(root: Path) -> list[str]:
    """List files relative to `root`, with ripgrep where it is there: it knows every ignore file."""
    from kcode.environment.search import find_ripgrep  # noqa: PLC0415 - not needed to draw the prompt
    from kcode.process.spawn import run  # noqa: PLC0415 - as above

    program = find_ripgrep((Path(sys.executable).parent, Path(sysconfig.get_path("scripts"))), root)
    if program is None:
        return await asyncio.to_thread(_walk, root)
    argv = [program, "--files", "--hidden", "--null", "--glob=!.git", *QUIET]
    try:
        found = await run(argv, cwd=root, seconds=SLOWEST, limit=LIMIT * 100)
    except OSError:
        return await asyncio.to_thread(_walk, root)
    return [_shown(name) for name in found.stdout.split(b"\0")[:LIMIT] if name]


def _shown(name: bytes) -> str:
    return os.fsdecode(name).removeprefix("./")


def _walk(root: Path) -> list[str]:
    """List files without ripgrep; hidden folders stay out, ignore files are not read."""
    names: list[str] = []
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f != "node_modules")
        start = os.path.relpath(folder, root)
        names += [name if start == "." else f"{start}/{name}" for name in files]
        if len(names) >= LIMIT:
            break
    return names[:LIMIT]


def _in_order(name: str, letters: str) -> bool:
    at = 0
    for letter in letters:
        at = name.find(letter, at) + 1
        if not at:
            return False
    return True


def _rank(name: str, wanted: str) -> tuple[int, bool, int, str]:
    """Order matches: in the file's own name first, at its beginning before that; files, then short names."""
    own = name.rstrip("/").rpartition("/")[2]
    if own.startswith(wanted):
        kind = 0
    elif wanted in own:
        kind = 1
    elif name.startswith(wanted):
        kind = 2
    else:
        kind = 3 if wanted in name else 4
    return kind, name.endswith("/"), len(name), name
