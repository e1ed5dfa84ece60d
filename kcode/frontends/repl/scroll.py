"""The scrollback: what is printed once, and what of it is folded away until it is asked for."""

from collections import deque

from kcode.frontends.repl.forms import Surface
from kcode.frontends.repl.render import turn
from kcode.frontends.repl.render.canvas import Canvas, indented, one_line
from kcode.frontends.repl.render.tools import Shown

REMEMBERED = 30
"""How many folded outputs can be opened."""


class Scroll:
    """Prints finished output."""

    def __init__(self, surface: Surface, canvas: Canvas) -> None:
        self._surface = surface
        self.canvas = canvas
        self.announced = ""
        """The call whose header an approval has just printed, as long as nothing was printed after it."""
        self._folded: deque[tuple[str, str]] = deque(maxlen=REMEMBERED)
        self._opened = 0

    @property
    def columns(self) -> int:
        """The terminal's width."""
        return self._surface.columns

    def redraw(self) -> None:
        """Draw what moves again, soon."""
        self._surface.redraw()

    def print(self, text: str) -> None:
        """Write finished output."""
        if text:
            self.announced = ""
            self._surface.print(text)

    def note(self, words: str, style: str = "dim") -> None:
        """Print a word of the terminal's own."""
        self.print(turn.below(self.canvas, words, self.columns, style))

    def keep(self, label: str, shown: Shown) -> None:
        """Print something and remember what of it is folded."""
        self.print(shown.text)
        self.fold(label, shown.full)

    def fold(self, label: str, full: str) -> None:
        """Remember what can be opened."""
        if full:
            self._folded.append((one_line(label), full))
            self._opened = 0

    def restart(self) -> None:
        """Let the next opening begin with the newest again."""
        self._opened = 0

    def unfold(self) -> None:
        """Print the last folded output in full; again: the one before it."""
        if not self._folded:
            self.note("Nothing is folded.")
            return
        self._opened = self._opened % len(self._folded) + 1
        label, full = self._folded[-self._opened]
        self.print(f"\n{indented(label, f'{self.canvas.glyphs.bullet} ')}{full}")
