"""Where the person types: one buffer with history, completion, folded pastes and a shell mode."""

from prompt_toolkit.application import get_app
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import Completer
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.layout import BufferControl, Dimension, Window
from prompt_toolkit.widgets import SearchToolbar

from kcode.frontends.repl.history import DiskHistory
from kcode.frontends.repl.pastes import Pastes, clean
from kcode.frontends.repl.theme import Theme


class PromptInput:
    """The prompt's buffer and its window."""

    def __init__(self, theme: Theme, history: DiskHistory, completer: Completer | None = None) -> None:
        self._theme = theme
        self.history = history
        self.pastes = Pastes()
        self.search = SearchToolbar(forward_search_prompt="search: ", backward_search_prompt="history: ")
        self.buffer = Buffer(
            name="prompt",
            history=history,
            completer=completer,
            complete_while_typing=True,
            multiline=True,
            enable_history_search=False,
        )
        control = BufferControl(
            self.buffer,
            search_buffer_control=self.search.control,
            preview_search=True,
            include_default_input_processors=True,
        )
        self.window = Window(
            control,
            height=self._height,
            get_line_prefix=self._prefix,
            wrap_lines=True,
            dont_extend_height=True,
        )

    @property
    def shell(self) -> bool:
        """Whether what is typed is a shell command."""
        return self.buffer.text.startswith("!")

    def paste(self, text: str) -> None:
        """Insert pasted text, folded if it is long."""
        self.buffer.insert_text(self.pastes.fold(clean(text)))

    def backspace(self) -> None:
        """Delete to the left: a character, or a whole stand-in for a paste."""
        before = self.buffer.document.text_before_cursor
        if before:
            self.buffer.delete_before_cursor(self.pastes.width_before(before))

    def take(self) -> str:
        """Empty the prompt and return it with its pastes; it joins the history."""
        shown = clean(self.buffer.text)
        whole = self.pastes.unfold(shown)
        if shown.strip():
            self.history.remember(shown, whole)
        self.buffer.reset()
        return whole

    def put_back(self, text: str) -> None:
        """Put text before what is typed now, with the cursor at its end."""
        if not text:
            return
        rest = self.buffer.text
        joined = f"{self.pastes.fold(text)}\n{rest}" if rest else self.pastes.fold(text)
        self.buffer.set_document(Document(joined), bypass_readonly=True)

    def set_aside(self) -> None:
        """Clear the prompt; Up brings back what was there."""
        shown = self.buffer.text
        if shown.strip():
            self.history.remember(shown, self.pastes.unfold(shown))
        self.buffer.reset()

    def _height(self) -> Dimension:
        rows = get_app().output.get_size().rows
        return Dimension(min=1, max=max(1, rows // 2))

    def _prefix(self, line: int, wrapped: int) -> StyleAndTextTuples:
        if line or wrapped:
            return [("", "  ")]
        # In shell mode the person's own "!" stands where the prompt's sign was.
        return [] if self.shell else [("class:prompt", f"{self._theme.glyphs.prompt} ")]
