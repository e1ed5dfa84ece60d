"""Edits that name the head and the tail of a block and leave out its middle, in old and new alike."""

from collections.abc import Sequence

from kcode.editing.fold import key
from kcode.editing.match import Page, Place, Several, locate
from kcode.editing.placeholders import is_placeholder


def locate_elided(page: Page, old: Sequence[str], new: Sequence[str]) -> Place | Several | None:
    """Find a block whose middle is elided by the same marker lines in old and new.

    Every part between markers must stand at one place only, and the places must be in order.
    The rows of the marker lines are the lines left out.
    """
    marks = [i for i, line in enumerate(old) if is_placeholder(line)]
    if not marks or [key(old[i]) for i in marks] != [key(line) for line in new if is_placeholder(line)]:
        return None
    rows: list[tuple[int, int]] = []
    same = True
    start = 0
    for stop in [*marks, len(old)]:
        found = _part(page, old[start:stop])
        if not isinstance(found, Place):
            return found
        gap_from = rows[-1][1] if rows else found.first
        if found.first < gap_from or (rows and stop == start):
            return None
        if rows:
            rows.append((gap_from, found.first))
        rows += found.rows
        same = same and found.same_blanks
        start = stop + 1
    return Place(rows[0][0], rows[-1][1], tuple(rows), same)


def _part(page: Page, lines: Sequence[str]) -> Place | Several | None:
    """Find one part, blank lines beside a marker going with the lines left out."""
    solid = [i for i, line in enumerate(lines) if line.strip()]
    if not solid:
        return None
    found = locate(page, lines[solid[0] : solid[-1] + 1])
    if not isinstance(found, Place):
        return found
    before = [(found.first, found.first)] * solid[0]
    after = [(found.stop, found.stop)] * (len(lines) - 1 - solid[-1])
    return Place(found.first, found.stop, (*before, *found.rows, *after), found.same_blanks)
