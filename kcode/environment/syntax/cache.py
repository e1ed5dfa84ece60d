"""What was found out about files, kept by their content, so that only changed files are looked at again."""

import contextlib
import json
import sqlite3
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from kcode.environment.syntax.facts import Facts, unpack_symbols
from kcode.environment.syntax.graph import FileFacts, Graph, unpack
from kcode.types.syntax import Symbol

VERSION = 1
"""Counts changes of what is kept and of how it is found."""
_BUSY = 2.0
_TABLES = """
CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, mtime INTEGER, size INTEGER, hash TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (hash TEXT PRIMARY KEY, symbols TEXT, imports TEXT, words BLOB, count INTEGER);
CREATE TABLE IF NOT EXISTS graph (part INTEGER PRIMARY KEY, data BLOB);
"""


class Known(NamedTuple):
    """A file as it was when it was last looked at; `mtime` in nanoseconds."""

    mtime: int
    size: int
    hash: str


class Cache:
    """One root's facts. A file that cannot be used is replaced; where none can be kept it lives in memory.

    Args:
        path: the file; None for memory.
    """

    def __init__(self, path: Path | None) -> None:
        self._db = _opened(path)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __del__(self) -> None:
        # Whoever forgets to close loses nothing.
        self._db.close()

    def files(self) -> dict[str, Known]:
        """Return every known file."""
        rows = self._db.execute("SELECT path, mtime, size, hash FROM files")
        return {path: Known(mtime, size, hash_) for path, mtime, size, hash_ in rows}

    def has(self, hashes: Iterable[str]) -> set[str]:
        """Return those of the contents whose facts are known."""
        known = {hash_ for (hash_,) in self._db.execute("SELECT hash FROM facts")}
        return known.intersection(hashes)

    def learn(self, facts: Mapping[str, Facts]) -> None:
        """Keep facts by content."""
        rows = [(hash_, *one.packed(), len(one.symbols)) for hash_, one in facts.items()]
        with self._db:
            self._db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?, ?, ?, ?)", rows)

    def update(self, changed: Mapping[str, Known], gone: Iterable[str]) -> None:
        """Change what is known of files, and drop the graph, which no longer fits."""
        with self._db:
            self._db.executemany("DELETE FROM files WHERE path = ?", [(path,) for path in gone])
            rows = [(path, *known) for path, known in changed.items()]
            self._db.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", rows)
            self._db.execute("DELETE FROM graph")
            self._forget_some()

    def _forget_some(self) -> None:
        """Keep contents that no file has any more for a while: a branch may bring them back."""
        (files,) = self._db.execute("SELECT count(*) FROM files").fetchone()
        (facts,) = self._db.execute("SELECT count(*) FROM facts").fetchone()
        if facts > 2 * files + 1000:
            self._db.execute("DELETE FROM facts WHERE hash NOT IN (SELECT hash FROM files)")

    def touch(self, changed: Mapping[str, Known]) -> None:
        """Note new times of files whose content is the same."""
        with self._db:
            rows = [(path, *known) for path, known in changed.items()]
            self._db.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", rows)

    def everything(self) -> list[FileFacts]:
        """Return the facts of every file, sorted by path."""
        rows = self._db.execute(
            "SELECT path, symbols, imports, words FROM files JOIN facts USING (hash) ORDER BY path"
        )
        return [
            FileFacts(
                path,
                [(row[0], row[1]) for row in json.loads(symbols)],
                json.loads(imports),
                words.split(b" ") if words else (),
            )
            for path, symbols, imports, words in rows
        ]

    def symbols(self, path: str) -> list[Symbol]:
        """Return one file's definitions."""
        row = self._db.execute(
            "SELECT symbols FROM files JOIN facts USING (hash) WHERE path = ?", (path,)
        ).fetchone()
        return unpack_symbols(row[0], path) if row else []

    def counts(self) -> dict[str, int]:
        """Return how many definitions each file has."""
        return dict(self._db.execute("SELECT path, count FROM files JOIN facts USING (hash)"))

    def words(self, path: str) -> frozenset[str]:
        """Return the words of one file."""
        row = self._db.execute(
            "SELECT words FROM files JOIN facts USING (hash) WHERE path = ?", (path,)
        ).fetchone()
        return frozenset(row[0].decode("ascii", "replace").split()) if row else frozenset()

    def find(self, text: str) -> list[Symbol]:
        """Return the definitions of all files whose name contains `text`, in any case."""
        rows = self._db.execute(
            "SELECT path, symbols FROM files JOIN facts USING (hash) WHERE instr(lower(symbols), ?) ORDER BY path",
            (json.dumps(text.lower())[1:-1],),
        )
        wanted = text.lower()
        return [
            s for path, symbols in rows for s in unpack_symbols(symbols, path) if wanted in s.name.lower()
        ]

    def graph(self) -> Graph | None:
        """Return the graph of all files, if it is kept."""
        parts: Sequence[bytes] = [
            data for (data,) in self._db.execute("SELECT data FROM graph ORDER BY part")
        ]
        try:
            return unpack(parts) if parts else None
        except ValueError:
            return None

    def keep_graph(self, graph: Graph) -> None:
        """Keep the graph until a file changes."""
        with self._db:
            self._db.execute("DELETE FROM graph")
            self._db.executemany("INSERT INTO graph VALUES (?, ?)", enumerate(graph.packed()))


def _opened(path: Path | None) -> sqlite3.Connection:
    if path is not None:
        with contextlib.suppress(OSError, sqlite3.Error):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                return _database(str(path))
            except sqlite3.OperationalError:
                # Somebody else works with it: this once without.
                return _database(":memory:")
            except sqlite3.DatabaseError:
                path.unlink(missing_ok=True)
                return _database(str(path))
    return _database(":memory:")


def _database(name: str) -> sqlite3.Connection:
    database = sqlite3.connect(name, timeout=_BUSY, check_same_thread=False)
    try:
        mark = VERSION * 2 + (sys.byteorder == "big")
        (found,) = database.execute("PRAGMA user_version").fetchone()
        if found != mark:
            for table in ("files", "facts", "graph"):
                database.execute(f"DROP TABLE IF EXISTS {table}")
        # What is lost in a crash is found out again.
        database.execute("PRAGMA synchronous = OFF")
        database.executescript(_TABLES)
        database.execute(f"PRAGMA user_version = {mark}")
    except BaseException:
        database.close()
        raise
    return database
