"""Keeping the cache in step with the files."""

import hashlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from threading import Event

from kcode.environment.syntax.cache import Cache, Known
from kcode.environment.syntax.facts import LARGEST, Facts, gather
from kcode.environment.syntax.graph import Graph, build

FILES = 50_000
SECONDS = 30.0
"""The longest that new files are looked at in one go; the next call goes on from there."""
_BATCH = 200


@dataclass(frozen=True, slots=True)
class Updated:
    """How many files the cache knows, how many were read anew, and why some are missing."""

    files: int
    parsed: int
    partial: str = ""


def update(
    cache: Cache, root: Path, paths: Sequence[str], stop: Event, *, seconds: float = SECONDS
) -> Updated:
    """Look at every file that is new or changed. Blocks, for seconds the first time."""
    known = cache.files()
    wanted = {path: now for path in paths[:FILES] if (now := _stat(root, path)) is not None}
    gone = known.keys() - wanted.keys()
    changed = [path for path, (mtime, size) in wanted.items() if known.get(path, ())[:2] != (mtime, size)]
    limit = time.monotonic() + seconds
    fresh: dict[str, Known] = {}
    touched: dict[str, Known] = {}
    parsed = looked = 0
    for batch in _batches(changed):
        if stop.is_set() or time.monotonic() > limit:
            break
        hashes = {path: hash_ for path in batch if (hash_ := _hash(root, path))}
        parsed += _learn(cache, root, hashes)
        looked += len(batch)
        for path, hash_ in hashes.items():
            same = path in known and known[path].hash == hash_
            (touched if same else fresh)[path] = Known(*wanted[path], hash_)
    if fresh or gone:
        cache.update({**fresh, **touched}, gone)
    elif touched:
        cache.touch(touched)
    return Updated(
        len(known.keys() - gone | fresh.keys()), parsed, _partial(len(changed) - looked, len(paths))
    )


def _partial(left: int, paths: int) -> str:
    if left:
        return f"{left} files have not been looked at yet; ask again for the rest"
    return f"only {FILES:,} of {paths:,} files are looked at" if paths > FILES else ""


def graph_of(cache: Cache, root: Path) -> Graph:
    """Return the graph of all files, made anew if one has changed."""
    graph = cache.graph()
    if graph is None:
        graph = build(cache.everything(), root.name)
        cache.keep_graph(graph)
    return graph


def _batches(paths: Sequence[str]) -> Iterator[Sequence[str]]:
    return (paths[start : start + _BATCH] for start in range(0, len(paths), _BATCH))


def _stat(root: Path, path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(f"{root}/{path}")  # noqa: PTH116 - thousands of files; a Path for each takes as long as all else
    except (OSError, ValueError):
        return None
    # A pipe would never end.
    fits = S_ISREG(found.st_mode) and found.st_size <= LARGEST
    return (found.st_mtime_ns, found.st_size) if fits else None


def _hash(root: Path, path: str) -> str:
    data = _read(root, path)
    return "" if data is None else hashlib.blake2b(_suffix(path) + data, digest_size=16).hexdigest()


def _suffix(path: str) -> bytes:
    return os.path.splitext(path)[1].lower().encode() + b"\0"  # noqa: PTH122 - as above


def _read(root: Path, path: str) -> bytes | None:
    try:
        with open(f"{root}/{path}", "rb") as file:  # noqa: PTH123 - as above
            return file.read(LARGEST + 1)
    except OSError:
        return None


def _learn(cache: Cache, root: Path, hashes: Mapping[str, str]) -> int:
    unknown = set(hashes.values()) - cache.has(hashes.values())
    todo: dict[str, str] = {hash_: path for path, hash_ in hashes.items() if hash_ in unknown}
    if todo:
        cache.learn(dict(_gathered(root, todo)))
    return len(todo)


def _gathered(root: Path, todo: Mapping[str, str]) -> Iterable[tuple[str, Facts]]:
    """Parse on several threads: the parser lets others run meanwhile."""

    def one(item: tuple[str, str]) -> tuple[str, Facts]:
        hash_, path = item
        return hash_, gather(path, _read(root, path) or b"")

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        return list(pool.map(one, todo.items()))
