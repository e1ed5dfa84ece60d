"""Questions in the place of the prompt: a list to choose from, a line to type, or both."""

import asyncio
import textwrap
import time
from collections.abc import Callable

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import (
    BufferControl,
    ConditionalContainer,
    Dimension,
    FormattedTextControl,
    HSplit,
    Window,
)
from prompt_toolkit.layout.processors import BeforeInput, ConditionalProcessor, PasswordProcessor

from kcode.frontends.repl.forms import Answer, Choice, Form
from kcode.frontends.repl.input import PromptInput
from kcode.frontends.repl.stage import Stage
from kcode.screen.width import cell_width, cut

QUIET = 0.3
"""Seconds without a key before a dialog listens: what was typed before it was seen is not an answer."""


class Dialog:
    """Shows one form at a time; others wait their turn."""

    def __init__(self, stage: Stage, prompt: PromptInput) -> None:
        self._stage = stage
        self._prompt = prompt
        self._turn = asyncio.Lock()
        self._form: Form | None = None
        self._answer: asyncio.Future[Answer | None] | None = None
        self._at = 0
        self._taken: set[int] = set()
        self._filter = ""
        self._typing = False
        self._since = 0.0
        self.waiting = 0
        self.on_interrupt: Callable[[], None] = lambda: None
        self.active = Condition(lambda: self._form is not None)
        self._lines = Condition(lambda: self._form is not None and self._typing)
        self.reply = Buffer(name="reply", multiline=False)
        secret = ConditionalProcessor(
            PasswordProcessor(), Condition(lambda: self._form is not None and self._form.hidden)
        )
        self._list = Window(
            FormattedTextControl(self._text, focusable=True, show_cursor=False),
            dont_extend_height=True,
            height=lambda: Dimension(max=max(1, stage.size.rows - 1)),
            wrap_lines=True,
        )
        self._line = Window(
            BufferControl(self.reply, input_processors=[secret, BeforeInput(self._line_prompt)]),
            height=Dimension(min=1, max=4),
            dont_extend_height=True,
            wrap_lines=True,
        )
        hint = Window(FormattedTextControl(self._hint), height=Dimension(max=1), dont_extend_height=True)
        self.container = ConditionalContainer(
            HSplit([self._list, ConditionalContainer(self._line, self._lines), hint]), self.active
        )

    async def ask(self, form: Form) -> Answer | None:
        """Show a form and wait; None if it was dismissed."""
        self.waiting += 1
        try:
            async with self._turn:
                return await self._show(form)
        finally:
            self.waiting -= 1
            self._stage.redraw()

    def keys(self) -> KeyBindings:
        """Return the keys that answer."""
        keys = KeyBindings()
        choosing = self.active & ~self._lines
        for name in ("up", "c-p"):
            keys.add(name, filter=choosing)(self._quietly(lambda _: self._move(-1)))
        for name in ("down", "c-n", "tab"):
            keys.add(name, filter=choosing)(self._quietly(lambda _: self._move(1)))
        keys.add("enter", filter=choosing)(self._quietly(lambda _: self._enter()))
        keys.add("s-tab", filter=choosing)(self._quietly(lambda _: self._shortcut()))
        keys.add("backspace", filter=choosing)(self._quietly(lambda _: self._narrow(self._filter[:-1])))
        keys.add(Keys.Any, filter=choosing)(self._typed)
        keys.add(Keys.BracketedPaste, filter=choosing)(self._pasted)
        keys.add("escape", filter=self.active)(self._escape)
        keys.add("c-c", filter=self.active)(self._interrupt)
        keys.add("enter", filter=self._lines)(self._quietly(lambda _: self._finish_line()))
        return keys

    async def _show(self, form: Form) -> Answer | None:
        self._form, self._at, self._filter = form, form.start, ""
        self._taken, self._typing = set(), not form.choices
        self._since = time.monotonic()
        self.reply.reset()
        self._answer = asyncio.get_running_loop().create_future()
        layout = self._stage.app.layout
        layout.focus(self._line if self._typing else self._list)
        self._stage.redraw()
        try:
            return await self._answer
        finally:
            self._form, self._answer, self._typing = None, None, False
            self.reply.reset()
            layout.focus(self._prompt.window)
            self._stage.redraw()

    def _quietly(self, act: Callable[[KeyPressEvent], None]) -> Callable[[KeyPressEvent], None]:
        """Let a key act only after a quiet moment."""

        def handle(event: KeyPressEvent) -> None:
            if not self._early():
                act(event)

        return handle

    def _early(self) -> bool:
        """Whether a key was meant for what stood here before; then the quiet moment begins anew."""
        now = time.monotonic()
        early = now - self._since < QUIET
        self._since = now if early else 0.0
        return early

    def _typed(self, event: KeyPressEvent) -> None:
        """A character: into the prompt if it came early, else a digit, a space or part of the filter."""
        if not event.data.isprintable():
            return
        if self._early():
            self._prompt.buffer.insert_text(event.data)
        elif self._form is None:
            return
        elif self._form.filtering:
            self._narrow(self._filter + event.data)
        elif event.data.isdigit() and 0 < int(event.data) <= len(self._form.choices):
            self._at = int(event.data) - 1
            self._toggle() if self._form.multiple else self._enter()
        elif event.data == " " and self._form.multiple:
            self._toggle()

    def _visible(self) -> list[int]:
        """Positions of the choices that the filter leaves."""
        if self._form is None:
            return []
        words = self._filter.lower().split()
        labels = [f"{c.label} {c.note}".lower() for c in self._form.choices]
        return [i for i, label in enumerate(labels) if all(word in label for word in words)]

    def _move(self, by: int) -> None:
        visible = self._visible()
        if visible:
            here = visible.index(self._at) if self._at in visible else 0
            self._at = visible[(here + by) % len(visible)]

    def _narrow(self, text: str) -> None:
        self._filter = text
        visible = self._visible()
        if self._at not in visible and visible:
            self._at = visible[0]

    def _toggle(self) -> None:
        self._taken ^= {self._at}

    def _shortcut(self) -> None:
        if self._form and self._form.shortcut is not None:
            self._at = self._form.shortcut
            self._enter()

    def _enter(self) -> None:
        form = self._form
        if form is None or self._at not in self._visible():
            return
        if form.choices[self._at].words:
            self._typing = True
            self._stage.app.layout.focus(self._line)
            return
        self._settle(Answer(tuple(sorted(self._taken)) if form.multiple and self._taken else (self._at,)))

    def _finish_line(self) -> None:
        words = self.reply.text.strip()
        if self._form and self._form.choices:
            self._settle(Answer((self._at,), words))
        elif words:
            self._settle(Answer((), words))

    def _pasted(self, event: KeyPressEvent) -> None:
        """A paste is never an answer: it goes where prompts are typed."""
        self._prompt.paste(event.data)

    def _escape(self, event: KeyPressEvent) -> None:
        del event
        if self._typing and self._form and self._form.choices:
            self._typing = False
            self._stage.app.layout.focus(self._list)
        else:
            self._settle(None)

    def _interrupt(self, event: KeyPressEvent) -> None:
        del event
        self._settle(None)
        self.on_interrupt()

    def _settle(self, answer: Answer | None) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_result(answer)

    def _line_prompt(self) -> StyleAndTextTuples:
        if self._form is None:
            return []
        words = self._form.choices[self._at].words if self._form.choices else self._form.line
        return [("class:dim", f"   {words} ")]

    def _text(self) -> StyleAndTextTuples:
        form = self._form
        if form is None:
            return []
        more = f"  ({self.waiting - 1} more waiting)" if self.waiting > 1 else ""
        lines: StyleAndTextTuples = [("class:title", f" {form.title}"), ("class:dim", f"{more}\n")]
        body = self._body(form)
        lines += [("", f" {line}\n") for line in body]
        if form.filtering and self._filter:
            lines.append(("class:dim", f"   search: {self._filter}\n"))
        lines += self._choice_lines(form, self._stage.size.rows - 4 - max(1, len(body)))
        lines[-1] = (lines[-1][0], lines[-1][1].removesuffix("\n"))
        return lines

    def _body(self, form: Form) -> list[str]:
        """Return what stands above the answers, broken between words; a long word is broken by the window."""
        room = max(20, self._stage.columns - 2)
        lines: list[str] = []
        for line in form.body.split("\n") if form.body else ():
            indent = line[: len(line) - len(line.lstrip())]
            lines += textwrap.wrap(
                line,
                room,
                subsequent_indent=indent,
                break_long_words=False,
                break_on_hyphens=False,
                replace_whitespace=False,
            ) or [""]
        return lines

    def _short(self, choice: Choice) -> str:
        """Cut the label of one of many choices so that it takes a row; the whole is searched."""
        return cut(
            choice.label, self._stage.columns - 6 - cell_width(choice.note), self._stage.theme.glyphs.ellipsis
        )

    def _choice_lines(self, form: Form, room: int) -> StyleAndTextTuples:
        visible, rows = self._visible(), max(1, room)
        here = visible.index(self._at) if self._at in visible else 0
        first = max(0, min(here - rows // 2, len(visible) - rows))
        lines: StyleAndTextTuples = []
        for i in visible[first : first + rows]:
            choice, chosen = form.choices[i], i == self._at
            pointer = self._stage.theme.glyphs.prompt if chosen else " "
            box = ("[x] " if i in self._taken else "[ ] ") if form.multiple else ""
            number = "" if form.filtering else f"{i + 1}. "
            label = self._short(choice) if form.filtering else choice.label
            lines.append(("class:chosen" if chosen else "", f" {pointer} {number}{box}{label}"))
            lines.append(("class:dim", f"  {choice.note}\n" if choice.note else "\n"))
        if form.choices and not visible:
            lines.append(("class:dim", "   nothing matches\n"))
        return lines

    def _hint(self) -> StyleAndTextTuples:
        return [("class:dim", f" {self._hint_words(self._form)}")] if self._form else []

    def _hint_words(self, form: Form) -> str:
        dot = f" {self._stage.theme.glyphs.dot} "
        if self._typing:
            return dot.join(["Enter to send", "Esc to go back" if form.choices else "Esc to cancel"])
        parts = ["Type to search"] if form.filtering else []
        parts += ["Space to mark", "Enter to send"] if form.multiple else ["Enter to choose"]
        return dot.join([*parts, "Esc to cancel"])
