"""For terminals that cannot be drawn on: lines in, lines out."""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Callable

from kcode import __version__
from kcode.config.options import Options
from kcode.frontends.repl.approve import Approver
from kcode.frontends.repl.conversation import Conversation, Opener
from kcode.frontends.repl.feed import Feed
from kcode.frontends.repl.forms import Answer, Form
from kcode.frontends.repl.live import Live
from kcode.frontends.repl.questions import ask
from kcode.frontends.repl.recap import farewell
from kcode.frontends.repl.render.canvas import Canvas
from kcode.frontends.repl.scroll import Scroll
from kcode.frontends.repl.status import Status
from kcode.frontends.repl.talk import Talk
from kcode.frontends.repl.theme import Theme
from kcode.screen.sanitise import sanitise
from kcode.types.errors import KcodeError
from kcode.types.events import Event, Mode
from kcode.types.frontend import Decision, PermissionRequest
from kcode.types.questions import Question

GONE = 129
"""The exit status where the terminal has gone away."""


def run_plain(options: Options, opener: Opener, theme: Theme) -> int:
    """Talk line by line and return the exit status."""

    async def main() -> int:
        return await PlainSession(options, theme).run(opener)

    return asyncio.run(main())


class PlainTerminal:
    """Standard input and output, as surface and as asker."""

    def __init__(self) -> None:
        self.waiting = 0
        self.on_line: Callable[[str], None] = lambda _: None
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._turn = asyncio.Lock()
        self._answer: asyncio.Future[str] | None = None
        self._read = b""

    @property
    def columns(self) -> int:
        """Columns to write in."""
        return shutil.get_terminal_size((80, 24)).columns

    def print(self, text: str) -> None:
        """Write text, whatever standard output's encoding can hold of it."""
        data = text.encode(sys.stdout.encoding or "ascii", "replace")
        # A terminal that has gone away is noticed when it is read from.
        with contextlib.suppress(OSError):
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()

    def redraw(self) -> None:
        """Nothing moves here."""

    def put_back(self, text: str) -> None:
        """Show a prompt that came to nothing; it cannot be put into the terminal's own line."""
        self.print(f"Not answered: {sanitise(text)}\n")

    def leave(self, status: int = 0) -> None:
        """End with an exit status."""
        if not self.ended.done():
            self.ended.set_result(status)

    def readable(self) -> None:
        """Read what was typed; whole lines are answers or prompts."""
        try:
            data = os.read(sys.stdin.fileno(), 65_536)
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            # A terminal that has gone away ends input like Ctrl-D does, and then is no terminal any more.
            self.leave(0 if os.isatty(sys.stdin.fileno()) else GONE)
        *lines, self._read = (self._read + data).split(b"\n")
        for line in lines:
            self._line(line.decode(sys.stdin.encoding or "utf-8", "replace").rstrip("\r"))

    def _line(self, line: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(line)
        else:
            self.on_line(line)

    async def ask(self, form: Form) -> Answer | None:
        """Show a form as a numbered list; an empty line dismisses it."""
        self.waiting += 1
        try:
            async with self._turn:
                return await self._show(form)
        finally:
            self.waiting -= 1

    async def _show(self, form: Form) -> Answer | None:
        numbered = [f"  {i}. {c.label}  {c.note}".rstrip() for i, c in enumerate(form.choices, 1)]
        self.print("\n".join([form.title, *([form.body] if form.body else []), *numbered, "? "]))
        while True:
            words = (await self._next()).strip()
            if not words:
                return None
            if not form.choices:
                return Answer((), words)
            if words.isdigit() and 0 < int(words) <= len(form.choices):
                return await self._chosen(form, int(words) - 1)
            self.print(f"A number from 1 to {len(form.choices)}, or an empty line to cancel: ")

    async def _chosen(self, form: Form, at: int) -> Answer:
        wanted = form.choices[at].words
        if not wanted:
            return Answer((at,))
        self.print(f"{wanted} ")
        return Answer((at,), (await self._next()).strip())

    async def _next(self) -> str:
        self._answer = asyncio.get_running_loop().create_future()
        try:
            return await self._answer
        finally:
            self._answer = None


class PlainSession:
    """The front end that a conversation talks to."""

    def __init__(self, options: Options, theme: Theme) -> None:
        self._options = options
        self._terminal = PlainTerminal()
        self._scroll = Scroll(self._terminal, Canvas(theme))
        live = Live(self._scroll.canvas)
        self._feed = Feed(self._scroll, live, Status(theme))
        self._feed.repeats = False
        self._approver = Approver(self._scroll, self._terminal, self._set_mode)
        self._conversation: Conversation | None = None

    async def on_event(self, event: Event) -> None:
        """Show what happened."""
        await self._feed.on_event(event)

    async def decide(self, request: PermissionRequest) -> Decision:
        """Ask whether a call may run."""
        return await self._approver.decide(request)

    async def ask(self, question: Question) -> str | None:
        """Ask something else."""
        return await ask(self._terminal, question)

    async def run(self, opener: Opener) -> int:
        """Open the conversation and talk until input ends."""
        loop, terminal = asyncio.get_running_loop(), self._terminal
        try:
            conversation = self._conversation = await opener(self._options, self)
        except KcodeError as error:
            self._scroll.note(str(error), "red")
            return 1
        talk = Talk(conversation, self._feed, terminal, root=self._options.cwd, leave=terminal.leave)
        terminal.on_line = lambda line: talk.submit(line) if line.strip() else None
        talk.after = lambda: terminal.print("\n> ")
        loop.add_signal_handler(signal.SIGINT, lambda: talk.interrupt() if talk.busy else terminal.leave(130))
        loop.add_signal_handler(signal.SIGTERM, terminal.leave, 143)
        loop.add_signal_handler(signal.SIGHUP, terminal.leave, GONE)
        tasks = [asyncio.create_task(self._feed.tick()), asyncio.create_task(talk.run())]
        terminal.print(f"kcode {__version__}, plain: the terminal cannot be drawn on. Ctrl-D leaves.\n> ")
        if self._options.prompt:
            talk.submit(self._options.prompt)
        loop.add_reader(sys.stdin.fileno(), terminal.readable)
        try:
            return await terminal.ended
        finally:
            await talk.stop()
            await conversation.close()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            said = conversation.state.transcript and self._options.persist
            terminal.print(farewell(self._scroll, conversation.session_id) if said else "\n")

    async def _set_mode(self, mode: Mode) -> None:
        if self._conversation is not None:
            await self._conversation.set_mode(mode)
