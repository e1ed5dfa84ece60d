"""Ranking files for what a map is asked about."""

from collections.abc import Callable, Sequence
from itertools import accumulate, islice

from kcode.environment.syntax.cache import Cache
from kcode.environment.syntax.graph import Graph, spread
from kcode.types.syntax import RankedFile, Symbol

DAMPING = 0.5
ROUNDS = 4
"""How far from the focus one looks: a few steps."""
POPULAR = 0.3
"""How much a file that everybody uses is held back: it says little about the focus."""


class Focus:
    """Files ordered by how much they matter, to the focus or, without one, at all.

    Attributes:
        unknown: what of the focus means nothing here.
    """

    def __init__(self, cache: Cache, graph: Graph, paths: Sequence[str], focus: Sequence[str]) -> None:
        self._cache = cache
        self._graph = graph
        self._paths = paths
        self.unknown: list[str] = []
        self._files, self._named = self._meant(focus)
        self._words = frozenset[str]().union(*(cache.words(paths[n]) for n in self._files[:20]), focus)

    def _meant(self, focus: Sequence[str]) -> tuple[Sequence[int], Sequence[int]]:
        """Return the files that the focus names, and those that define what it names."""
        numbers = {path: number for number, path in enumerate(self._paths)}
        files: list[int] = []
        named: list[int] = []
        for one in focus:
            plain = one.strip().removeprefix("./").rstrip("/")
            if plain in {"", "."}:
                continue
            below = [n for path, n in numbers.items() if path == plain or path.startswith(f"{plain}/")]
            files += below
            if not below:
                found = self._defining(plain)
                named += {numbers[symbol.path] for symbol in found if symbol.path in numbers}
                self.unknown += [] if found else [one]
        return files, named

    def _defining(self, name: str) -> Sequence[Symbol]:
        """Return what is called so; of a name with dots also what is called by its last part."""
        for wanted in dict.fromkeys((name, name.rpartition(".")[2])):
            found = self._cache.find(wanted)
            if found:
                return [symbol for symbol in found if symbol.name == wanted] or found
        return ()

    @property
    def known(self) -> bool:
        """Whether there is anything that the focus names."""
        return bool(self._files or self._named)

    def _scores(self) -> Sequence[float]:
        if not self.known:
            return self._graph.rank
        start = [0.0] * len(self._paths)
        for number in (*self._files, *self._named):
            start[number] = 1.0
        near = spread(self._graph, start, rounds=ROUNDS, damping=DAMPING)
        for number in self._files:
            # The focus itself is known already.
            near[number] = 0.0
        return [one / (all_ + 1e-9) ** POPULAR for one, all_ in zip(near, self._graph.rank, strict=True)]

    def ranked(self, most: int, hidden: Callable[[str], bool]) -> Sequence[RankedFile]:
        """Return the first files that are not hidden with their definitions, the most used ones first."""
        scores = self._scores()
        order = sorted(range(len(self._paths)), key=lambda n: (-scores[n], self._paths[n]))
        shown = islice((n for n in order if scores[n] > 0 and not hidden(self._paths[n])), most)
        counts = self._cache.counts()
        begins = [0, *accumulate(counts[path] for path in self._paths)]
        return [RankedFile(self._paths[n], scores[n], self._sorted(n, begins[n])) for n in shown]

    def _sorted(self, number: int, begin: int) -> Sequence[Symbol]:
        symbols = self._cache.symbols(self._paths[number])
        used = self._graph.used[begin : begin + len(symbols)]

        def worth(item: tuple[Symbol, int]) -> tuple[bool, float]:
            symbol, count = item
            return symbol.name not in self._words or not self.known, -count / (1 + symbol.depth)

        pairs = zip(symbols, used, strict=True)
        return [symbol for symbol, _ in sorted(pairs, key=worth)]
