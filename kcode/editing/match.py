"""Finding whole lines in a file when only blanks and typography differ."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from kcode.editing.fold import fold, key

MOST_PLACES = 1000
"""How many places of one text are looked at; more are as ambiguous."""
_MOST_ROWS = 100_000
"""Lines of candidates that are compared to break a tie; a block this long or this frequent is ambiguous."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a block lies in the file.

    Attributes:
        first: the 0-based first line.
        stop: the line after the last.
        rows: for every line of the block, the file's lines (start, stop) that it stands for; together they
            cover first..stop without a gap.
        same_blanks: whether the blank lines inside are the file's.
    """

    first: int
    stop: int
    rows: tuple[tuple[int, int], ...]
    same_blanks: bool


@dataclass(frozen=True, slots=True)
class Several:
    """A block fits more than one place.

    Attributes:
        lines: the 0-based first line of each.
    """

    lines: tuple[int, ...]


class Page:
    """A file's LF view, indexed for finding lines; everything is computed once and when first needed."""

    def __init__(self, view: str) -> None:
        self.view = view

    @cached_property
    def lines(self) -> list[str]:
        """The file's lines, without their endings."""
        return self.view.split("\n")

    @cached_property
    def starts(self) -> list[int]:
        """The offset in the view at which each line starts."""
        return list(accumulate((len(line) + 1 for line in self.lines[:-1]), initial=0))

    def line_at(self, offset: int) -> int:
        """Return the 0-based line that holds an offset of the view."""
        return bisect_right(self.starts, offset) - 1

    @cached_property
    def solid(self) -> list[int]:
        """The indices of the lines that are not blank."""
        return [i for i, k in enumerate(self._all_keys) if k]

    @cached_property
    def keys(self) -> list[str]:
        """The reduced form of each line that is not blank."""
        return [k for k in self._all_keys if k]

    @cached_property
    def _all_keys(self) -> list[str]:
        return [" ".join(line.split()) for line in fold(self.view).split("\n")]

    @cached_property
    def _haystack(self) -> str:
        return "\n" + "\n".join(self.keys) + "\n"

    def runs(self, wanted: Sequence[str]) -> list[int]:
        """Return every index into `solid` at which these reduced lines follow one another, up to `MOST_PLACES`."""
        if not wanted:
            return []
        needle = "\n" + "\n".join(wanted) + "\n"
        found: list[int] = []
        at, counted, line = self._haystack.find(needle), 0, 0
        while at >= 0 and len(found) < MOST_PLACES:
            line += self._haystack.count("\n", counted, at)
            counted = at
            found.append(line)
            at = self._haystack.find(needle, at + 1)
        return found

    def lines_with(self, wanted: str, *, at_start: bool, at_end: bool) -> list[int]:
        """Return the lines that hold a reduced text as whole words, at most one hit a line."""
        found: list[int] = []
        for n, have in enumerate(self.keys):
            at = have.find(wanted)
            while at >= 0:
                if _bounded(have, at, len(wanted), at_start=at_start, at_end=at_end):
                    found.append(self.solid[n])
                    break
                at = have.find(wanted, at + 1)
        return found


def _bounded(text: str, at: int, size: int, *, at_start: bool, at_end: bool) -> bool:
    before, after = text[at - 1 : at], text[at + size : at + size + 1]
    if (at_start and before) or (at_end and after):
        return False
    first, last = text[at], text[at + size - 1]
    return not (_word(before) and _word(first)) and not (_word(after) and _word(last))


def _word(mark: str) -> bool:
    return mark == "_" or mark.isalnum()


def locate(page: Page, block: Sequence[str]) -> Place | Several | None:
    """Find the one place where a block of lines stands, ignoring blanks and typography.

    Blocks whose blank lines are the file's come before those where they differ; among several, one that
    differs in trailing blanks only wins.

    Args:
        page: the file.
        block: the lines as typed; the first and the last are not blank.
    """
    wanted = [key(line) for line in block]
    solid = [k for k in wanted if k]
    runs = page.runs(solid)
    if len(runs) > 1 and len(runs) * len(wanted) > _MOST_ROWS:
        return Several(tuple(page.solid[run] for run in runs))
    places = [_rows(page, run, wanted) for run in runs]
    places = [p for p in places if p.same_blanks] or places
    if len(places) > 1:
        plain = [p for p in places if _only_trailing(page, p, block)]
        if len(plain) != 1:
            return Several(tuple(p.first for p in places))
        return plain[0]
    if places and len(solid) == 1:
        return _alone(page, places[0], block[0])
    return places[0] if places else None


def _alone(page: Page, place: Place, line: str) -> Place | Several:
    """A single line could also be meant as a part of another line, unless its typed blanks say otherwise."""
    others = page.lines_with(key(line), at_start=line[:1].isspace(), at_end=line[-1:].isspace())
    return Several(tuple(others)) if len(others) > 1 else place


def _only_trailing(page: Page, place: Place, block: Sequence[str]) -> bool:
    return place.same_blanks and all(
        page.lines[start].rstrip() == line.rstrip()
        for line, (start, _) in zip(block, place.rows, strict=True)
    )


def _rows(page: Page, run: int, wanted: Sequence[str]) -> Place:
    """Pair every line of the block with the file's lines, blank runs with blank runs."""
    rows: list[tuple[int, int]] = []
    same = True
    n, at = 0, page.solid[run]
    while n < len(wanted):
        if wanted[n]:
            here = page.solid[run]
            rows.append((here, here + 1))
            run, at, n = run + 1, here + 1, n + 1
            last = n == len(wanted)
            if not last and wanted[n] and page.solid[run] > at:
                same = False
                rows[-1] = (here, page.solid[run])
            continue
        stop = n
        while not wanted[stop]:
            stop += 1
        until = page.solid[run]
        same = same and stop - n == until - at
        rows += [(min(at + i, until), min(at + i + 1, until)) for i in range(stop - n - 1)]
        rows.append((min(at + stop - n - 1, until), until))
        n = stop
    return Place(rows[0][0], rows[-1][1], tuple(rows), same)


def trim(text: str) -> tuple[list[str], int, int]:
    """Return the lines without blank ones at either end, and how many those were."""
    lines = text.split("\n")
    solid = [n for n, line in enumerate(lines) if key(line)]
    if not solid:
        return [], 0, len(lines) - 1
    return lines[solid[0] : solid[-1] + 1], solid[0], len(lines) - 1 - solid[-1]


def keys_of(lines: Sequence[str]) -> list[str]:
    """Reduce the lines that are not blank."""
    return [k for k in map(key, lines) if k]
