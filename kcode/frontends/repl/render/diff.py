"""Unified diffs: line numbers, one colour per side, folded when long."""

import re
from dataclasses import dataclass

from rich.cells import chop_cells
from rich.text import Text

from kcode.frontends.repl.render.canvas import Canvas, safe

_HUNK = re.compile(r"^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")
NARROW = 10
"""Columns below which lines are left to the terminal to wrap."""
STYLE = {"+": "green", "-": "red", " ": "dim"}


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line of a diff; `number` is where it stands in the file, the old one for removed lines."""

    sign: str
    number: int
    text: str


def parse(diff: str) -> list[DiffLine | None]:
    """Return the lines of all hunks; None stands for what lies between two of them."""
    lines: list[DiffLine | None] = []
    old = new = 0
    inside = False
    # Only "\n" ends a line: other separators may be part of the file's text.
    for line in diff.split("\n"):
        hunk = _HUNK.match(line)
        if hunk:
            old, new = int(hunk[1]), int(hunk[2])
            if lines:
                lines.append(None)
            inside = True
        elif inside and line[:1] == "-":
            lines.append(DiffLine("-", old, line[1:]))
            old += 1
        elif inside and line[:1] == "+":
            lines.append(DiffLine("+", new, line[1:]))
            new += 1
        elif inside and line[:1] == " ":
            lines.append(DiffLine(" ", new, line[1:]))
            old, new = old + 1, new + 1
    return lines


def draw(
    canvas: Canvas, diff: str, columns: int, *, limit: int, indent: str = "     ", whole: bool = False
) -> str:
    """Draw a diff of at most `limit` lines; `whole` also where a line is endless."""
    lines = parse(diff)
    shown = lines[:limit]
    digits = len(str(max((line.number for line in shown if line), default=0)))
    text = Text()
    for line in shown:
        if line is None:
            text.append(f"{indent}{' ' * digits} {canvas.glyphs.ellipsis}\n", "dim")
            continue
        text.append(f"{indent}{line.number:>{digits}} ", "dim")
        pieces = _fitting(safe(line.text, whole=whole), columns - len(indent) - digits - 4)
        text.append(f"{line.sign} {pieces[0]}\n", STYLE[line.sign])
        for piece in pieces[1:]:
            text.append(f"{indent}{' ' * digits}   {piece}\n", STYLE[line.sign])
    if len(lines) > limit:
        text.append(f"{indent}{canvas.missing(len(lines) - limit)}\n", "dim")
    text.rstrip()
    return canvas.draw(text, width=columns, wrap=False) if text else ""


def _fitting(text: str, width: int) -> list[str]:
    """Cut a line into pieces of some columns, so that its rest stands below its beginning."""
    if width < NARROW:
        return [text]
    return chop_cells(text, width) or [""]
