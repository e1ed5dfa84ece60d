"""The model's words: Markdown block by block, code as it can be copied, thinking in a line."""

import re
from functools import lru_cache
from typing import ClassVar

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from pygments.token import Comment, Generic, Keyword, Name, Number, Operator, String, Token
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, Heading, HorizontalRule, Markdown, MarkdownElement
from rich.rule import Rule
from rich.style import Style
from rich.syntax import ANSISyntaxTheme, Syntax
from rich.text import Text

from kcode.frontends.repl.blocks import Block
from kcode.frontends.repl.render.canvas import Canvas, indented, safe, styled

CODE = ANSISyntaxTheme(
    {
        Token: Style(),
        Comment: Style(dim=True),
        Keyword: Style(color="blue"),
        Keyword.Type: Style(color="cyan"),
        Operator.Word: Style(color="blue"),
        Name.Builtin: Style(color="cyan"),
        Name.Function: Style(bold=True),
        Name.Class: Style(bold=True),
        Name.Tag: Style(color="blue"),
        Name.Attribute: Style(color="cyan"),
        String: Style(color="green"),
        Number: Style(color="cyan"),
        Generic.Deleted: Style(color="red"),
        Generic.Inserted: Style(color="green"),
        Generic.Heading: Style(bold=True),
        Generic.Subheading: Style(dim=True),
    }
)
_EDGES = re.compile(r"\A(?:(?:\x1b\[[0-9;]*m|[ \t])*\n)+|(?:\n(?:\x1b\[[0-9;]*m|[ \t])*)+\Z")
SLOW = 60_000
"""Characters of code beyond which it is not coloured."""


class _Heading(Heading):
    """A heading at the left, without a box."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        del console, options
        self.text.justify = "left"
        yield self.text


class _Code(CodeBlock):
    """Code inside a list or a quotation."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        del console, options
        yield highlighted(str(self.text).rstrip("\n"), self.lexer_name)


class _Rule(HorizontalRule):
    """A short line."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        del console
        yield Rule(style="markdown.hr", characters="-" if options.ascii_only else "─")


class _Markdown(Markdown):
    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "heading_open": _Heading,
        "fence": _Code,
        "code_block": _Code,
        "hr": _Rule,
    }

    def __init__(self, markup: str) -> None:
        super().__init__("", code_theme="bw", hyperlinks=False)
        self.markup = markup
        self.parsed = _parser().parse(markup)


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    """Rich's own parser, but for two backslashes before a name, which are a path and no escape."""
    parser = MarkdownIt().enable("strikethrough").enable("table")
    parser.inline.ruler.before("escape", "two_backslashes", _two_backslashes)
    return parser


def _two_backslashes(state: StateInline, silent: bool) -> bool:
    if not state.src.startswith("\\\\", state.pos) or not state.src[state.pos + 2 : state.pos + 3].isalnum():
        return False
    if not silent:
        state.pending += "\\\\"
    state.pos += 2
    return True


def highlighted(code: str, language: str) -> Text:
    """Return code in colours, exactly as it was written otherwise."""
    if not language or language == "text" or len(code) > SLOW:
        return Text(code)
    text = Syntax(code, language, theme=CODE, background_color="default").highlight(code)
    # The lexer ends the last line, which the code itself may not.
    text.right_crop(len(text.plain) - len(code))
    return text


def block(canvas: Canvas, piece: Block, columns: int) -> str:
    """Draw a finished block, a blank line before it unless it goes on from the last one."""
    gap = "" if piece.joined else "\n"
    if piece.code:
        code = highlighted(safe(piece.text, whole=True), piece.language)
        return gap + indented(canvas.draw(code, width=columns, wrap=False), "  ")
    return gap + prose(canvas, piece.text, columns)


def prose(canvas: Canvas, text: str, columns: int) -> str:
    """Draw Markdown."""
    drawn = canvas.draw(_Markdown(safe(text, whole=True)), width=canvas.text_width(columns))
    return _EDGES.sub("", drawn) + "\n"


def thinking(canvas: Canvas, seconds: float, columns: int) -> str:
    """Draw that the model has thought; the thoughts themselves stay folded."""
    took = f"{seconds:.0f}s" if seconds >= 1 else "a moment"
    line = f"Thought for {took} {canvas.glyphs.dot} Ctrl-O shows it"
    return "\n" + canvas.draw(styled(line, "dim italic"), width=columns)


def thoughts(canvas: Canvas, text: str, columns: int) -> str:
    """Draw the thoughts in full."""
    drawn = canvas.draw(styled(text.strip(), "dim italic"), width=canvas.text_width(columns) - 2)
    return indented(drawn, "  ")
