"""The line at the bottom: mode, model, how full the window is, money, branch."""

from collections.abc import Sequence
from dataclasses import dataclass

from prompt_toolkit.formatted_text import StyleAndTextTuples

from kcode.frontends.repl.theme import Theme

FULL = 80
"""Percent of the window from which on the number is coloured."""


@dataclass(slots=True)
class Status:
    """What the status line shows; `used` and `window` are tokens, `cost` US dollars.

    `cached` says which share of the last request came out of the server's cache, in percent; None before one did.

    `own` are the lines of the person's own command, which stand below. `note` stands in place of everything for
    as long as it is set.
    """

    theme: Theme
    mode: str = "default"
    model: str = ""
    used: int = 0
    window: int = 0
    cached: int | None = None
    cost: float | None = None
    branch: str = ""
    note: str = ""
    own: Sequence[str] = ()

    @property
    def percent(self) -> int:
        """How full the window is."""
        return round(100 * self.used / self.window) if self.window else 0

    def line(self) -> StyleAndTextTuples:
        """Return the line, the most important first: a narrow terminal cuts its end."""
        if self.note:
            return [("class:warn", f"  {self.note}")]
        parts: list[tuple[str, str]] = []
        if self.mode != "default":
            parts.append(("class:danger" if self.mode == "bypassPermissions" else "class:mode", self._mode()))
        if self.model:
            parts.append(("class:status", self.model))
        if self.used and self.window:
            style = "class:warn" if self.percent >= FULL else "class:status"
            parts.append((style, f"{thousands(self.used)} {self.percent}% context"))
        if self.cached is not None:
            parts.append(("class:status", f"{self.cached}% cached"))
        if self.cost:
            parts.append(("class:status", money(self.cost)))
        if self.branch:
            parts.append(("class:status", self.branch))
        line: StyleAndTextTuples = [("", "  ")]
        for i, part in enumerate(parts):
            if i:
                line.append(("class:status", f" {self.theme.glyphs.dot} "))
            line.append(part)
        line += [("class:status", f"\n  {text}") for text in self.own]
        return line

    def _mode(self) -> str:
        glyphs = self.theme.glyphs
        words = {
            "acceptEdits": f"{glyphs.accept} accept edits",
            "plan": f"{glyphs.pause} plan mode",
            "auto": f"{glyphs.accept} auto mode",
            "dontAsk": f"{glyphs.pause} don't ask",
            "bypassPermissions": f"{glyphs.accept} no permission checks",
        }
        return f"{words.get(self.mode, self.mode)} (Shift-Tab)"


def thousands(tokens: int) -> str:
    """Return a number of tokens in few characters: 840, 12k, 1.2M."""
    if tokens < 1_000:
        return str(tokens)
    return f"{tokens / 1_000:.0f}k" if tokens < 999_500 else f"{tokens / 1_000_000:.1f}M"


def money(dollars: float) -> str:
    """Return an amount with as many digits as it needs."""
    return f"${dollars:.2f}" if dollars >= 0.01 else f"${dollars:.4f}"
