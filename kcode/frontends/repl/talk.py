"""The conversation as the person drives it: one thing at a time, the rest waits, nothing typed is lost."""

import asyncio
from collections import deque
from collections.abc import Callable
from pathlib import Path

from kcode.frontends.repl.conversation import Conversation
from kcode.frontends.repl.feed import Feed
from kcode.frontends.repl.forms import Prompting
from kcode.frontends.repl.images import images_in
from kcode.frontends.repl.recap import take_up
from kcode.frontends.repl.render import tools
from kcode.types.command import CommandResult
from kcode.types.errors import KcodeError
from kcode.types.events import Mode

CYCLE: tuple[Mode, ...] = ("default", "acceptEdits", "plan", "auto")
"""The modes that Shift-Tab goes through."""
LEAVING = frozenset({"exit", "quit", "/exit", "/quit"})
"""What leaves at once, also while something runs."""
KEYS = """\
| keys | what they do |
|---|---|
| Enter | send; while something runs: say it to the running turn |
| \\\\ Enter, Alt-Enter, Ctrl-J | a new line |
| Esc | stop what runs; twice: clear the prompt, or go back to an earlier point |
| Up, Down, Ctrl-R | earlier prompts; Up also takes back what waits |
| `/`, `@`, `!` | a command, a file, a shell command |
| Shift-Tab | the next permission mode |
| Ctrl-O | show what was folded; again: the one before |
| Ctrl-B | lets a running command go on in the background |
| Ctrl-T | the todo list |
| Ctrl-G | write the prompt in your editor |
| Ctrl-L | draw the screen anew |
| Ctrl-C | stop, or clear the prompt; twice: leave |
| Ctrl-D | leave |
"""


class Talk:
    """Runs prompts, slash commands and shell commands in the order in which they were sent."""

    def __init__(
        self,
        conversation: Conversation,
        feed: Feed,
        prompt: Prompting,
        *,
        root: Path,
        leave: Callable[[], None],
    ) -> None:
        self._conversation = conversation
        self._feed = feed
        self._scroll = feed.scroll
        self._prompt = prompt
        self._root = root
        self._leave = leave
        self._waiting: deque[str] = deque()
        self._wake = asyncio.Event()
        self._job: asyncio.Task[None] | None = None
        self._in_turn = False
        self._turning: asyncio.Task[None] | None = None
        self.after: Callable[[], None] = lambda: None
        """Called whenever something has ended."""

    @property
    def busy(self) -> bool:
        """Whether something runs."""
        return self._job is not None

    def submit(self, text: str) -> None:
        """Take what was sent: now, after what runs, or into the running turn."""
        if text.strip() in LEAVING:
            self._leave()
            return
        if self._in_turn and not self._waiting and text[:1] not in {"/", "!"}:
            self._conversation.steer(text)
            self._feed.queued.append(text)
        else:
            self._waiting.append(text)
            self._wake.set()
        self._show_queue()

    def take_back(self) -> str:
        """Return everything that still waits, and let it wait no longer."""
        texts = [*self._conversation.unsteer(), *self._waiting]
        self._waiting.clear()
        self._feed.queued.clear()
        self._show_queue()
        return "\n".join(texts)

    def interrupt(self) -> None:
        """Stop what runs; what it has said and done so far stays."""
        self._feed.live.hear("Stopping")
        if self._in_turn and self._conversation.busy:
            self._conversation.cancel()
        elif self._job is not None:
            self._job.cancel()

    def cycle_mode(self) -> None:
        """Go on to the next permission mode."""
        self._turning = asyncio.create_task(self._cycle_mode())

    async def _cycle_mode(self) -> None:
        mode = self._conversation.mode
        following = CYCLE[(CYCLE.index(mode) + 1) % len(CYCLE)] if mode in CYCLE else CYCLE[0]
        try:
            await self._conversation.set_mode(following)
        except KcodeError as error:
            self._scroll.note(str(error), "red")
        self._feed.status.mode = self._conversation.mode
        self.after()

    async def run(self) -> None:
        """Do what was sent, one after the other, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                text = self._waiting.popleft()
                self._show_queue()
                await self._guarded(text)

    async def stop(self) -> None:
        """Stop what runs and wait until it has."""
        if self._job is not None:
            self.interrupt()
            await asyncio.wait({self._job}, timeout=2.0)

    async def _guarded(self, text: str) -> None:
        """Run one thing; whatever goes wrong, the prompt text comes back and the prompt lives on."""
        self._job = asyncio.create_task(self._one(text))
        try:
            await asyncio.wait({self._job})
            self._report(self._job, text)
        finally:
            if not self._job.done():
                self._job.cancel()
            self._job, self._in_turn = None, False
            self._feed.end()
        self.after()
        leftover = self._conversation.unsteer()
        self._feed.queued.clear()
        self._waiting.extendleft(reversed(leftover))
        self._show_queue()

    def _report(self, job: "asyncio.Task[None]", text: str) -> None:
        if job.cancelled():
            self._scroll.note("Interrupted", "yellow")
            return
        error = job.exception()
        if error is None:
            return
        words = str(error) if isinstance(error, KcodeError) else f"{type(error).__name__}: {error}"
        self._scroll.note(words, "red")
        self._return(text)

    async def _one(self, text: str) -> None:
        if text.strip() == "?":
            self._feed.markdown(KEYS)
        elif text.startswith("!") and text[1:].strip():
            await self._shell(text)
        elif text.startswith("/"):
            await self._command(text)
        elif memory_line(text):
            await self._command(f"/memory add {text[1:].strip()}")
        else:
            await self._turn(text, shown=text)

    async def _turn(self, text: str, *, shown: str) -> None:
        if shown:
            self._feed.say(shown)
        images = await asyncio.to_thread(images_in, text, self._root) if "@" in text else []
        self._feed.begin("Waiting for the model")
        self._in_turn = True
        self._feed.expect_echo()
        ended = await self._conversation.prompt(text, images)
        self._in_turn = False
        if ended.error is not None:
            self._return("\n".join([*([shown] if shown else []), *self._conversation.unsteer()]))
        elif ended.stop_reason == "cancelled" and not self._feed.said and shown:
            self._return(shown)

    async def _command(self, text: str) -> None:
        self._feed.say(text)
        self._feed.begin("Working")
        result = await self._conversation.command(text)
        if result is None:
            await self._turn(text, shown="")
            return
        await self._after(result)

    async def _after(self, result: CommandResult) -> None:
        if result.text and result.is_error:
            self._scroll.note(result.text, "red")
        elif result.text:
            self._feed.markdown(result.text)
        if result.action == "exit":
            self._leave()
        elif result.action == "resumed":
            take_up(self._feed, self._conversation.state)
        if result.draft:
            self._return(result.draft)
        if result.prompt:
            await self._turn(result.prompt, shown="")

    async def _shell(self, text: str) -> None:
        self._feed.say(text)
        self._feed.begin("Running")
        result = await self._conversation.shell(text[1:].strip())
        shown = tools.folded(self._scroll.canvas, result.output, self._scroll.columns, head=10, tail=10)
        self._scroll.keep(text, shown)
        if result.status:
            self._scroll.note(f"exit status {result.status}", "yellow")
        for note in result.notes:
            self._scroll.note(note)

    def _return(self, text: str) -> None:
        """Put a prompt back where it was typed."""
        self._prompt.put_back(text)

    def _show_queue(self) -> None:
        self._feed.show_queue([*self._feed.queued, *self._waiting])


def memory_line(text: str) -> bool:
    """Whether a prompt is a line for the instruction file: `# text`; a heading of more lines or #123 is none."""
    return (
        text.startswith("#")
        and "\n" not in text.strip()
        and text[1:2] not in {"#", ""}
        and not text[1].isdigit()
    )
