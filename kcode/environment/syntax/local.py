"""Code below one root, see `kcode.types.syntax.Syntax`."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING, TypeVar

from kcode.environment.syntax.grammars import grammar_for
from kcode.types.syntax import RankedFile, RepoMap, Symbol, SyntaxProblem

if TYPE_CHECKING:
    from kcode.environment.syntax.cache import Cache

T = TypeVar("T")
LARGEST = 4_000_000
"""Bytes of a file that is parsed by itself."""
SHOWN = 200
"""Files that a map ranks."""


class LocalSyntax:
    """Parses files; keeps what it finds about a whole root in a cache.

    Args:
        root: the folder that maps and searches are about.
        home: kcode's own folder, for the cache; None to keep it in memory.
        names: lists the files below the root as paths relative to it, and says why it may not be all.
        hidden: says of which files nothing is shown.
    """

    def __init__(
        self,
        root: Path,
        home: Path | None,
        names: Callable[[], Awaitable[tuple[Sequence[str], str]]],
        hidden: Callable[[Path], bool],
    ) -> None:
        self._root = root
        self._hidden = hidden
        self._home = home
        self._names = names
        self._cache: Cache | None = None
        self._turn = Lock()

    async def outline(self, path: Path, data: bytes) -> Sequence[Symbol]:
        """Return what a file defines, in the order of its lines; `path` says the language."""
        grammar = grammar_for(path)
        if grammar is None or len(data) > LARGEST:
            return ()
        from kcode.environment.syntax.tags import read_tags  # noqa: PLC0415 - only files of a known language need it

        return (await asyncio.to_thread(read_tags, grammar, data)).symbols

    async def problems(self, path: Path, data: bytes) -> Sequence[SyntaxProblem]:
        """Return where a file does not fit its grammar, a few places at most."""
        grammar = grammar_for(path)
        if grammar is None or len(data) > LARGEST:
            return ()
        from kcode.environment.syntax.tags import read_problems  # noqa: PLC0415 - as above

        return await asyncio.to_thread(read_problems, grammar, data)

    async def symbols(self, name: str, *, limit: int = 50) -> Sequence[Symbol]:
        """Find definitions anywhere below the root by name: exactly, else by what they contain."""
        _, _, found = await self._with_cache(lambda cache: cache.find(name))
        wanted = name.lower()

        def order(symbol: Symbol) -> tuple[bool, bool, int, str, int]:
            plain = symbol.name.lower()
            return symbol.name != name, plain != wanted, symbol.depth, symbol.path, symbol.first

        exact = [symbol for symbol in found if symbol.name == name]
        shown = (one for one in sorted(exact or found, key=order) if not self._hides(one.path))
        return list(islice(shown, limit))

    async def map(self, *, tokens: int, focus: Sequence[str] = ()) -> RepoMap:
        """Draw a map of the root that takes about `tokens` tokens, see `kcode.types.syntax.Syntax`."""
        from kcode.environment.syntax.drawing import draw  # noqa: PLC0415 - as above
        from kcode.environment.syntax.focus import Focus  # noqa: PLC0415 - as above
        from kcode.environment.syntax.index import graph_of  # noqa: PLC0415 - as above

        def rank(cache: "Cache") -> tuple[Sequence[RankedFile], Sequence[str]]:
            graph = graph_of(cache, self._root)
            asked = Focus(cache, graph, sorted(cache.files()), focus)
            return asked.ranked(SHOWN, self._hides), asked.unknown

        (files, parsed), partial, (ranked, unknown) = await self._with_cache(rank)
        text = await asyncio.to_thread(draw, ranked, tokens)
        return RepoMap(text, ranked, files, parsed, partial, unknown)

    def _hides(self, path: str) -> bool:
        return self._hidden(self._root / path)

    async def close(self) -> None:
        """Close the cache."""

        def shut() -> None:
            with self._turn:
                if self._cache is not None:
                    self._cache.close()
                    self._cache = None

        if self._cache is not None:
            await asyncio.to_thread(shut)

    async def _with_cache(self, work: "Callable[[Cache], T]") -> tuple[tuple[int, int], str, T]:
        """Bring the cache up to date and use it, on a thread; one at a time."""
        paths, partial = await self._names()
        stop = Event()

        def run() -> tuple[tuple[int, int], str, T]:
            from kcode.environment.syntax.cache import Cache  # noqa: PLC0415 - sqlite is loaded on use
            from kcode.environment.syntax.facts import is_mapped  # noqa: PLC0415 - as above
            from kcode.environment.syntax.index import update  # noqa: PLC0415 - as above

            with self._turn:
                if self._cache is None:
                    self._cache = Cache(self._place())
                updated = update(self._cache, self._root, [path for path in paths if is_mapped(path)], stop)
                reasons = "; ".join(filter(None, (partial, updated.partial)))
                return (updated.files, updated.parsed), reasons, work(self._cache)

        try:
            return await asyncio.to_thread(run)
        except asyncio.CancelledError:
            # The thread goes on to the end of what it has begun; whoever comes next waits for it there.
            stop.set()
            raise

    def _place(self) -> Path | None:
        if self._home is None:
            return None
        name = hashlib.sha256(str(self._root).encode(errors="surrogateescape")).hexdigest()[:16]
        return self._home / "cache" / "code" / f"{name}.sqlite"
