"""What a syntax tree says: definitions with their lines, imports, and places that do not fit the grammar."""

import ast
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kcode.environment.syntax.grammars import Grammar, definitions, parse
from kcode.types.syntax import Symbol, SyntaxProblem

if TYPE_CHECKING:
    from tree_sitter import Node

LINE = 120
"""Characters of a definition's first line that are kept."""
PROBLEMS = 5
_WORTH_NAMING = re.compile(r"[A-Z][A-Za-z0-9_]*")
"""Of constants, those whose names begin with a capital: the others are plain variables."""
_IMPORT = 2000


@dataclass(frozen=True, slots=True)
class Tags:
    """The definitions of a file, in the order of its lines, and the texts of its imports."""

    symbols: Sequence[Symbol]
    imports: Sequence[str]


def read_tags(grammar: Grammar, data: bytes) -> Tags:
    """Return what a file defines and imports; nothing where it cannot be parsed."""
    tree = parse(grammar, data)
    if tree is None:
        return Tags((), ())
    found: list[tuple[int, int, str, str, Node]] = []
    imports: list[str] = []
    for captures in definitions(grammar, tree.root_node):
        if nodes := captures.get("import"):
            imports.append(_text(nodes[0])[:_IMPORT])
            continue
        name = _text(captures["name"][0]) if "name" in captures else ""
        kind = next((k for k in captures if k not in {"name", "called"}), "")
        node = captures[kind][0] if kind else None
        if node is None or not name or (kind == "constant" and not _WORTH_NAMING.fullmatch(name)):
            continue
        found.append((node.start_byte, -node.end_byte, kind, name, node))
    found.sort(key=lambda one: one[:4])
    return Tags(_nested(found, data), imports)


def _nested(found: "Sequence[tuple[int, int, str, str, Node]]", data: bytes) -> Sequence[Symbol]:
    symbols: list[Symbol] = []
    around: list[tuple[int, str]] = []
    last: tuple[int, str] | None = None
    for start, minus_end, kind, name, node in found:
        if last == (start, name):
            # The same definition by another pattern: `const f = () => ...` is a function and a constant.
            continue
        last = (start, name)
        end = -minus_end
        while around and around[-1][0] <= start:
            around.pop()
        inside = around[-1][1] if around else ""
        shown = "method" if kind == "function" and inside in {"class", "impl", "trait"} else kind
        symbols.append(
            Symbol(
                name=name,
                kind=shown,
                first=node.start_point[0] + 1,
                last=_last_line(node),
                depth=len(around),
                text=_first_line(data, start),
            )
        )
        around.append((end, kind))
    return symbols


def _last_line(node: "Node") -> int:
    row, column = node.end_point
    return row + 1 if column > 0 else max(row, node.start_point[0] + 1)


def _first_line(data: bytes, start: int) -> str:
    end = data.find(b"\n", start)
    piece = data[start : min(len(data) if end < 0 else end, start + 4 * LINE)]
    text = piece.decode("utf-8", "replace").strip()
    return text if len(text) <= LINE else f"{text[:LINE]}..."


def _text(node: "Node") -> str:
    return (node.text or b"").decode("utf-8", "replace")


def read_problems(grammar: Grammar, data: bytes) -> Sequence[SyntaxProblem]:
    """Return where a file does not fit its grammar: the first few places.

    A grammar can lag behind its language, so Python's own parser has the last word on Python.
    """
    tree = parse(grammar, data)
    if tree is None or not tree.root_node.has_error:
        return ()
    if grammar.name == "python" and _python_takes(data):
        return ()
    problems: dict[int, SyntaxProblem] = {}
    for node in _broken(tree.root_node):
        problem = _problem(node, data)
        problems.setdefault(problem.line, problem)
        if len(problems) >= PROBLEMS:
            break
    return list(problems.values())


def _python_takes(data: bytes) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(data)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True


def _broken(root: "Node") -> "Iterator[Node]":
    """Walk down to the innermost places that the parser marked, from the beginning on."""
    waiting: list[Node] = [root]
    while waiting:
        node = waiting.pop()
        if node.is_missing:
            yield node
            continue
        worse = [child for child in node.children if child.has_error or child.is_missing]
        if node.is_error and not worse:
            yield node
        waiting += reversed(worse)


def _problem(node: "Node", data: bytes) -> SyntaxProblem:
    row = node.start_point[0]
    start = data.rfind(b"\n", 0, node.start_byte) + 1
    line = _first_line(data, start)
    if node.is_missing:
        words = f"{node.type!r} is missing" if node.type.strip() else "something is missing"
    else:
        snippet = _first_line(data, node.start_byte)[:40]
        words = f"unexpected {snippet!r}" if snippet else "an unexpected line"
    return SyntaxProblem(row + 1, words, line)
