"""From a unified diff to the text before and after, which is what editors draw a change from."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_HEAD = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")
_LARGEST = 200_000
"""Characters of a file that is sent whole; of larger ones an editor gets the changed places."""


@dataclass(frozen=True, slots=True)
class Texts:
    """A text before and after a change; `old` is None where there was no file. `line` is where it starts."""

    old: str | None
    new: str
    line: int = 1


@dataclass(slots=True)
class _Hunk:
    old_start: int
    new_start: int
    old: list[str]
    new: list[str]


def texts(diff: str, before: str | None) -> Sequence[Texts]:
    """Return what a diff changes: the whole file if it is known and fits, else each changed place.

    Args:
        diff: one file's unified diff.
        before: the file's text, every line ended by a newline; None where it is not known.
    """
    hunks = list(_hunks(diff))
    if not hunks:
        return []
    created = "--- /dev/null" in diff.partition("@@")[0]
    if created:
        return [Texts(None, "".join("".join(h.new) for h in hunks))]
    if before is not None and len(before) <= _LARGEST:
        after = _applied(before, hunks)
        if after is not None:
            return [Texts(before, after, hunks[0].new_start)]
    return [Texts("".join(h.old), "".join(h.new), h.new_start) for h in hunks]


def first_line(diff: str) -> int | None:
    """The line of the new text that a diff changes first."""
    for hunk in _hunks(diff):
        same = next((n for n, (a, b) in enumerate(zip(hunk.old, hunk.new, strict=False)) if a != b), None)
        return hunk.new_start + (min(len(hunk.old), len(hunk.new)) if same is None else same)
    return None


def _hunks(diff: str) -> Iterator[_Hunk]:
    hunk: _Hunk | None = None
    last = ""
    for line in _lines(diff):
        head = _HEAD.match(line)
        mark, text = line[:1], line[1:]
        if head:
            if hunk:
                yield hunk
            hunk = _Hunk(int(head[1]), int(head[2]), [], [])
        elif hunk and mark == "\\":
            # "No newline at end of file": the line before it has none.
            for side in _sides(hunk, last):
                side[-1] = side[-1].removesuffix("\n")
        elif hunk:
            for side in _sides(hunk, mark):
                side.append(text)
        last = mark
    if hunk:
        yield hunk


def _sides(hunk: _Hunk, mark: str) -> list[list[str]]:
    return {" ": [hunk.old, hunk.new], "-": [hunk.old], "+": [hunk.new]}.get(mark, [])


def _lines(text: str) -> list[str]:
    """Cut at newlines only, keeping them."""
    lines = text.split("\n")
    last = lines.pop()
    return [f"{line}\n" for line in lines] + ([last] if last else [])


def _applied(before: str, hunks: Sequence[_Hunk]) -> str | None:
    """Apply the hunks; None where they do not fit the text."""
    lines = _lines(before)
    out: list[str] = []
    at = 0
    for hunk in hunks:
        start = hunk.old_start - 1 if hunk.old else hunk.old_start
        if start < at or lines[start : start + len(hunk.old)] != hunk.old:
            return None
        out += lines[at:start]
        out += hunk.new
        at = start + len(hunk.old)
    return "".join([*out, *lines[at:]])
