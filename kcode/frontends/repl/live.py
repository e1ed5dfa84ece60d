"""What is shown while it happens: the unfinished block, running calls, the working line, what waits."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rich.text import Text

from kcode.frontends.repl.blocks import Blocks
from kcode.frontends.repl.render import answer, todos, tools
from kcode.frontends.repl.render.canvas import Canvas, indented, one_line, safe, styled
from kcode.types.events import Todo

OPEN = 2000
"""Characters at the end of an unfinished block that are drawn; more would cost time at each drawing."""
SILENT = 20.0
"""Seconds without a word from the model after which that is said."""
OUTPUT_ROWS = 4
THOUGHT_ROWS = 3
AGENTS = 6


@dataclass(slots=True)
class Running:
    """A call that runs; `output` is the end of what it printed."""

    name: str
    title: str
    since: float
    output: str = ""


@dataclass(slots=True)
class Live:
    """The state of the live region and its drawing.

    Drawing happens at every key, so the drawn text is kept until `changed` says that something is new.
    """

    canvas: Canvas
    clock: Callable[[], float] = time.monotonic
    busy: bool = False
    asking: Callable[[], bool] = bool
    """Whether a question is open, beside which nothing should move."""
    doing: str = ""
    since: float = 0.0
    heard: float = 0.0
    blocks: Blocks = field(default_factory=Blocks)
    thinking: list[str] = field(default_factory=list[str])
    running: dict[str, Running] = field(default_factory=dict[str, Running])
    agents: dict[str, str] = field(default_factory=dict[str, str])
    queued: Sequence[str] = ()
    todos: Sequence[Todo] = ()
    show_todos: bool = True
    version: int = 0
    took: float = 0.0
    """Seconds that the last drawing took."""
    _drawn: tuple[tuple[int, int, int, bool], str] = ((-1, 0, 0, False), "")

    def begin(self, doing: str) -> None:
        """Something begins that the person waits for."""
        self.busy, self.doing = True, doing
        self.since = self.heard = self.clock()
        self.changed()

    def end(self) -> None:
        """Nothing runs any more."""
        self.busy, self.doing = False, ""
        self.thinking.clear()
        self.running.clear()
        self.agents.clear()
        self.changed()

    def changed(self) -> None:
        """What is drawn is out of date."""
        self.version += 1

    def hear(self, doing: str) -> None:
        """The model, or a tool, gave a sign of life."""
        self.doing, self.heard = doing, self.clock()

    def draw(self, columns: int, rows: int) -> str:
        """Return the live region: at most `rows` lines, the oldest cut away."""
        key = (self.version, columns, rows, self.asking())
        if self._drawn[0] != key:
            began = self.clock()
            self._drawn = (key, self._compose(columns, rows))
            self.took = self.clock() - began
        return self._drawn[1]

    def _compose(self, columns: int, rows: int) -> str:
        below = [line for part in self._below(columns) for line in part.rstrip("\n").split("\n")]
        above = [line for part in self._above(columns) for line in part.rstrip("\n").split("\n")]
        room = max(0, rows - len(below))
        if len(above) > room:
            above = above[len(above) - room :]
        lines = (above + below)[:rows] if rows else []
        return "\n".join(lines)

    def _above(self, columns: int) -> list[str]:
        parts: list[str] = []
        words = self.blocks.open(OPEN)
        if words.strip():
            parts.append("\n" + self._open_block(words, columns))
        elif self.thinking:
            parts.append("\n" + self._thinking(columns))
        for call in self.running.values():
            if call.name:
                line = tools.header(self.canvas, call.name, call.title, limit=max(20, columns - 20))
                parts.append("\n" + self.canvas.draw(line, width=columns))
            if call.output:
                parts.append(tools.progress(self.canvas, call.output, columns, OUTPUT_ROWS))
        return parts

    def _below(self, columns: int) -> list[str]:
        parts: list[str] = []
        for name, doing in list(self.agents.items())[-AGENTS:]:
            words = one_line(f"{name}: {doing}", max(10, columns - 6))
            parts.append(
                self.canvas.draw(styled(f"  {self.canvas.glyphs.corner} {words}", "dim"), width=columns)
            )
        working = self.busy and not self.asking()
        if working:
            parts.append("\n" + self._working(columns))
        if working and self.show_todos and any(todo.status != "completed" for todo in self.todos):
            parts.append(todos.draw(self.canvas, self.todos[:12], columns))
        for text in self.queued:
            words = one_line(text, max(10, columns - 30))
            line = f"  queued {self.canvas.glyphs.dot} {words}  (Up takes it back)"
            parts.append(self.canvas.draw(styled(line, "dim"), width=columns))
        return parts

    def _open_block(self, words: str, columns: int) -> str:
        if words.startswith(("```", "~~~")):
            code = words.partition("\n")[2]
            return indented(self.canvas.draw(styled(code), width=columns, wrap=False), "  ")
        if len(words) >= OPEN:
            return self.canvas.draw(styled(words), width=self.canvas.text_width(columns))
        return answer.prose(self.canvas, words, columns)

    def _thinking(self, columns: int) -> str:
        words = "".join(self.thinking[-200:])[-1000:].strip()
        width = self.canvas.text_width(columns) - 2
        drawn = self.canvas.draw(styled(words, "dim italic"), width=width)
        return indented("\n".join(drawn.rstrip("\n").split("\n")[-THOUGHT_ROWS:]), "  ")

    def _working(self, columns: int) -> str:
        now, glyphs = self.clock(), self.canvas.glyphs
        frame = glyphs.spinner[int(now * 8) % len(glyphs.spinner)]
        quiet = now - self.heard
        details = [f"{now - self.since:.0f}s", "Esc to interrupt"]
        if quiet >= SILENT:
            details.insert(1, f"nothing heard for {quiet:.0f}s")
        current = next((t.active_form for t in self.todos if t.status == "in_progress" and t.active_form), "")
        line = Text()
        line.append(f"{frame} ", "cyan")
        line.append(safe(one_line(current, 60) or self.doing))
        line.append(f" ({f' {glyphs.dot} '.join(details)})", "dim")
        line.truncate(max(1, columns - 1))
        return self.canvas.draw(line, width=columns)
