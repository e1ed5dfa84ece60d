"""What one file contributes to the map: its definitions, what it imports, and the words in it."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, cast

from kcode.environment.syntax.grammars import Grammar, grammar_for
from kcode.environment.syntax.imports import targets
from kcode.environment.syntax.tags import read_tags
from kcode.types.syntax import Symbol

LARGEST = 1_000_000
"""Bytes of a file that is looked at; beyond them it is data or made by a program."""
_LONG_LINES = 400
"""Bytes of an average line from which on a file was made by a program."""
_WORD = re.compile(rb"[A-Za-z_$][A-Za-z0-9_$]{2,60}")


@dataclass(frozen=True, slots=True)
class Facts:
    """About one file, by its content alone: nothing here depends on where it lies."""

    symbols: Sequence[Symbol]
    imports: Sequence[str]
    words: frozenset[bytes]

    def packed(self) -> tuple[str, str, bytes]:
        """Return symbols, imports and words as the cache keeps them."""
        symbols = [[s.name, s.kind, s.first, s.last, s.depth, s.text] for s in self.symbols]
        return json.dumps(symbols), json.dumps(list(self.imports)), b" ".join(sorted(self.words))


NOTHING = Facts((), (), frozenset())


def unpack_symbols(text: str, path: str = "") -> list[Symbol]:
    """Read symbols as `Facts.packed` wrote them."""
    rows = cast("list[list[Any]]", json.loads(text))
    return [
        Symbol(name, kind, first, last, depth, line, path) for name, kind, first, last, depth, line in rows
    ]


def is_mapped(path: str) -> bool:
    """Whether a file's language belongs on the map."""
    grammar = grammar_for(path)
    return grammar is not None and grammar.mapped


def gather(path: str, data: bytes) -> Facts:
    """Look at a file's bytes; a file that no person wrote gives nothing."""
    grammar = grammar_for(path)
    if grammar is None or not data or b"\0" in data[:1024] or _made_by_program(data):
        return NOTHING
    tags = read_tags(grammar, data)
    return Facts(tags.symbols, _specs(grammar, tags.imports), frozenset(_WORD.findall(data)))


def _made_by_program(data: bytes) -> bool:
    return len(data) > LARGEST or len(data) > _LONG_LINES * (data.count(b"\n") + 1) > 10 * _LONG_LINES


def _specs(grammar: Grammar, texts: Sequence[str]) -> Sequence[str]:
    return list(dict.fromkeys(spec for text in texts for spec in targets(grammar.name, text)))[:500]


def is_test(path: str) -> bool:
    """Whether a file's name says that it tests others."""
    name = PurePath(path).stem.lower()
    parts = {part.lower() for part in PurePath(path).parts[:-1]}
    return (
        name.startswith("test_")
        or name.endswith(("_test", ".test", ".spec", "_spec"))
        or name == "conftest"
        or bool(parts & {"test", "tests", "testing", "__tests__", "spec", "specs"})
    )
