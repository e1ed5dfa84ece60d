"""Tool calls: what was done in one line, what came of it in a few, the rest on request."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from kcode.frontends.repl.render import diff
from kcode.frontends.repl.render.canvas import Canvas, indented, one_line, safe
from kcode.types.events import ToolFinished, ToolKind, ToolStatus

DIFF_LINES = 40
"""Lines of a diff that are shown unasked."""
HEAD, TAIL = 2, 3
"""Lines of a command's output that are shown: its beginning, and its end, where the news is."""
FEW = 4
_COLOUR: dict[ToolStatus, str] = {
    "completed": "green",
    "failed": "red",
    "rejected": "red",
    "cancelled": "yellow",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """What is printed of a call, and what Ctrl-O prints; `full` is empty where nothing is hidden."""

    text: str
    full: str = ""


def header(canvas: Canvas, name: str, title: str, *, colour: str = "", limit: int = 200) -> Text:
    """Return a call's line: a bullet, the tool's name, what it is called with."""
    rest = one_line(title, limit)
    label = one_line(name, 60)
    if rest.lower().startswith(label.lower()):
        label, rest = rest[: len(label)], rest[len(label) :].strip()
    text = Text(no_wrap=False)
    text.append(f"{canvas.glyphs.bullet} ", colour)
    text.append(label, "bold")
    if rest:
        text.append(f" {rest}")
    return text


def finished(canvas: Canvas, event: ToolFinished, kind: ToolKind, output: str, columns: int) -> Shown:
    """Draw a call that has ended, with its header."""
    line = header(canvas, event.name, event.title or event.name, colour=_COLOUR[event.status])
    shown = result(canvas, event, kind, output, columns)
    return Shown("\n" + canvas.draw(line, width=columns) + shown.text, shown.full)


def result(
    canvas: Canvas, event: ToolFinished, kind: ToolKind, output: str, columns: int, *, brief: bool = False
) -> Shown:
    """Draw what came of a call; `brief` where its diff stands above already."""
    if event.status == "cancelled":
        return Shown(_corner(canvas, ["Stopped"], columns, "yellow"))
    if event.status == "rejected":
        return Shown(_corner(canvas, [one_line(output) or "Not allowed"], columns, "red"))
    if event.status == "failed":
        return folded(canvas, output, columns, style="red", head=HEAD, tail=HEAD + TAIL)
    if event.changes:
        return _changes(canvas, event, columns, brief=brief)
    if kind == "read" and event.seen:
        return _reading(canvas, event, output, columns)
    if kind == "execute":
        return folded(canvas, output, columns, head=HEAD, tail=TAIL)
    return folded(canvas, output, columns, head=FEW, tail=0)


def folded(canvas: Canvas, output: str, columns: int, *, style: str = "", head: int, tail: int) -> Shown:
    """Draw output under a corner: a few lines of it, and how many are hidden."""
    lines = [line.rstrip() for line in safe(output).strip("\n").split("\n")]
    if lines == [""]:
        return Shown(_corner(canvas, ["(no output)"], columns, "dim"))
    if len(lines) <= head + tail + 1:
        return Shown(_corner(canvas, lines, columns, style or "dim"))
    hidden = canvas.missing(len(lines) - head - tail)
    some = [*lines[:head], hidden, *(lines[-tail:] if tail else [])]
    return Shown(_corner(canvas, some, columns, style or "dim"), _full(canvas, lines))


def progress(canvas: Canvas, output: str, columns: int, rows: int) -> str:
    """Draw the last lines that a running call has printed."""
    lines = [line.rstrip() for line in safe(output[-8000:]).split("\n") if line.strip()][-rows:]
    return _corner(canvas, lines, columns, "dim") if lines else ""


def _changes(canvas: Canvas, event: ToolFinished, columns: int, *, brief: bool) -> Shown:
    text, full = "", ""
    for change in event.changes:
        counts = f"+{change.added} -{change.removed}"
        named = f"{one_line(change.path)} {counts}" if len(event.changes) > 1 else counts
        verb = {"add": "new file", "update": "changed", "delete": "deleted"}[change.kind]
        text += _corner(canvas, [f"{verb} {named}"], columns, "dim")
        text += "" if brief else diff.draw(canvas, change.diff, columns, limit=DIFF_LINES)
        full += diff.draw(canvas, change.diff, columns, limit=100_000)
    long = sum(len(diff.parse(change.diff)) for change in event.changes) > DIFF_LINES
    return Shown(text, full if long else "")


def _reading(canvas: Canvas, event: ToolFinished, output: str, columns: int) -> Shown:
    lines = sum(max(0, seen.end - seen.start + 1) for seen in event.seen)
    part = "" if all(seen.whole for seen in event.seen) else " of a longer file"
    words = f"{lines} line{'' if lines == 1 else 's'}{part}"
    return Shown(_corner(canvas, [words], columns, "dim"), _full(canvas, safe(output).split("\n")))


def _full(canvas: Canvas, lines: Sequence[str]) -> str:
    return indented(canvas.encodable("\n".join(lines)), "     ", "     ")


def _corner(canvas: Canvas, lines: Sequence[str], columns: int, style: str) -> str:
    """Draw lines below a call, cut to the width: what is hidden is one key away."""
    width = max(1, columns - 6)
    text = Text("\n".join(lines), style=style)
    parts = text.split("\n", allow_blank=True)
    for part in parts:
        part.truncate(width, overflow="ellipsis")
    drawn = canvas.draw(*parts, width=width + 1, wrap=False)
    return indented(drawn, f"  {canvas.encodable(canvas.glyphs.corner)}  ", "     ")
