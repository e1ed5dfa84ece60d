"""The ladder: from the text as typed to the one place it can only mean, or a refusal.

No rung accepts a difference in letters, digits or code punctuation. Whitespace, typography, transport escapes
and copied decoration may differ, the place must be the only one, and the change is merged into the file's
own lines. Likeness is used for messages only.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain

from kcode.editing.decoration import undecorated
from kcode.editing.elision import locate_elided
from kcode.editing.endings import Document, open_text
from kcode.editing.escapes import unescaped
from kcode.editing.guards import guard, refuse_applied, refuse_doubling, refuse_repeat
from kcode.editing.match import MOST_PLACES, Page, Place, Several, keys_of, locate, trim
from kcode.editing.merge import Merge, UnclearMergeError
from kcode.editing.outcome import Edit, EditRefused, LineRange, Outcome, Outcomes, Rung
from kcode.editing.readings import Reading
from kcode.editing.refusal import ambiguous, not_found, refused, unchanged
from kcode.editing.sequences import opcodes

_MOST_READINGS = 64


def edit(text: str, old: str, new: str, replace_all: bool = False) -> Outcome:
    """Replace `old` by `new` in `text` and say how.

    Args:
        text: the file's text with its own line endings, with or without byte order mark.
        old: what to replace; it must stand at one place only, unless `replace_all`.
        new: what to put there.
        replace_all: replace every exact occurrence.

    Raises:
        EditRefused: the edit cannot be made without guessing; nothing is changed.
    """
    document = open_text(text)
    typed = Reading(document.read(old), document.read(new))
    page = Page(document.view)
    if not document.view and not typed.old and typed.new:
        return _written(document, page, [(0, 0, typed.new)], "exact", ())
    guard(typed)
    outcome = _exact(document, page, typed, replace_all=replace_all) or _climb(document, page, typed)
    if outcome.text == text:
        raise unchanged(page, outcome.before[0].first - 1, max(outcome.before[0]))
    return outcome


def edit_all(text: str, edits: Sequence[Edit]) -> Outcomes:
    """Make edits one after the other, each on the text that the one before left; all of them or none.

    Raises:
        EditRefused: one of them is refused; its `edit` says which.
    """
    each: list[Outcome] = []
    now = text
    for n, one in enumerate(edits):
        try:
            each.append(edit(now, one.old, one.new, one.replace_all))
        except EditRefused as refusal:
            if len(edits) == 1:
                raise
            message = f"Edit {n + 1} of {len(edits)} was refused, so none was made. {refusal}"
            raise EditRefused(message, reason=refusal.reason, lines=refusal.lines, edit=n) from refusal
        now = each[-1].text
    return Outcomes(now, tuple(each))


def _exact(document: Document, page: Page, typed: Reading, *, replace_all: bool) -> Outcome | None:
    size = len(typed.old)
    found = _occurrences(page.view, typed.old, apart=replace_all)
    if not found:
        return None
    if replace_all:
        return _written(document, page, [(at, at + size, typed.new) for at in found], "exact", ())
    if len(found) > 1:
        raise ambiguous(page, [page.line_at(at) for at in found], exact=True)
    return _spliced(document, page, typed, found[0])


def _spliced(document: Document, page: Page, reading: Reading, at: int) -> Outcome:
    """Write new over the one place where old stands literally, minding where it cuts into an indentation."""
    refuse_repeat(page, reading, at)
    place = _whole_line(page, reading.old, at)
    if place is not None and "\n" in reading.new.strip("\n"):
        return _merged(document, page, place, reading, reading.kind)
    old, new = _uncut(reading.old, reading.new)
    new, notes = _beside_indent(page, replace(reading, old=old, new=new), at)
    notes = (reading.note, *notes) if reading.note else notes
    return _written(document, page, [(at, at + len(old), new)], reading.kind, notes)


def _whole_line(page: Page, old: str, at: int) -> Place | None:
    """Return the line if old is one that was typed with a part of its indentation only.

    Its literal place starts inside the indentation, and further new lines would lack the rest of it.
    """
    line = page.line_at(at)
    body, start = old.strip("\n"), page.starts[line]
    inside = at > start and old[:1] in {" ", "\t"} and not page.view[start:at].strip()
    if not inside or "\n" in body or page.lines[line].strip() != body.strip():
        return None
    return Place(line, line + 1, ((line, line + 1),), same_blanks=True)


def _uncut(old: str, new: str) -> tuple[str, str]:
    """Leave out what old and new hold of the next line's indentation, which the edit does not mean to change."""
    old_end, new_end = old.rstrip(" \t"), new.rstrip(" \t")
    return (old_end, new_end) if old_end.endswith("\n") and new_end.endswith("\n") else (old, new)


def _beside_indent(page: Page, typed: Reading, at: int) -> tuple[str, tuple[str, ...]]:
    """See to the further lines of new where old starts after the indentation that its line has in the file.

    If new repeats that line flush left further down, what stands before it is meant relative to the place.
    Otherwise new is written as typed, and lines that come out less indented than a single old line are told.
    """
    lead = page.view[page.starts[page.line_at(at)] : at]
    old, new = typed.old.rstrip("\n").split("\n"), typed.new.split("\n")
    if not lead or lead.strip() or not any(line.strip() for line in new[1:]):
        return typed.new, ()
    moved = next((j1 for tag, i1, _, j1, _ in opcodes(old, new) if tag == "equal" and i1 == 0), 0)
    if moved:
        stop = len(new) if len(old) == 1 else moved + 1
        shifted = [lead + line if line.strip() else line for line in new[1:stop]]
        return "\n".join([new[0], *shifted, *new[stop:]]), (
            "new lines indented like the line they stand beside",
        )
    if len(old) == 1 and any(line.strip() and not line.startswith(lead) for line in new[1:]):
        return typed.new, (
            "old_string leaves out its line's indentation, so only the first new line got it: check the others",
        )
    return typed.new, ()


def _occurrences(view: str, wanted: str, *, apart: bool = False) -> list[int]:
    """Return the offsets of a text.

    Overlapping ones count too (`aa` is not unique in `aaa`), unless they must be `apart`. Of overlapping
    ones a thousand are enough to know that the text is not unique.
    """
    found: list[int] = []
    at = view.find(wanted)
    while at >= 0 and (apart or len(found) < MOST_PLACES):
        found.append(at)
        at = view.find(wanted, at + (len(wanted) if apart else 1))
    return found


def _climb(document: Document, page: Page, typed: Reading) -> Outcome:
    bare = list(undecorated(typed))
    stages: list[Iterable[Reading]] = [
        [typed],
        bare,
        chain.from_iterable(undecorated(one) for one in bare),
        unescaped(typed),
        chain.from_iterable(unescaped(one) for one in bare),
        chain.from_iterable(undecorated(one, swallowed=False) for one in unescaped(typed)),
    ]
    seen: set[str] = set()
    for stage in stages:
        readings = [r for r in _fresh(stage, seen) if r.old.strip() and r.old != r.new]
        outcome = _read_exactly(document, page, readings) or _by_lines(document, page, readings)
        if outcome is not None:
            return outcome
    for reading in [typed, *bare]:
        outcome = _elided(document, page, reading)
        if outcome is not None:
            return outcome
    refuse_applied(page, typed.new)
    raise not_found(page, typed.old)


def _fresh(stage: Iterable[Reading], seen: set[str]) -> Iterator[Reading]:
    for reading in stage:
        if len(seen) >= _MOST_READINGS:
            return
        if reading.old not in seen:
            seen.add(reading.old)
            yield reading


def _read_exactly(document: Document, page: Page, readings: Sequence[Reading]) -> Outcome | None:
    hits: list[tuple[Reading, int]] = []
    for reading in readings:
        if reading.kind != "exact":
            found = _occurrences(page.view, reading.old)
            hits += [(reading, at) for at in found if _stands(page, reading, at)]
    places = sorted({at for _, at in hits})
    if len(places) > 1:
        raise ambiguous(page, [page.line_at(at) for at in places], exact=False)
    if not hits:
        return None
    return _spliced(document, page, *hits[0])


def _stands(page: Page, reading: Reading, at: int) -> bool:
    """Check that a reading which must stand for whole lines does, at the line that its numbers name."""
    line = page.line_at(at)
    if reading.line is not None and line + 1 != reading.line:
        return False
    if not reading.whole_lines:
        return True
    end = at + len(reading.old)
    return not page.view[page.starts[line] : at].strip() and (
        reading.old.endswith("\n") or page.view[end : end + 1] in {"", "\n"}
    )


def _by_lines(document: Document, page: Page, readings: Sequence[Reading]) -> Outcome | None:
    for reading in readings:
        block, _, _ = trim(reading.old)
        place = locate(page, block)
        if isinstance(place, Place) and reading.line not in {None, place.first + 1}:
            continue
        if isinstance(place, Several):
            raise ambiguous(page, place.lines, exact=False)
        if place is not None:
            rung: Rung = "lines" if place.same_blanks else "blank_lines"
            return _merged(document, page, place, reading, rung if reading.kind == "exact" else reading.kind)
    return None


def _elided(document: Document, page: Page, reading: Reading) -> Outcome | None:
    block, _, _ = trim(reading.old)
    place = locate_elided(page, block, trim(reading.new)[0])
    if isinstance(place, Several):
        raise ambiguous(page, place.lines, exact=False)
    return None if place is None else _merged(document, page, place, reading, "elision")


def _merged(document: Document, page: Page, place: Place, reading: Reading, rung: Rung) -> Outcome:
    old, above, below = trim(reading.old)
    new, new_above, new_below = trim(reading.new)
    refuse_doubling(page, place, old, new)
    try:
        merged = Merge(page, place, old, new).run()
    except UnclearMergeError as unclear:
        raise refused(
            "unclear",
            f"The place was found, at line {place.first + 1}, but {unclear}. Nothing was changed.",
            (place.first,),
        ) from None
    if rung != "elision" and keys_of(merged.lines) != keys_of(new):
        raise refused(
            "unclear",
            f"The place was found, at line {place.first + 1}, but the new text could not be fitted to the file's "
            "own lines. Nothing was changed. Copy old_string exactly from the file.",
            (place.first,),
        )
    start, end = page.starts[place.first], page.starts[place.stop - 1] + len(page.lines[place.stop - 1])
    if new:
        put = "\n" * max(0, new_above - above) + "\n".join(merged.lines) + "\n" * max(0, new_below - below)
    else:
        put = ""
        end += below > 0 and end < len(page.view)
    notes = tuple(note for note in (reading.note, *merged.adapted) if note)
    return _written(
        document, page, [(start, end, put)], rung, notes or ("blanks inside or after lines ignored",)
    )


def _written(
    document: Document,
    page: Page,
    splices: Sequence[tuple[int, int, str]],
    rung: Rung,
    adapted: tuple[str, ...],
) -> Outcome:
    before: list[LineRange] = []
    after: list[LineRange] = []
    shift = 0
    for start, end, put in splices:
        first = page.line_at(start) + 1
        before.append(_range(first, page.view[start:end]))
        gone = not put and page.view[end - 1 : end] == "\n" and start == page.starts[first - 1]
        after.append(LineRange(first + shift, first + shift - 1) if gone else _range(first + shift, put))
        shift += put.count("\n") - page.view.count("\n", start, end)
    if document.ending != "\n" and adapted and any("\n" in put for _, _, put in splices):
        adapted = (*adapted, "the file's line endings kept")
    return Outcome(document.splice(splices), rung, adapted, tuple(before), tuple(after))


def _range(first: int, text: str) -> LineRange:
    return LineRange(first, first + text.count("\n") - (text.endswith("\n") and len(text) > 0))
