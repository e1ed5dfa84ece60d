"""The drawn part of the terminal: the live region, the prompt and the status line at the bottom.

Finished output is written above it once and then belongs to the terminal's own scrollback: nothing that was
said is ever drawn twice, and the terminal's search, selection and resize work on it.
"""

import contextlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence

from prompt_toolkit.application import Application
from prompt_toolkit.data_structures import Point, Size
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import ANSI, StyleAndTextTuples, to_formatted_text
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindingsBase
from prompt_toolkit.layout import (
    AnyContainer,
    ConditionalContainer,
    Dimension,
    FormattedTextControl,
    HSplit,
    Layout,
    VerticalAlign,
    Window,
)
from prompt_toolkit.layout.containers import Container
from prompt_toolkit.layout.screen import Screen
from prompt_toolkit.output import ColorDepth, Output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.styles import Style

from kcode.frontends.repl.theme import Theme

STYLE = {
    "prompt": "bold",
    "shell": "ansimagenta bold",
    "dim": "ansibrightblack",
    "note": "ansibrightblack",
    "warn": "ansiyellow",
    "chosen": "ansicyan bold",
    "title": "bold",
    "status": "ansibrightblack",
    "mode": "ansicyan",
    "danger": "ansired",
}
SMALL = 6
"""Below this many rows the status line and the blank lines give way."""


class HeldOutput(Vt100_Output):
    """A terminal output that can hold what is written, so that erase, print and redraw arrive in one piece."""

    held: bool = False

    def flush(self) -> None:
        """Write out what is there, unless held; that the terminal has gone away is noticed by reading from it."""
        if not self.held:
            with contextlib.suppress(OSError):
                super().flush()


class Reflowing(Application[int]):
    """An application that knows that a narrower window wraps what is drawn, so that it erases all of it."""

    def _on_resize(self) -> None:
        renderer = self.renderer
        screen, columns = renderer.last_rendered_screen, self.output.get_size().columns
        if screen is not None and columns > 0 and _reflows(os.environ):
            cursor = renderer._cursor_pos  # noqa: SLF001 - the renderer has no word for it  # pyright: ignore[reportPrivateUsage]
            above = sum(rows_at(_width(screen, row), columns) for row in range(cursor.y))
            place = Point(x=cursor.x % columns, y=above + cursor.x // columns)
            renderer._cursor_pos = place  # noqa: SLF001 - as above  # pyright: ignore[reportPrivateUsage]
        super()._on_resize()


def rows_at(width: int, columns: int) -> int:
    """Return how many rows a line of some width takes in a window of so many columns."""
    return max(1, -(-width // columns))


def _width(screen: Screen, row: int) -> int:
    """Return the columns of a drawn row up to its last sign."""
    cells = screen.data_buffer[row]
    return max((column + 1 for column, cell in cells.items() if cell.char.strip()), default=0)


def _reflows(environ: Mapping[str, str]) -> bool:
    """Whether the terminal wraps its lines anew when it is resized: nearly all do, xterm itself does not."""
    return "XTERM_VERSION" not in environ and environ.get("TERM") != "linux"


def terminal_output(theme: Theme) -> Output:
    """Make the output for the real terminal, which is never asked where its cursor is.

    The answer to that question would arrive between the keys, and late over a slow line.
    """
    depth = ColorDepth.DEPTH_4_BIT if theme.colour else ColorDepth.DEPTH_1_BIT
    output = HeldOutput.from_pty(sys.stdout, default_color_depth=depth, enable_bell=False)
    output.enable_cpr = False
    return output


def style(theme: Theme) -> Style:
    """Return the drawn part's styles."""
    if theme.colour:
        return Style.from_dict(STYLE)
    return Style.from_dict({"prompt": "bold", "chosen": "reverse", "title": "bold", "mode": "bold"})


Live = Callable[[int, int], str]
"""Given columns and rows, the live region as text with ANSI styles, without a last line break."""


class Stage:
    """The application and what is printed above it."""

    def __init__(self, theme: Theme, *, source: Input | None = None, output: Output | None = None) -> None:
        self.theme = theme
        self.live: Live = lambda _columns, _rows: ""
        self.status: Callable[[], StyleAndTextTuples] = list
        self.drawn: Callable[[], None] = lambda: None
        """Called after each drawing."""
        self._pending: list[str] = []
        self._drawn: tuple[str, StyleAndTextTuples] = ("", [])
        self._output = output or terminal_output(theme)
        self.app: Application[int] = Reflowing(
            output=self._output,
            input=source,
            style=style(theme),
            erase_when_done=True,
            mouse_support=False,
            before_render=lambda _: self._before(),
            after_render=lambda _: self._after(),
        )
        self.app.ttimeoutlen = 0.05
        self.app.timeoutlen = 0.1

    def furnish(self, middle: Sequence[AnyContainer], focus: Window, keys: KeyBindingsBase) -> None:
        """Put the prompt, the dialog and their keys in place."""
        live = ConditionalContainer(
            Window(
                FormattedTextControl(self._live_text),
                height=lambda: Dimension(max=self._live_rows()),
                dont_extend_height=True,
                wrap_lines=False,
            ),
            # An empty text would still take a row.
            Condition(lambda: bool(self._live_text())),
        )
        gap = ConditionalContainer(Window(height=1), Condition(lambda: self.size.rows >= SMALL))
        status = ConditionalContainer(
            Window(FormattedTextControl(self._status_text), dont_extend_height=True, height=Dimension(max=3)),
            Condition(lambda: self.size.rows >= SMALL),
        )
        root = HSplit([live, gap, *middle, status], align=VerticalAlign.TOP)
        self.app.layout = Layout(root, focused_element=focus)
        self.app.key_bindings = keys

    @property
    def size(self) -> Size:
        """Rows and columns of the terminal, never less than one."""
        size = self._output.get_size()
        return Size(rows=max(1, size.rows), columns=max(1, size.columns))

    @property
    def columns(self) -> int:
        """Columns of the terminal."""
        return self.size.columns

    def print(self, text: str) -> None:
        """Write finished output above the drawn part; `text` holds ANSI styles and ends with a line break."""
        if not text:
            return
        if self.app.is_running:
            self._pending.append(text)
            self.app.invalidate()
        else:
            self._output.write_raw(text)
            self._output.flush()

    def redraw(self) -> None:
        """Draw again soon."""
        self.app.invalidate()

    def flush(self) -> None:
        """Write what still waits to be printed, after the application has ended."""
        if self._pending and not self.app.is_running:
            self._output.write_raw(self._take())
            self._output.flush()

    def repaint(self) -> None:
        """Clear the screen and draw anew; the scrollback stays."""
        self.app.renderer.clear()
        self.app.invalidate()

    def _take(self) -> str:
        text = "".join(self._pending)
        self._pending.clear()
        return text

    def _before(self) -> None:
        """Print what waits, and give rows back that are not needed any more."""
        if isinstance(self._output, HeldOutput):
            self._output.held = True
        renderer = self.app.renderer
        last = renderer.last_rendered_screen
        shrinks = last is not None and last.height > self._wanted()
        if self._pending or shrinks:
            renderer.erase(leave_alternate_screen=False)
        if self._pending:
            self._output.write_raw(self._take())

    def _after(self) -> None:
        if isinstance(self._output, HeldOutput):
            self._output.held = False
        self._output.flush()
        self.drawn()

    def _wanted(self) -> int:
        size = self.size
        container: Container = self.app.layout.container
        return min(size.rows, container.preferred_height(size.columns, size.rows).preferred)

    def _live_rows(self) -> int:
        """How many rows the live region may take: what the prompt leaves of the screen."""
        return max(0, self.size.rows - 5) if self.size.rows >= SMALL else 0

    def _status_text(self) -> StyleAndTextTuples:
        return self.status()

    def _live_text(self) -> StyleAndTextTuples:
        text = self.live(self.columns, self._live_rows())
        if text != self._drawn[0]:
            self._drawn = (text, to_formatted_text(ANSI(text)))
        return self._drawn[1]
