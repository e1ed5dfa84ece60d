"""What an edit did to a text: a unified diff for people, the changed region with numbers for the model."""

from collections.abc import Sequence
from dataclasses import dataclass

from kcode.editing.diff import diff, unified
from kcode.editing.encoding import readable
from kcode.editing.endings import open_text
from kcode.tools._text import numbered, split_lines

AROUND = 3
"""Lines shown before and after a change."""
SHOWN = 60
"""Lines of changed regions that the model is shown."""
DIFF = 200_000
"""Characters of a diff that are kept."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of lines. `spans` are the changed lines of the new text, with what stands around them."""

    diff: str
    added: int
    removed: int
    spans: Sequence[tuple[int, int]]
    lines: Sequence[str]

    @property
    def region(self) -> str:
        """The changed lines of the new text with their numbers."""
        parts: list[str] = []
        room = SHOWN
        for first, last in self.spans:
            stop = min(last, first + room - 1)
            if stop < first:
                parts.append("[more changes below are not shown]")
                break
            parts.append(numbered(self.lines[first - 1 : stop], first))
            if stop < last:
                parts.append(f"[{last - stop} more lines]")
            room -= stop - first + 1
        return "\n...\n".join(parts)


def change(before: str, after: str, name: str) -> Change:
    """Compare two texts line by line, as the model sees them: every ending is a newline.

    Args:
        before: the old text; "" for none.
        after: the new text.
        name: the file's name for the diff.
    """
    old, new = open_text(before).view, open_text(after).view
    found = diff(old, new, AROUND)
    text = readable(unified(old, new, name, AROUND))
    spans: list[tuple[int, int]] = []
    for hunk in found.hunks:
        numbers = [line.new for line in hunk.lines if line.new is not None]
        if numbers:
            spans.append((numbers[0], numbers[-1]))
    return Change(
        diff=text if len(text) <= DIFF else f"{text[:DIFF]}\n[the diff is longer]\n",
        added=found.added,
        removed=found.removed,
        spans=spans,
        lines=split_lines(new),
    )
