"""The three-way merge: the change from old to new, made on the file's own lines."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from kcode.editing.fold import fold, habits, indent_of, key
from kcode.editing.indent import Indents, Pair, UnclearIndentError, unit_of
from kcode.editing.match import Page, Place
from kcode.editing.sequences import opcodes
from kcode.editing.words import merge_line

_AROUND = 300
"""Lines on either side of the place that are asked for the file's indentation step."""


class UnclearMergeError(Exception):
    """The place is known, but not what to write there; the text says why, for the model."""


@dataclass(frozen=True, slots=True)
class Merged:
    """Lines to write in place of the matched ones, and what was adapted."""

    lines: list[str]
    adapted: tuple[str, ...]


class Merge:
    """One merge; the parts share what the matched lines taught."""

    def __init__(self, page: Page, place: Place, old: Sequence[str], new: Sequence[str]) -> None:
        self._page = page
        self._place = place
        self._old = old
        self._new = new
        lines = page.lines
        self._solid = {
            row: Pair(row, indent_of(line), indent_of(lines[start]))
            for row, (line, (start, _)) in enumerate(zip(old, place.rows, strict=True))
            if key(line) and key(line) == key(lines[start])
        }
        around = lines[max(0, place.first - _AROUND) : place.stop + _AROUND]
        self._indents = Indents(list(self._solid.values()), new, unit_of(around))
        typed = [old[row] for row in self._solid]
        real = [lines[place.rows[row][0]] for row in self._solid]
        self._learnt = habits([t.strip() for t in typed], [r.strip() for r in real])
        self._trails = any(t != t.rstrip() and r == r.rstrip() for t, r in zip(typed, real, strict=True))
        self._folded = any(fold(t) != t or fold(r) != r for t, r in zip(typed, real, strict=True))

    def run(self) -> Merged:
        """Make the change.

        Raises:
            UnclearMergeError: the result would be a guess.
        """
        out: list[str] = []
        left, right = _trimmed(self._old), _trimmed(self._new)
        for tag, i1, i2, j1, j2 in opcodes(left, right):
            if tag == "equal":
                out += self._theirs(i1, i2)
            else:
                out += self._changed(i1, i2, j1, j2)
        return Merged(out, tuple(self._adapted()))

    def _theirs(self, first: int, stop: int) -> list[str]:
        rows = self._place.rows
        return self._page.lines[rows[first][0] : rows[stop - 1][1]] if stop > first else []

    def _changed(self, i1: int, i2: int, j1: int, j2: int) -> Iterator[str]:
        if any(i not in self._solid and key(self._old[i]) for i in range(i1, i2)):
            raise UnclearMergeError(
                "the line that stands for left-out code was itself changed, moved or dropped; "
                "keep it as it is in new_string"
            )
        before = i1
        for i, j in self._partners(i1, i2, j1, j2):
            if i is not None:
                before = i + 1
            if j is None:
                continue
            yield self._line(i, j, before)
            if i is not None:
                start, stop = self._place.rows[i]
                yield from self._page.lines[start + 1 : stop]

    def _partners(self, i1: int, i2: int, j1: int, j2: int) -> Iterator[tuple[int | None, int | None]]:
        """Pair changed lines: first those that differ in indentation only, then by position or likeness."""
        old = [key(line) for line in self._old[i1:i2]]
        new = [key(line) for line in self._new[j1:j2]]
        for tag, p1, p2, q1, q2 in opcodes(old, new):
            if tag == "equal" or p2 - p1 == q2 - q1:
                yield from zip(range(i1 + p1, i1 + p2), range(j1 + q1, j1 + q2), strict=True)
            else:
                yield from _alike(self._old, range(i1 + p1, i1 + p2), self._new, range(j1 + q1, j1 + q2))

    def _line(self, i: int | None, j: int, row: int) -> str:
        new = self._new[j]
        body = new.strip()
        if not body:
            return ""
        pair = self._solid.get(i) if i is not None else None
        trail = new[len(new.rstrip()) :]
        if i is None or pair is None:
            return self._fresh(new, row) + body.translate(self._learnt) + ("" if self._trails else trail)
        old, real = self._old[i], self._page.lines[self._place.rows[i][0]]
        if trail == old[len(old.rstrip()) :]:
            trail = real[len(real.rstrip()) :]
        merged = merge_line(old.strip(), body, real.strip(), self._learnt)
        return self._indents.beside(indent_of(new), pair) + merged + trail

    def _fresh(self, new: str, row: int) -> str:
        try:
            return self._indents.fresh(indent_of(new), row)
        except UnclearIndentError:
            raise UnclearMergeError(
                "old_string lost its indentation, so it is unclear how deep the new line "
                f"`{new.strip()[:60]}` belongs; copy old_string with the file's indentation"
            ) from None

    def _adapted(self) -> Iterator[str]:
        if self._indents.changed:
            yield "indentation adjusted to the file's"
        if self._folded:
            yield "the file's typography (quotes, dashes, spaces) kept"
        if not self._place.same_blanks:
            yield "blank lines kept as they are in the file"


def _trimmed(lines: Sequence[str]) -> list[str]:
    return [line.rstrip() for line in lines]


_LIKE = 0.6
_PAIRS = 400


def _alike(
    old: Sequence[str], rows: range, new: Sequence[str], wanted: range
) -> Iterator[tuple[int | None, int | None]]:
    """Pair lines that resemble each other, in order; likeness decides blanks and typography, never content."""
    i = rows.start
    for j in wanted:
        found = None
        if len(rows) * len(wanted) <= _PAIRS and new[j].strip():
            found = next((r for r in range(i, rows.stop) if _resembles(old[r], new[j])), None)
        if found is not None:
            yield from ((r, None) for r in range(i, found))
            i = found + 1
        yield found, j
    yield from ((r, None) for r in range(i, rows.stop))


def _resembles(a: str, b: str) -> bool:
    matcher = SequenceMatcher(None, a.strip(), b.strip(), autojunk=False)
    return matcher.quick_ratio() >= _LIKE and matcher.ratio() >= _LIKE
