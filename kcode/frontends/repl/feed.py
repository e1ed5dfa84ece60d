"""Events to the screen: what is finished goes to the scrollback, the rest to the live region."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import TypeAlias, assert_never

from kcode.frontends.repl.blocks import Block
from kcode.frontends.repl.calls import CallEvent, Calls
from kcode.frontends.repl.live import Live
from kcode.frontends.repl.render import answer, todos, turn
from kcode.frontends.repl.render.canvas import one_line, safe
from kcode.frontends.repl.scroll import Scroll
from kcode.frontends.repl.status import Status
from kcode.types.events import (
    AgentFinished,
    AgentStarted,
    CallDelta,
    Checkpointed,
    Cleared,
    Compacted,
    ContextTrimmed,
    Event,
    MessageAdded,
    ModeChanged,
    ModelChanged,
    Notice,
    PermissionDecided,
    PromptSet,
    Redone,
    ResponseBroken,
    Restored,
    Retrying,
    StepEnded,
    StepStarted,
    TextDelta,
    ThinkingDelta,
    TodosSet,
    ToolFinished,
    ToolProgress,
    ToolStarted,
    TurnEnded,
    TurnStarted,
    Uncompacted,
    Undone,
)
from kcode.types.messages import AssistantMessage, Message, ToolMessage, UserMessage

FRAME = 1 / 15
"""Seconds between two drawings of the live region."""
SHARE = 10
"""Drawing may take one part in so many of the time: on a slow machine it happens less often."""
BLINK = 0.25
"""Seconds between two drawings while nothing but the time changes."""
WORTH_SAYING = 2.0
"""Seconds of thinking that are mentioned in the scrollback."""

_Streamed: TypeAlias = (
    TextDelta | ThinkingDelta | CallDelta | StepStarted | StepEnded | ResponseBroken | Retrying
)
_Around: TypeAlias = TurnStarted | TurnEnded | Notice | AgentStarted | AgentFinished
_Session: TypeAlias = (
    PromptSet
    | ContextTrimmed
    | Compacted
    | Uncompacted
    | Undone
    | Redone
    | Checkpointed
    | Restored
    | Cleared
    | ModelChanged
    | ModeChanged
)
_STREAMED = (TextDelta, ThinkingDelta, CallDelta, StepStarted, StepEnded, ResponseBroken, Retrying)
_CALL = (ToolStarted, ToolProgress, ToolFinished, TodosSet, PermissionDecided)
_AROUND = (TurnStarted, TurnEnded, Notice, AgentStarted, AgentFinished)


class Feed:
    """Shows one conversation."""

    def __init__(self, scroll: Scroll, live: Live, status: Status) -> None:
        self.scroll = scroll
        self.live = live
        self.status = status
        self.repeats = True
        """Whether what the person sends is printed: not where the terminal itself has shown it."""
        self.said = False
        """Whether anything of the running turn was shown."""
        self.queued: list[str] = []
        self._canvas = scroll.canvas
        self._calls = Calls(scroll, live)
        self._expected = 0
        self._thought = 0.0
        self._text_shown = False
        self._dirty = asyncio.Event()

    def say(self, text: str) -> None:
        """Print what the person said."""
        if self.repeats:
            self._print(turn.prompt(self._canvas, text, self._columns))
        self.scroll.restart()

    def expect_echo(self) -> None:
        """The next message of the person comes back as an event and stands above already."""
        self._expected += 1

    def markdown(self, text: str) -> None:
        """Print Markdown that is not the model's."""
        self.live.blocks.feed(text)
        self._print_blocks(self.live.blocks.close())

    def show_queue(self, queued: Sequence[str]) -> None:
        """Show what waits for its turn."""
        self.live.queued = tuple(queued)
        self._touch()

    def begin(self, doing: str) -> None:
        """Show that something runs."""
        self.said = False
        self.live.begin(doing)
        self._touch()

    def end(self) -> None:
        """Show that nothing runs any more."""
        self._finish_text()
        self._expected = 0
        self.live.end()
        self._touch()

    def toggle_todos(self) -> None:
        """Show or hide the todo list while something runs; else print it."""
        if self.live.busy and any(todo.status != "completed" for todo in self.live.todos):
            self.live.show_todos = not self.live.show_todos
            self._touch()
        else:
            self._print("\n" + todos.draw(self._canvas, self.live.todos, self._columns))

    async def on_event(self, event: Event) -> None:
        """Show an event; a fault in showing it must not stop the agent."""
        try:
            self._show(event)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong here, the turn goes on
            self.scroll.print(f"  (not shown: {event.type}: {one_line(repr(error))})\n")

    async def tick(self) -> None:
        """Draw the live region for as long as something moves in it."""
        while True:
            if not self.live.busy:
                await self._dirty.wait()
            else:
                # wait_for loses a cancellation that comes with the event, and this would then go on for ever.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(BLINK):
                        await self._dirty.wait()
            self._dirty.clear()
            self._print_blocks(self.live.blocks.finished())
            self.live.changed()
            self.scroll.redraw()
            await asyncio.sleep(max(FRAME, SHARE * self.live.took))

    @property
    def _columns(self) -> int:
        return self.scroll.columns

    def _print(self, text: str) -> None:
        self.scroll.print(text)

    def _touch(self) -> None:
        self._dirty.set()

    def _show(self, event: Event) -> None:
        if event.agent != "main":
            self._of_sub_agent(event)
        elif isinstance(event, _STREAMED):
            self._streamed(event)
        elif isinstance(event, _CALL):
            self._call(event)
        elif isinstance(event, _AROUND):
            self._around(event)
        elif isinstance(event, MessageAdded):
            self._message(event.message)
        else:
            self._session(event)
        if not isinstance(event, TextDelta):
            self._touch()

    def _streamed(self, event: _Streamed) -> None:
        match event:
            case TextDelta():
                if self.live.thinking:
                    self._finish_thoughts()
                self.live.blocks.feed(event.text)
                self.live.hear("Writing")
                self._dirty.set()
            case ThinkingDelta():
                if not self.live.thinking:
                    self._thought = self.live.clock()
                self.live.thinking.append(event.text)
                self.live.hear("Thinking")
            case CallDelta():
                self._finish_text()
                self.live.hear(f"Calling {one_line(event.name, 40)}")
            case StepStarted():
                self._text_shown = False
                self.live.hear("Waiting for the model")
            case StepEnded() | ResponseBroken():
                pass
            case Retrying():
                self._retry(event)
            case _:
                assert_never(event)

    def _call(self, event: CallEvent) -> None:
        if isinstance(event, ToolStarted):
            self._finish_text()
        self._calls.show(event)

    def _around(self, event: _Around) -> None:
        match event:
            case TurnStarted():
                pass
            case TurnEnded():
                self._finish_text()
                self._print(turn.ended(self._canvas, event, self._columns))
            case Notice():
                self._print(turn.notice(self._canvas, event, self._columns))
            case AgentStarted():
                self.live.agents[event.child] = one_line(event.task, 120)
            case AgentFinished():
                self.live.agents.pop(event.child, None)
            case _:
                assert_never(event)

    def _session(self, event: _Session) -> None:
        match event:
            case Compacted():
                self.status.used = event.tokens_after
                # Where a command asked for it, its answer says so.
                if event.trigger == "auto":
                    self._print(turn.compacted(self._canvas, event, self._columns))
            case ContextTrimmed():
                self._print(turn.trimmed(self._canvas, event, self._columns))
            case Cleared():
                self.status.used, self.status.cached = 0, None
                self.live.todos = ()
            case ModelChanged():
                self.status.model, self.status.window = safe(event.model), event.window
            case ModeChanged():
                self.status.mode = event.mode
            case PromptSet() | Checkpointed() | Restored() | Uncompacted() | Undone() | Redone():
                # What a command did is said by its answer.
                pass
            case _:
                assert_never(event)

    def _message(self, message: Message) -> None:
        match message:
            case UserMessage():
                self._user(message)
            case AssistantMessage():
                self._finish_text()
                self._finish_thoughts()
                if message.text.strip() and not self._text_shown:
                    self.markdown(message.text)
                self._text_shown = False
                if message.usage.input:
                    self.status.used = message.usage.input + message.usage.output
                    self.status.cached = round(100 * message.usage.cached / message.usage.input)
                if message.usage.cost is not None:
                    self.status.cost = (self.status.cost or 0.0) + message.usage.cost
            case ToolMessage():
                self._calls.result(message)
                self.said = True

    def _user(self, message: UserMessage) -> None:
        if message.origin != "user":
            return
        if self._expected:
            self._expected -= 1
            return
        if message.text in self.queued:
            self.queued.remove(message.text)
            self.show_queue(self.queued)
        self._print(turn.prompt(self._canvas, message.text, self._columns))

    def _retry(self, event: Retrying) -> None:
        self.live.blocks = type(self.live.blocks)()
        self.live.thinking.clear()
        if event.attempt == 1 or self._text_shown:
            self._print(turn.retrying(self._canvas, event, self._columns, shown=self._text_shown))
        self._text_shown = False
        wait = f" in {event.delay:.0f}s" if event.delay >= 1 else ""
        self.live.hear(f"Trying again{wait}, {event.attempt} of {event.attempts}")

    def _of_sub_agent(self, event: Event) -> None:
        if isinstance(event, ToolStarted):
            self.live.agents[event.agent] = one_line(event.title, 120)
        elif isinstance(event, AgentStarted | AgentFinished):
            self._around(event)
        elif isinstance(event, Notice):
            self._print(turn.notice(self._canvas, event, self._columns))
        elif isinstance(event, ThinkingDelta | TextDelta):
            self.live.heard = self.live.clock()

    def _print_blocks(self, blocks: Sequence[Block]) -> None:
        for piece in blocks:
            self._print(answer.block(self._canvas, piece, self._columns))
            self._text_shown = self.said = True

    def _finish_text(self) -> None:
        self._print_blocks(self.live.blocks.close())
        self._finish_thoughts()

    def _finish_thoughts(self) -> None:
        text, since = "".join(self.live.thinking), self._thought
        self.live.thinking.clear()
        if not text.strip():
            return
        seconds = self.live.clock() - since
        full = answer.thoughts(self._canvas, text, self._columns)
        self.scroll.fold(f"Thought for {seconds:.0f}s", full)
        if seconds >= WORTH_SAYING:
            self._print(answer.thinking(self._canvas, seconds, self._columns))
