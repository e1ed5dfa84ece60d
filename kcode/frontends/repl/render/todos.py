"""The todo list."""

from collections.abc import Sequence

from rich.text import Text

from kcode.frontends.repl.render.canvas import Canvas, one_line
from kcode.types.events import Todo


def draw(canvas: Canvas, todos: Sequence[Todo], columns: int) -> str:
    """Draw the whole list, a line each."""
    if not todos:
        return canvas.draw(Text("  No todo list.", "dim"), width=columns)
    glyphs = canvas.glyphs
    text = Text()
    for todo in todos:
        words = one_line(todo.content, max(10, columns - 8))
        if todo.status == "completed":
            text.append(f"  {glyphs.done} {words}\n", "dim strike" if canvas.theme.colour else "dim")
        elif todo.status == "in_progress":
            text.append(f"  {glyphs.busy_box} {words}\n", "bold")
        else:
            text.append(f"  {glyphs.open_box} {words}\n")
    text.rstrip()
    return canvas.draw(text, width=columns)
