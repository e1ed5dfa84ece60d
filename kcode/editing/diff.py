"""Diffs for people and for the log: unified text, and lines with their numbers; bounded in cost."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from kcode.editing.sequences import Opcode, opcodes

_CONTEXT = 3


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a diff.

    Attributes:
        kind: whether it stayed, went or came.
        old: its 1-based number before, None where it came.
        new: its 1-based number after, None where it went.
        text: the line without its ending.
    """

    kind: Literal["same", "removed", "added"]
    old: int | None
    new: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Hunk:
    """A stretch of changed lines with a few unchanged ones around it."""

    lines: tuple[DiffLine, ...]


@dataclass(frozen=True, slots=True)
class Diff:
    """What changed between two texts.

    Attributes:
        hunks: the changes in order; none where the texts are the same.
        added: how many lines came.
        removed: how many lines went.
        endings_only: the lines read the same; line endings or the final newline differ.
    """

    hunks: tuple[Hunk, ...]
    added: int
    removed: int
    endings_only: bool = False


def diff(old: str, new: str, context: int = _CONTEXT) -> Diff:
    """Compare two texts line by line.

    Endings count: a line whose ending changed is shown as removed and added.

    Args:
        old: the text before.
        new: the text after.
        context: how many unchanged lines to show around a change.
    """
    a, b = _lines(old), _lines(new)
    codes = opcodes(a, b)
    hunks = tuple(Hunk(tuple(_display(a, b, group))) for group in _groups(codes, context))
    added = sum(j2 - j1 for tag, _, _, j1, j2 in codes if tag != "equal")
    removed = sum(i2 - i1 for tag, i1, i2, _, _ in codes if tag != "equal")
    same = bool(hunks) and [_bare(line) for line in a] == [_bare(line) for line in b]
    return Diff(hunks, added, removed, same)


def unified(old: str, new: str, path: str = "", context: int = _CONTEXT) -> str:
    """Return a unified diff that `git apply` and `patch` read, empty where nothing changed.

    Args:
        old: the text before.
        new: the text after.
        path: the file's name for the header, with forward slashes; without one there is no header.
        context: how many unchanged lines to show around a change.
    """
    a, b = _lines(old), _lines(new)
    out: list[str] = []
    for group in _groups(opcodes(a, b), context):
        (_, i1, _, j1, _), (_, _, i2, _, j2) = group[0], group[-1]
        out.append(f"@@ -{_span(i1, i2)} +{_span(j1, j2)} @@\n")
        for tag, p1, p2, q1, q2 in group:
            if tag == "equal":
                out += [_marked(" ", line) for line in a[p1:p2]]
            else:
                out += [_marked("-", line) for line in a[p1:p2]]
                out += [_marked("+", line) for line in b[q1:q2]]
    if out and path:
        before, after = (
            "/dev/null" if not text else f"{side}/{path}" for side, text in (("a", old), ("b", new))
        )
        out[:0] = [f"--- {before}\n", f"+++ {after}\n"]
    return "".join(out)


def _lines(text: str) -> list[str]:
    """Cut at line feeds only, keeping endings, so that every difference shows."""
    lines = text.split("\n")
    last = lines.pop()
    return [line + "\n" for line in lines] + ([last] if last else [])


def _bare(line: str) -> str:
    return line.rstrip("\r\n")


def _marked(mark: str, line: str) -> str:
    return mark + line if line.endswith("\n") else f"{mark}{line}\n\\ No newline at end of file\n"


def _span(first: int, stop: int) -> str:
    size = stop - first
    if size == 1:
        return str(first + 1)
    return f"{first + bool(size)},{size}"


def _groups(codes: Sequence[Opcode], context: int) -> Iterator[list[Opcode]]:
    """Cut the comparison into hunks, each change with up to `context` unchanged lines on either side."""
    group: list[Opcode] = []
    for n, (tag, i1, i2, j1, j2) in enumerate(codes):
        if tag != "equal":
            group.append((tag, i1, i2, j1, j2))
            continue
        first, last = n == 0, n == len(codes) - 1
        if not first and not last and i2 - i1 <= 2 * context:
            group.append((tag, i1, i2, j1, j2))
            continue
        if not first:
            kept = min(context, i2 - i1)
            group.append(("equal", i1, i1 + kept, j1, j1 + kept))
            yield group
        kept = min(context, i2 - i1)
        group = [] if last else [("equal", i2 - kept, i2, j2 - kept, j2)]
    if group:
        yield group


def _display(a: Sequence[str], b: Sequence[str], group: Sequence[Opcode]) -> Iterator[DiffLine]:
    for tag, i1, i2, j1, j2 in group:
        if tag == "equal":
            yield from (
                DiffLine("same", i + 1, j + 1, _bare(a[i]))
                for i, j in zip(range(i1, i2), range(j1, j2), strict=True)
            )
            continue
        yield from (DiffLine("removed", i + 1, None, _bare(a[i])) for i in range(i1, i2))
        yield from (DiffLine("added", None, j + 1, _bare(b[j])) for j in range(j1, j2))
