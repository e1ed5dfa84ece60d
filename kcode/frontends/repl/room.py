"""The parts of the terminal front end, put together; what needs the conversation comes once it is open."""

import asyncio
import contextlib
import importlib
import os
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prompt_toolkit.document import Document
from prompt_toolkit.layout import ConditionalContainer, HSplit

from kcode import __version__
from kcode.frontends.repl.complete import CommandName, PromptCompleter
from kcode.frontends.repl.dialog import Dialog
from kcode.frontends.repl.files import FileIndex
from kcode.frontends.repl.history import DiskHistory
from kcode.frontends.repl.input import PromptInput
from kcode.frontends.repl.keys import Actions, bindings
from kcode.frontends.repl.menu import Menu
from kcode.frontends.repl.stage import Stage
from kcode.frontends.repl.status import Status
from kcode.frontends.repl.theme import Theme
from kcode.screen.sanitise import sanitise

if TYPE_CHECKING:
    # Not imported to draw the prompt: the types cost as much as the terminal itself.
    from kcode.config.options import Options
    from kcode.frontends.repl.conversation import Opener

LAST = 5.0
"""Seconds that closing may take."""
NOTE = 3.0
"""Seconds for which a note stands in the status line's place."""
GONE = 129
"""The exit status where the terminal has gone away."""


class Room:
    """The prompt from its first drawing to the end."""

    def __init__(self, options: "Options", theme: Theme, history: Path, opener: "Opener | None") -> None:
        self.options = options
        self.opener = opener
        self.theme = theme
        self.stage = Stage(theme)
        self.status = Status(theme)
        self.commands: Sequence[CommandName] = ()
        completer = PromptCompleter(lambda: self.commands, FileIndex(options.cwd), sanitise)
        self.prompt = PromptInput(theme, DiskHistory(history), completer)
        self.dialog = Dialog(self.stage, self.prompt)
        self.menu = Menu(self.stage, self.prompt.buffer)
        self.early: list[str] = [options.prompt] if options.prompt else []
        self.actions = Actions(
            submit=self._submit_early,
            leave=self.leave,
            note=self.note,
            repaint=self.stage.repaint,
            edit=lambda: self.spawn(self._edit()),
        )
        self.farewell: Callable[[], str] = str
        """Returns the last line that is printed."""
        self.closing: list[Callable[[], Awaitable[None]]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._fading: asyncio.TimerHandle | None = None
        self._drawn = asyncio.Event()
        self.stage.status = self.status.line
        self.stage.drawn = self._drawn.set
        prompt = ConditionalContainer(HSplit([self.prompt.window, self.prompt.search]), ~self.dialog.active)
        self.stage.furnish(
            [prompt, self.dialog.container, ConditionalContainer(self.menu.container, ~self.dialog.active)],
            self.prompt.window,
            bindings(self.prompt, self.menu, self.dialog, self.actions),
        )

    async def run(self) -> int:
        """Draw the prompt, open the conversation behind it, and stay until the person leaves."""
        self.stage.print(self._greeting())
        asyncio.get_running_loop().set_exception_handler(self._fault)
        try:
            return await self.stage.app.run_async(
                pre_run=lambda: self.spawn(self._open()), handle_sigint=False, set_exception_handler=False
            )
        except (EOFError, OSError):
            return GONE
        finally:
            # Whatever ended this, what was being typed is in the history.
            self.prompt.set_aside()
            with contextlib.suppress(OSError, TimeoutError):
                await asyncio.wait_for(self._close(), LAST)
                self.stage.flush()
                self.stage.print(self.farewell())

    def leave(self, status: int = 0) -> None:
        """End with an exit status."""
        if self.stage.app.is_running and not self.stage.app.is_done:
            self.stage.app.exit(result=status)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something behind the prompt; a failure is told."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def note(self, words: str) -> None:
        """Show words in the status line's place for a moment."""
        self.status.note = words
        if self._fading:
            self._fading.cancel()
        self._fading = asyncio.get_running_loop().call_later(NOTE, self._fade) if words else None
        self.stage.redraw()

    def _fade(self) -> None:
        self.status.note = ""
        self.stage.redraw()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            words = sanitise(_without_keys(f"{type(error).__name__}: {error}"))
            self.stage.print(f"\n  {words}\n")

    def _fault(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Tell of a fault in a line: a traceback would tear the drawn part apart, and the work goes on."""
        error = context.get("exception")
        words = f"{type(error).__name__}: {error}" if error else str(context.get("message"))
        shown = sanitise(_without_keys(" ".join(words.split())))[:500]
        self.stage.print(f"\n  Inside the terminal: {shown}\n")

    def _submit_early(self, text: str) -> None:
        """Keep what is sent before the conversation is open."""
        self.early.append(text)
        self.note("Starting: this is sent in a moment")

    async def _open(self) -> None:
        """Import the rest once the prompt stands, and go on there."""
        await self._drawn.wait()
        module = await asyncio.to_thread(importlib.import_module, "kcode.frontends.repl.session")
        await module.Session(self).run()

    async def _edit(self) -> None:
        """Let the person edit the prompt in an editor of their own."""
        from kcode.frontends.repl.editor import edit  # noqa: PLC0415 - rarely wanted

        buffer = self.prompt.buffer
        try:
            text = await edit(self.prompt.pastes.unfold(buffer.text))
        except OSError as error:
            self.note(f"The editor did not start: {error}")
            return
        buffer.document = Document(text)

    async def _close(self) -> None:
        """End everything that runs behind the prompt."""
        for close in reversed(self.closing):
            await close()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _greeting(self) -> str:
        folder = str(self.options.cwd)
        home = str(Path.home())
        if folder == home or folder.startswith(home + os.sep):
            folder = "~" + folder[len(home) :]
        dot = self.theme.glyphs.dot
        return f"\x1b[1mkcode\x1b[0m {__version__} {dot} {sanitise(folder)} {dot} /help {dot} ? for keys\n"


def _without_keys(words: str) -> str:
    from kcode.app.faults import without_keys  # noqa: PLC0415 - not needed to draw the prompt

    return without_keys(words)
