"""What the terminal can show: colours, glyphs, and whether it can be drawn on at all.

Only the sixteen colours of the terminal's own palette are used, so that dark and light backgrounds both work.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The few signs that are not plain letters; none of them is of ambiguous width in East Asian fonts."""

    prompt: str = "❯"  # noqa: RUF001 - that very sign
    shell: str = "!"
    bullet: str = "▪"
    corner: str = "⎿"
    done: str = "✓"
    failed: str = "✗"
    open_box: str = "☐"
    busy_box: str = "▸"
    spinner: str = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
    dot: str = "·"
    ellipsis: str = "…"
    accept: str = "⏵⏵"
    pause: str = "⏸"


ASCII = Glyphs(  # noqa: S604 - a glyph, not a shell
    prompt=">",
    shell="!",
    bullet="*",
    corner="-",
    done="v",
    failed="x",
    open_box="[ ]",
    busy_box="[>]",
    spinner="|/-\\",
    dot="-",
    ellipsis="...",
    accept=">>",
    pause="||",
)


@dataclass(frozen=True, slots=True)
class Theme:
    """How to draw; `drawable` is False where the terminal cannot move its cursor."""

    colour: bool = True
    drawable: bool = True
    glyphs: Glyphs = Glyphs()

    @property
    def ascii(self) -> bool:
        """Whether only ASCII can be shown."""
        return self.glyphs == ASCII


def detect(environ: Mapping[str, str], encoding: str, *, terminal: bool) -> Theme:
    """Find out what can be shown.

    Args:
        environ: the environment; TERM, NO_COLOR and CLICOLOR are looked at.
        encoding: what standard output encodes to.
        terminal: whether standard output is a terminal.
    """
    kind = environ.get("TERM", "")
    drawable = terminal and kind not in {"", "dumb", "unknown"}
    colour = drawable and not environ.get("NO_COLOR") and environ.get("CLICOLOR") != "0"
    return Theme(colour=colour, drawable=drawable, glyphs=Glyphs() if _shows(encoding) else ASCII)


def _shows(encoding: str) -> bool:
    """Whether the encoding has every glyph."""
    whole = "".join(str(getattr(Glyphs(), name)) for name in Glyphs.__slots__)
    try:
        whole.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
