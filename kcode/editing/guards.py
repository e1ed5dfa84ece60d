"""Edits that are refused whatever place they mean, or because they were made before."""

from collections.abc import Sequence

from kcode.editing.match import Page, Place, keys_of, locate, trim
from kcode.editing.placeholders import left_out
from kcode.editing.readings import Reading
from kcode.editing.refusal import already_applied, refused


def guard(typed: Reading) -> None:
    """Refuse what is wrong whatever the file holds."""
    if not typed.old.strip():
        raise refused(
            "blank_old",
            "old_string is empty or blank, so it names no place. Nothing was changed. Give the lines to replace; "
            "to insert, repeat a neighbouring line in old_string and new_string; to replace the whole file, write it.",
        )
    if typed.old == typed.new:
        raise refused(
            "no_change",
            "old_string and new_string are the same, so there is nothing to change. Nothing was changed.",
        )
    marker = left_out(typed.old.split("\n"), typed.new.split("\n"))
    if marker is not None:
        raise refused(
            "placeholder",
            f"new_string leaves code out (`{marker.strip()[:80]}`) that old_string spells out; writing it would "
            "delete that code. Nothing was changed. Write new_string in full, or make a smaller edit.",
        )


def refuse_repeat(page: Page, typed: Reading, at: int) -> None:
    """Refuse an insertion of whole lines that was made before: making it twice would double them."""
    inside = typed.new.find(typed.old)
    if inside < 0 or typed.new.find(typed.old, inside + 1) >= 0:
        return
    added = typed.new[:inside] + typed.new[inside + len(typed.old) :]
    start = at - inside
    stop = start + len(typed.new)
    ends = typed.new.endswith("\n") or page.view[stop : stop + 1] in {"", "\n"}
    whole = start >= 0 and page.view[start - 1 : start] in {"", "\n"} and ends
    if (
        "\n" in added
        and whole
        and sum(map(str.isalnum, added)) > 2
        and page.view.startswith(typed.new, start)
    ):
        raise already_applied(page, page.line_at(start), page.line_at(stop) + 1)


def refuse_doubling(page: Page, place: Place, old: Sequence[str], new: Sequence[str]) -> None:
    """Refuse to make an insertion again that stands at this very place, whatever its blanks."""
    wanted = keys_of(new)
    if len(wanted) <= len(keys_of(old)):
        return
    for run in page.runs(wanted):
        first, last = page.solid[run], page.solid[run + len(wanted) - 1]
        if first <= place.first and place.stop <= last + 1:
            raise already_applied(page, first, last + 1)


def refuse_applied(page: Page, new: str) -> None:
    """Say so if the new text is in the file already."""
    if not new.strip():
        return
    at = page.view.find(new.strip("\n"))
    if at >= 0 and sum(map(str.isalnum, new)) > 2:
        raise already_applied(page, page.line_at(at), page.line_at(at + len(new.strip("\n")) - 1) + 1)
    found = locate(page, trim(new)[0])
    if isinstance(found, Place):
        raise already_applied(page, found.first, found.stop)
