"""The prompt's keys."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from prompt_toolkit.filters import Condition, Filter, is_searching
from prompt_toolkit.key_binding import KeyBindings, KeyBindingsBase, KeyPressEvent, merge_key_bindings
from prompt_toolkit.keys import Keys

from kcode.frontends.repl.dialog import Dialog
from kcode.frontends.repl.input import PromptInput
from kcode.frontends.repl.menu import Menu

TWICE = 2.0
"""Seconds within which a second key press counts as the second of two."""
PILE = 6
"""Keys behind an Enter, already there, that make it part of a paste."""
AT_ONCE = 0.1
"""Seconds for which further Enters belong to the same paste."""


LEAVES = "Ctrl-C again leaves kcode"


def _nothing() -> None:
    return


@dataclass(slots=True)
class Actions:
    """What keys do outside the prompt itself; set once the parts exist.

    `busy` says whether something runs that Esc would stop; `take_back` returns queued prompts, "" if none.
    """

    submit: Callable[[str], None] = lambda _: None
    busy: Callable[[], bool] = lambda: False
    interrupt: Callable[[], None] = _nothing
    leave: Callable[[], None] = _nothing
    take_back: Callable[[], str] = lambda: ""
    cycle_mode: Callable[[], None] = _nothing
    unfold: Callable[[], None] = _nothing
    todos: Callable[[], None] = _nothing
    repaint: Callable[[], None] = _nothing
    edit: Callable[[], None] = _nothing
    background: Callable[[], None] = _nothing
    rewind: Callable[[], None] | None = None
    note: Callable[[str], None] = lambda _: None
    clock: Callable[[], float] = time.monotonic
    _pasted: float = float("-inf")
    _pressed: dict[str, float] = field(default_factory=dict[str, float])

    def busy_now(self) -> bool:
        """Whether something runs; looked up anew, since actions change while starting."""
        return self.busy()

    def pasting(self, waiting: int) -> bool:
        """Whether an Enter belongs to a paste that the terminal does not mark: many keys came in one piece with it.

        Nobody types that fast, but a few keys may pile up while the program is busy.
        """
        now = self.clock()
        pasting = waiting >= PILE or (waiting > 0 and now - self._pasted < AT_ONCE)
        if pasting:
            self._pasted = now
        return pasting

    def stop(self) -> None:
        """Stop what runs on Ctrl-C; a second one within a moment leaves, whatever came of the first."""
        if self.twice("c-c", LEAVES):
            self.leave()
        elif self.busy():
            self.interrupt()

    def stopping(self) -> bool:
        """Whether a Ctrl-C now is the second one."""
        return self.clock() - self._pressed.get("c-c", -TWICE) < TWICE

    def twice(self, key: str, hint: str) -> bool:
        """Whether a key was pressed for the second time within a moment; the first press shows the hint."""
        now = self.clock()
        again = now - self._pressed.get(key, -TWICE) < TWICE
        self._pressed = {} if again else {key: now}
        self.note("" if again else hint)
        return again


def bindings(prompt: PromptInput, menu: Menu, dialog: Dialog, actions: Actions) -> KeyBindingsBase:
    """Return every key of the terminal front end."""
    typing = ~dialog.active & ~is_searching
    parts = [_editing(prompt, menu, typing), _moving(prompt, menu, actions, typing)]
    parts += [_stopping(prompt, menu, actions, typing), _showing(actions, typing), dialog.keys()]
    return merge_key_bindings(parts)


def _editing(prompt: PromptInput, menu: Menu, typing: Filter) -> KeyBindings:
    keys = KeyBindings()

    @keys.add("escape", "enter", filter=typing)
    @keys.add("c-j", filter=typing)
    def _newline(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    @keys.add(Keys.BracketedPaste, filter=typing)
    def _paste(event: KeyPressEvent) -> None:
        prompt.paste(event.data)

    @keys.add("backspace", filter=typing)
    def _backspace(event: KeyPressEvent) -> None:
        del event
        prompt.backspace()

    @keys.add("tab", filter=typing & menu.open)
    def _complete(event: KeyPressEvent) -> None:
        menu.apply()
        if not event.current_buffer.text.endswith("/"):
            event.current_buffer.insert_text(" ")

    @keys.add("tab", filter=typing & ~menu.open)
    def _start(event: KeyPressEvent) -> None:
        event.current_buffer.start_completion()

    return keys


def _moving(prompt: PromptInput, menu: Menu, actions: Actions, typing: Filter) -> KeyBindings:
    keys = KeyBindings()

    @keys.add("up", filter=typing & menu.open)
    @keys.add("c-p", filter=typing & menu.open)
    def _menu_up(event: KeyPressEvent) -> None:
        del event
        menu.move(-1)

    @keys.add("down", filter=typing & menu.open)
    @keys.add("c-n", filter=typing & menu.open)
    def _menu_down(event: KeyPressEvent) -> None:
        del event
        menu.move(1)

    @keys.add("up", filter=typing & ~menu.open)
    def _up(event: KeyPressEvent) -> None:
        queued = "" if event.current_buffer.text else actions.take_back()
        if queued:
            prompt.put_back(queued)
        else:
            event.current_buffer.auto_up(count=event.arg)

    @keys.add("enter", filter=typing)
    def _enter(event: KeyPressEvent) -> None:
        if actions.pasting(len(event.key_processor.input_queue)):
            event.current_buffer.insert_text("\n")
        elif event.current_buffer.document.char_before_cursor == "\\":
            event.current_buffer.delete_before_cursor()
            event.current_buffer.insert_text("\n")
        elif _settles(prompt, menu):
            menu.apply()
            event.current_buffer.insert_text(" ")
        else:
            _send(prompt, menu, actions)

    return keys


def _settles(prompt: PromptInput, menu: Menu) -> bool:
    """Whether Enter completes a file's name instead of sending."""
    marked = menu.current()
    if marked is None or marked.text.startswith("/"):
        return False
    return not prompt.buffer.document.text_before_cursor.endswith(marked.text)


def _send(prompt: PromptInput, menu: Menu, actions: Actions) -> None:
    marked = menu.current()
    if marked is not None and marked.text.startswith("/"):
        menu.apply()
    menu.close()
    if prompt.buffer.text.strip():
        actions.note("")
        actions.submit(prompt.take())


def _stopping(prompt: PromptInput, menu: Menu, actions: Actions, typing: Filter) -> KeyBindings:
    keys = KeyBindings()

    @keys.add("escape", filter=typing & menu.open)
    def _close(event: KeyPressEvent) -> None:
        del event
        menu.close()

    @keys.add("escape", filter=typing & ~menu.open)
    def _escape(event: KeyPressEvent) -> None:
        del event
        _on_escape(prompt, actions)

    @keys.add("c-c", filter=typing)
    def _interrupt(event: KeyPressEvent) -> None:
        del event
        _on_interrupt(prompt, actions)

    @keys.add("c-d", filter=typing)
    def _leave(event: KeyPressEvent) -> None:
        if event.current_buffer.text:
            event.current_buffer.delete()
        elif not actions.busy() or actions.twice(
            "c-d", "Still working: Ctrl-D again stops it and leaves kcode"
        ):
            actions.leave()

    return keys


def _on_escape(prompt: PromptInput, actions: Actions) -> None:
    if actions.busy():
        actions.interrupt()
    elif prompt.buffer.text:
        if actions.twice("escape", "Esc again clears the prompt"):
            prompt.set_aside()
    elif actions.rewind and actions.twice(
        "escape", "Esc again takes the conversation back to an earlier point"
    ):
        actions.rewind()


def _on_interrupt(prompt: PromptInput, actions: Actions) -> None:
    if prompt.buffer.text and not actions.busy() and not actions.stopping():
        prompt.set_aside()
        actions.note("Up brings the prompt back")
    else:
        actions.stop()


def _calls(actions: Actions, name: str) -> Callable[[KeyPressEvent], None]:
    """Return a handler that looks its action up when the key is pressed, since actions change while starting."""

    def handle(event: KeyPressEvent) -> None:
        del event
        act: Callable[[], None] = getattr(actions, name)
        act()

    return handle


def _showing(actions: Actions, typing: Filter) -> KeyBindings:
    keys = KeyBindings()
    keys.add("c-o")(_calls(actions, "unfold"))
    keys.add("c-t")(_calls(actions, "todos"))
    keys.add("c-l")(_calls(actions, "repaint"))
    keys.add("c-g", filter=typing)(_calls(actions, "edit"))
    keys.add("c-x", "c-e", filter=typing)(_calls(actions, "edit"))
    # Otherwise the key moves the cursor, as in every prompt of this kind.
    keys.add("c-b", filter=typing & Condition(actions.busy_now))(_calls(actions, "background"))
    keys.add("s-tab", filter=typing)(_calls(actions, "cycle_mode"))

    @keys.add("c-z")
    def _suspend(event: KeyPressEvent) -> None:
        event.app.suspend_to_background()

    return keys
