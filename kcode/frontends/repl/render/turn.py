"""What happens around the answer: prompts, ends of turns, retries, notices."""

from rich.text import Text

from kcode.frontends.repl.render.canvas import Canvas, indented, safe, styled
from kcode.frontends.repl.status import thousands
from kcode.types.events import (
    Compacted,
    ContextTrimmed,
    Notice,
    Retrying,
    TurnEnded,
)

_LEVEL = {"info": "dim", "warning": "yellow", "error": "red"}


LONG_PROMPT = 30
"""Lines of a prompt that are repeated in full."""


def prompt(canvas: Canvas, text: str, columns: int) -> str:
    """Draw what the person said."""
    sign = canvas.glyphs.shell if text.startswith("!") else canvas.glyphs.prompt
    lines = text.removeprefix("!").split("\n")
    if len(lines) > LONG_PROMPT:
        kept = LONG_PROMPT // 3
        lines = [*lines[:kept], f"{canvas.glyphs.ellipsis} +{len(lines) - 2 * kept} lines", *lines[-kept:]]
    words = "\n".join(lines)
    drawn = canvas.draw(styled(words, "bold"), width=max(1, columns - 3))
    return "\n" + indented(drawn, f"{sign} ")


def ended(canvas: Canvas, event: TurnEnded, columns: int) -> str:
    """Draw how a turn ended, where that is not simply an answer."""
    if event.stop_reason == "cancelled":
        return below(
            canvas, f"Interrupted {canvas.glyphs.dot} what should kcode do instead?", columns, "yellow"
        )
    if event.error is not None:
        hint = " It may work if you try again." if event.error.transient else ""
        return below(canvas, f"{_sentence(event.error.message)}{hint}", columns, "red")
    if event.stop_reason == "end_turn" and not event.note:
        return ""
    words = event.note or f"The turn ended early: {event.stop_reason.replace('_', ' ')}."
    return below(canvas, words, columns, "yellow")


def retrying(canvas: Canvas, event: Retrying, columns: int, *, shown: bool) -> str:
    """Draw that a request is sent again; `shown` says that a part of the failed answer stands above."""
    void = " What stands above of this answer is void." if shown else ""
    wait = f"in {event.delay:.0f}s" if event.delay >= 1 else "at once"
    words = f"{_sentence(event.message)} Trying again {wait} ({event.attempt} of {event.attempts}).{void}"
    return below(canvas, words, columns, "yellow")


def notice(canvas: Canvas, event: Notice, columns: int) -> str:
    """Draw a word from kcode itself."""
    return below(canvas, event.text, columns, _LEVEL[event.level])


def compacted(canvas: Canvas, event: Compacted, columns: int) -> str:
    """Draw that older messages were replaced by a summary."""
    how = "cut" if event.hard else "summarised without the model" if event.fallback else "summarised"
    return below(canvas, f"Older conversation {how}{_sizes(event)}.", columns, "dim")


def trimmed(canvas: Canvas, event: ContextTrimmed, columns: int) -> str:
    """Draw that old tool results were hidden from the model."""
    if not event.hidden:
        return below(canvas, f"Older parts of the conversation set aside{_sizes(event)}.", columns, "dim")
    return below(canvas, f"{len(event.hidden)} old tool results set aside{_sizes(event)}.", columns, "dim")


def below(canvas: Canvas, words: str, columns: int, style: str) -> str:
    """Draw words under a corner, wrapped."""
    text = Text(safe(words).strip(), style=style)
    drawn = canvas.draw(text, width=max(1, columns - 6))
    return indented(drawn, f"  {canvas.encodable(canvas.glyphs.corner)}  ", "     ")


def _sentence(words: str) -> str:
    """End words with a full stop, unless they end a sentence already."""
    return words if words.endswith((".", "?", "!")) else f"{words}."


def _sizes(event: Compacted | ContextTrimmed) -> str:
    if not event.tokens_before:
        return ""
    return f" ({thousands(event.tokens_before)} to {thousands(event.tokens_after)} tokens)"
