"""Editing text: find what an edit means, merge it into the file's own lines, or refuse and say why.

Pure: text in, text out; no files. May import: kcode.types and the standard library.
"""

from collections.abc import Sequence

from kcode.editing.ladder import edit, edit_all
from kcode.editing.outcome import Edit, EditRefused, LineRange, Outcome, Outcomes, Reason, Rung

__all__ = [
    "Edit",
    "EditRefused",
    "LineRange",
    "Outcome",
    "Outcomes",
    "Reason",
    "Rung",
    "apply",
    "apply_all",
    "edit",
    "edit_all",
]


def apply(text: str, old: str, new: str, replace_all: bool = False) -> str:
    """Return `text` with `old` replaced by `new`; see `edit` for what was done.

    Raises:
        EditRefused: the edit cannot be made without guessing.
    """
    return edit(text, old, new, replace_all).text


def apply_all(text: str, edits: Sequence[Edit]) -> str:
    """Return `text` with all edits made in turn, or make none.

    Raises:
        EditRefused: one of them is refused.
    """
    return edit_all(text, edits).text
