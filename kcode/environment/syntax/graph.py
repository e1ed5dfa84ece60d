"""Which files matter: a graph of who uses whose names, and a rank over it."""

import math
import posixpath
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kcode.environment.syntax.facts import is_test
from kcode.environment.syntax.imports import Places

EDGES = 40
"""Edges that are kept of one file, the heaviest ones."""
DEFINERS = 8
"""A name that more files define says nothing about which one is meant."""
_IMPORT = 3.0
_CONFIRMED = 2.0
"""How much more a name counts in a file whose module is imported."""
_NAMESAKE = 4.0
"""What `test_x` owes to `x`."""
_METHOD = 0.4
"""How much less a method's name counts: it may be another class's."""
_TEST = 0.2
"""How much less what tests use counts for the map as a whole: they use everything."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What the graph needs of a file: names with their kinds, imports and words."""

    path: str
    names: Sequence[tuple[str, str]]
    imports: Sequence[str]
    words: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Graph:
    """Edges of all files one after the other: those of file n stand from `starts[n]` to `starts[n + 1]`.

    The weights of a file's edges add up to 1. `used` counts for each definition, file by file in the order of their
    lines, how many other files mention its name.
    """

    starts: "array[int]"
    ends: "array[int]"
    weights: "array[float]"
    rank: "array[float]"
    used: "array[int]"

    def packed(self) -> Sequence[bytes]:
        """Return the arrays' bytes, for the cache."""
        return [a.tobytes() for a in (self.starts, self.ends, self.weights, self.rank, self.used)]


def unpack(parts: Sequence[bytes]) -> Graph:
    """Read what `Graph.packed` wrote; raises ValueError for anything else."""
    starts, ends, weights, rank, used = array("I"), array("I"), array("f"), array("d"), array("I")
    for part, into in zip(parts, (starts, ends, weights, rank, used), strict=True):
        into.frombytes(part)
    if not starts or starts[-1] != len(ends) or len(ends) != len(weights) or len(rank) != len(starts) - 1:
        raise ValueError("not a graph")
    return Graph(starts, ends, weights, rank, used)


def build(files: Sequence[FileFacts], root_name: str) -> Graph:
    """Make the graph of these files and rank them."""
    names = _Names(files)
    places = Places([file.path for file in files], root_name)
    namesakes = _namesakes(files)
    starts, ends, weights = array("I", [0]), array("I"), array("f")
    for number, file in enumerate(files):
        edges = names.edges(number, _imported(number, file, places))
        for other in namesakes.get(number, ()):
            edges[other] = edges.get(other, 0.0) + _NAMESAKE
        kept = sorted(edges.items(), key=lambda edge: -edge[1])[:EDGES]
        total = sum(weight for _, weight in kept) or 1.0
        ends.extend(other for other, _ in kept)
        weights.extend(weight / total for _, weight in kept)
        starts.append(len(ends))
    start = [_TEST if is_test(file.path) else 1.0 for file in files]
    graph = Graph(starts, ends, weights, array("d", start), array("I", names.used()))
    rank = array("d", spread(graph, start, rounds=20, damping=0.85))
    return Graph(starts, ends, weights, rank, graph.used)


def spread(graph: Graph, start: Sequence[float], *, rounds: int, damping: float) -> list[float]:
    """Let weight flow along the edges from where it starts; what has nowhere to go begins anew."""
    total = sum(start) or 1.0
    start = [one / total for one in start]
    rank = list(start)
    starts, ends, weights = graph.starts, graph.ends, graph.weights
    for _ in range(rounds):
        flow = [0.0] * len(start)
        lost = 0.0
        for number, here in enumerate(rank):
            first, stop = starts[number], starts[number + 1]
            if first == stop:
                lost += here
            elif here > 1e-9:
                for at in range(first, stop):
                    flow[ends[at]] += here * weights[at]
        rank = [
            (1 - damping) * one + damping * (come + lost * one) for one, come in zip(start, flow, strict=True)
        ]
    return rank


def _imported(number: int, file: FileFacts, places: Places) -> set[int]:
    folder = posixpath.dirname(file.path)
    return {other for spec in file.imports if spec for other in places.find(spec, folder)} - {number}


def _namesakes(files: Sequence[FileFacts]) -> Mapping[int, Sequence[int]]:
    """Pair tests with the files whose name they carry."""
    by_name: dict[str, list[int]] = {}
    for number, file in enumerate(files):
        if not is_test(file.path):
            by_name.setdefault(_stem(file.path), []).append(number)
    pairs: dict[int, Sequence[int]] = {}
    for number, file in enumerate(files):
        if is_test(file.path):
            found = by_name.get(_stem(file.path), ())
            pairs[number] = sorted(found, key=lambda o: -_shared(files[o].path, file.path))[:2]
    return pairs


def _stem(path: str) -> str:
    name = posixpath.basename(path).partition(".")[0].lower()
    return name.removeprefix("test_").removesuffix("_test").removesuffix("_spec").strip("_")


def _shared(one: str, other: str) -> int:
    """Count the folders that two paths begin with in common."""
    count = 0
    for a, b in zip(one.split("/"), other.split("/"), strict=False):
        if a != b:
            break
        count += 1
    return count


class _Names:
    """Who defines which names, and how many files mention them."""

    def __init__(self, files: Sequence[FileFacts]) -> None:
        self._files = files
        self._definers: dict[bytes, dict[int, float]] = {}
        for number, file in enumerate(files):
            for name, kind in file.names:
                weight = _METHOD if kind == "method" else 1.0
                owners = self._definers.setdefault(name.encode(), {})
                owners[number] = max(owners.get(number, 0.0), weight)
        self._mentions: dict[bytes, int] = dict.fromkeys(self._definers, 0)
        for file in files:
            for word in self._known(file):
                self._mentions[word] += 1
        everything = len(files) + 1
        self._worth = {
            word: math.log(everything / max(count, 1)) for word, count in self._mentions.items() if count
        }

    def _known(self, file: FileFacts) -> Iterable[bytes]:
        definers = self._definers
        return [word for word in file.words if word in definers]

    def edges(self, number: int, imported: set[int]) -> dict[int, float]:
        """Weigh what a file uses of each other file."""
        edges: dict[int, float] = dict.fromkeys(imported, _IMPORT)
        for word in self._known(self._files[number]):
            owners = self._definers[word]
            if number in owners:
                continue
            sure = imported.intersection(owners)
            if not sure and len(owners) > DEFINERS:
                continue
            meant = sure or owners
            worth = self._worth[word] * (_CONFIRMED if sure else 1.0) / len(meant)
            for other in meant:
                edges[other] = edges.get(other, 0.0) + worth * owners[other]
        return edges

    def used(self) -> Iterable[int]:
        """Count for every definition how many other files mention its name."""
        for file in self._files:
            for name, _ in file.names:
                word = name.encode()
                yield max(self._mentions[word] - len(self._definers[word]), 0)
