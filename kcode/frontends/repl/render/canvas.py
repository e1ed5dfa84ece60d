"""rich as a function from things to text with ANSI styles.

What is drawn here has passed the sanitiser: rich itself lets every control sequence through.
"""

import io
import re

from rich.console import Console, RenderableType
from rich.style import Style
from rich.text import Text
from rich.theme import Theme as RichTheme

from kcode.frontends.repl.theme import Theme
from kcode.screen.sanitise import sanitise

STYLES = {
    "markdown.code": "cyan",
    "markdown.code_block": "none",
    "markdown.h1": "bold",
    "markdown.h2": "bold",
    "markdown.h3": "bold",
    "markdown.h4": "bold",
    "markdown.h5": "bold",
    "markdown.h6": "bold",
    "markdown.block_quote": "dim",
    "markdown.item.bullet": "none",
    "markdown.item.number": "none",
    "markdown.link": "none",
    "markdown.link_url": "dim",
    "markdown.hr": "dim",
    "markdown.table.border": "dim",
    "markdown.table.header": "bold",
    "table.header": "bold",
}
WIDEST = 110
"""Columns of running text on a wide terminal: longer lines are hard to read."""
_TRAILING = re.compile(r"[ \t]+((?:\x1b\[[0-9;]*m)*)$", re.MULTILINE)


class Canvas:
    """Draws for one terminal."""

    def __init__(self, theme: Theme) -> None:
        self.theme = theme
        self.glyphs = theme.glyphs
        self._rich = RichTheme(STYLES)

    def draw(self, *things: RenderableType, width: int, wrap: bool = True) -> str:
        """Return things one below the other; without `wrap` long lines are left to the terminal.

        Blanks at the ends of lines are dropped: they would be copied, and wrap when the window narrows.
        """
        file = io.StringIO()
        console = Console(
            file=file,
            width=max(1, width),
            height=100,
            force_terminal=self.theme.drawable,
            color_system="standard" if self.theme.drawable else None,
            no_color=not self.theme.colour,
            legacy_windows=False,
            markup=False,
            emoji=False,
            highlight=False,
            safe_box=True,
            theme=self._rich,
            _environ={},
        )
        for thing in things:
            console.print(thing, soft_wrap=not wrap)
        return self.encodable(_TRAILING.sub(r"\1", file.getvalue()))

    def encodable(self, text: str) -> str:
        """Return text without the signs that a terminal limited to ASCII cannot show."""
        if not self.theme.ascii:
            return text
        return text.translate(_PLAIN).encode("ascii", "replace").decode("ascii")

    def missing(self, lines: int) -> str:
        """Say how many lines are folded away, and how they are seen where there is a key for it."""
        key = " (Ctrl-O shows all)" if self.theme.drawable else ""
        return f"{self.glyphs.ellipsis} +{lines} lines{key}"

    def text_width(self, columns: int) -> int:
        """Return the width of running text."""
        return max(1, min(columns - 1, WIDEST))


_PLAIN = str.maketrans(
    {
        "\u2026": "...",
        "\u2022": "*",
        "\u2500": "-",
        "\u2501": "=",
        "\u2502": "|",
        "\u258c": "|",
        "\u201c": '"',
        "\u201d": '"',
        "\u2019": "'",
        "\u2013": "-",
        "\u2014": "-",
    }
)


def safe(text: str, *, whole: bool = False) -> str:
    """Make foreign text safe for the terminal, tabs as blanks; endless lines are cut unless `whole`."""
    return (sanitise(text, max_line=None) if whole else sanitise(text)).expandtabs(4)


def one_line(text: str, limit: int = 200) -> str:
    """Make foreign text one safe line of at most `limit` characters."""
    line = " ".join(safe(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def styled(text: str, style: str | Style = "") -> Text:
    """Return safe text in one style."""
    return Text(safe(text), style=style)


def indented(text: str, first: str, rest: str = "  ") -> str:
    """Put `first` before the first line and `rest` before the others."""
    lines = text.removesuffix("\n").split("\n")
    return "".join(f"{first if i == 0 else rest}{line}\n" for i, line in enumerate(lines))
