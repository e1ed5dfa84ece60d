"""The list of completions, in the flow below the prompt, so that no rows are kept empty for it."""

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import Completion
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.layout import ConditionalContainer, Dimension, FormattedTextControl, Window
from prompt_toolkit.utils import get_cwidth

from kcode.frontends.repl.stage import Stage
from kcode.screen.width import cut

ROWS = 8


class Menu:
    """Shows a buffer's completions and applies one."""

    def __init__(self, stage: Stage, buffer: Buffer) -> None:
        self._stage = stage
        self._buffer = buffer
        self.open = Condition(lambda: bool(self._completions()))
        self.container = ConditionalContainer(
            Window(FormattedTextControl(self._text), dont_extend_height=True, height=Dimension(max=ROWS)),
            self.open,
        )

    def move(self, by: int) -> None:
        """Mark the next or previous completion without inserting it."""
        state = self._buffer.complete_state
        if state and state.completions:
            state.complete_index = (self._index() + by) % len(state.completions)

    def current(self) -> Completion | None:
        """Return the marked completion; the first if none was chosen."""
        found = self._completions()
        return found[self._index()] if found else None

    def apply(self) -> None:
        """Insert the marked completion and close the list."""
        chosen = self.current()
        if chosen is None:
            return
        self._buffer.cancel_completion()
        self._buffer.delete_before_cursor(-chosen.start_position)
        self._buffer.insert_text(chosen.text)

    def close(self) -> None:
        """Close the list; the text stays as it was typed."""
        self._buffer.complete_state = None

    def _completions(self) -> list[Completion]:
        state = self._buffer.complete_state
        return state.completions if state else []

    def _index(self) -> int:
        state = self._buffer.complete_state
        return (state.complete_index or 0) if state else 0

    def _text(self) -> StyleAndTextTuples:
        found = self._completions()
        if not found:
            return []
        rows = max(1, min(ROWS, self._stage.size.rows - 3))
        at = self._index()
        first = max(0, min(at - rows // 2, len(found) - rows))
        shown = found[first : first + rows]
        room = max(1, self._stage.columns - 4)
        widest = max(get_cwidth(c.display_text) for c in shown) + 2
        width = min(widest, max(36, room // 2), room)
        more = self._stage.theme.glyphs.ellipsis
        lines: StyleAndTextTuples = []
        for number, completion in enumerate(shown, first):
            marked = number == at
            name = _fit(cut(completion.display_text, width - 2, more), width)
            lines.append(("class:chosen" if marked else "", f"  {name}"))
            note = cut(completion.display_meta_text, room - width, more)
            lines.append(("class:chosen" if marked else "class:dim", f"{note}\n"))
        lines[-1] = (lines[-1][0], lines[-1][1].rstrip("\n"))
        return lines


def _fit(text: str, width: int) -> str:
    return text + " " * max(1, width - get_cwidth(text))
