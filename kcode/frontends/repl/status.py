"""The line at the bottom: mode, model, how full the window is, money, branch, sandbox."""

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

    `sandbox` is how far commands can be fenced in, in few words; empty where that is off or not known yet.

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
    sandbox: str = ""
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
        parts = self._parts()
        line: StyleAndTextTuples = [("", "  ")]
        for i, part in enumerate(parts):
            if i:
                line.append(("class:status", f" {self.theme.glyphs.dot} "))
            line.append(part)
        line += [("class:status", f"\n  {text}") for text in self.own]
        return line

    def _parts(self) -> list[tuple[str, str]]:
        usual = [(self.model, "status")]
        if self.used and self.window:
            text = f"{thousands(self.used)} {self.percent}% context"
            usual.append((text, "warn" if self.percent >= FULL else "status"))
        if self.cached is not None:
            usual.append((f"{self.cached}% cached", "status"))
        usual += [(money(self.cost) if self.cost else "", "status"), (self.branch, "status")]
        fence = (f"sandbox: {self.sandbox}" if self.sandbox else "", "status")
        mode = (self._mode(), "danger" if self.mode == "bypassPermissions" else "mode")
        # In the mode auto whether commands run unasked depends on the fence.
        first = [mode, fence] if self.mode == "auto" else [] if self.mode == "default" else [mode]
        last = [] if self.mode == "auto" else [fence]
        return [(f"class:{style}", text) for text, style in (*first, *usual, *last) if text]

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
