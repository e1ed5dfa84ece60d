"""Events to the screen: what is finished goes to the scrollback, the rest to the live region."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from typing import TypeAlias, assert_never

from kcode.frontends.repl.forms import Surface
from kcode.frontends.repl.live import Live, Running
from kcode.frontends.repl.render import answer, todos, tools, turn
from kcode.frontends.repl.render.canvas import Canvas, indented, one_line, safe
from kcode.frontends.repl.status import Status
from kcode.types.events import (
    AgentFinished,
    AgentStarted,
    CallDelta,
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
from kcode.types.state import State

FRAME = 1 / 15
"""Seconds between two drawings of the live region."""
BLINK = 0.25
"""Seconds between two drawings while nothing but the time changes."""
WORTH_SAYING = 2.0
"""Seconds of thinking that are mentioned in the scrollback."""
OUTPUT = 16_000
"""Characters kept of a running call's output."""
REMEMBERED = 30
"""How many folded outputs Ctrl-O can open."""

_Streamed: TypeAlias = TextDelta | ThinkingDelta | CallDelta | StepStarted | StepEnded | Retrying
_Call: TypeAlias = ToolStarted | ToolProgress | ToolFinished | TodosSet | PermissionDecided
_Around: TypeAlias = TurnStarted | TurnEnded | Notice | AgentStarted | AgentFinished
_Session: TypeAlias = (
    PromptSet | ContextTrimmed | Compacted | Uncompacted | Undone | Cleared | ModelChanged | ModeChanged
)
_STREAMED = (TextDelta, ThinkingDelta, CallDelta, StepStarted, StepEnded, Retrying)
_CALL = (ToolStarted, ToolProgress, ToolFinished, TodosSet, PermissionDecided)
_AROUND = (TurnStarted, TurnEnded, Notice, AgentStarted, AgentFinished)


class Feed:
    """Shows one conversation."""

    def __init__(self, stage: Surface, canvas: Canvas, live: Live, status: Status) -> None:
        self._stage = stage
        self._canvas = canvas
        self.live = live
        self.status = status
        self.said = False
        """Whether anything of the running turn was shown."""
        self.announced = ""
        """The call whose header an approval has just printed, as long as nothing was printed after it."""
        self.queued: list[str] = []
        self._expected = 0
        self._thought = ("", 0.0)
        self._text_shown = False
        self._finished: dict[str, tuple[ToolFinished, ToolStarted | None]] = {}
        self._started: dict[str, ToolStarted] = {}
        self._folded: deque[tuple[str, str]] = deque(maxlen=REMEMBERED)
        self._unfolded = 0
        self._todos_named: tuple[str, ...] = ()
        self._dirty = asyncio.Event()

    @property
    def columns(self) -> int:
        """The terminal's width."""
        return self._stage.columns

    def print(self, text: str) -> None:
        """Write finished output to the scrollback."""
        if text:
            self.announced = ""
            self._stage.print(text)

    def say(self, text: str) -> None:
        """Print what the person said."""
        self.print(turn.prompt(self._canvas, text, self.columns))
        self._unfolded = 0

    def expect_echo(self) -> None:
        """The next message of the person comes back as an event and stands above already."""
        self._expected += 1

    def note(self, words: str, style: str = "dim") -> None:
        """Print a word of the terminal's own."""
        self.print(turn.below(self._canvas, words, self.columns, style))

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

    def unfold(self) -> None:
        """Print the last folded output in full; again: the one before it."""
        if not self._folded:
            self.note("Nothing is folded.")
            return
        self._unfolded = self._unfolded % len(self._folded) + 1
        label, full = self._folded[-self._unfolded]
        self.print(f"\n{indented(label, f'{self._canvas.glyphs.bullet} ')}{full}")

    def keep(self, label: str, shown: tools.Shown) -> None:
        """Print something and remember its folded part for Ctrl-O."""
        self.print(shown.text)
        if shown.full:
            self._folded.append((one_line(label), shown.full))
            self._unfolded = 0

    def toggle_todos(self) -> None:
        """Show or hide the todo list while something runs; else print it."""
        if self.live.busy and any(todo.status != "completed" for todo in self.live.todos):
            self.live.show_todos = not self.live.show_todos
            self._touch()
        else:
            self.print("\n" + todos.draw(self._canvas, self.live.todos, self.columns))

    def take_up(self, state: State) -> None:
        """Show where a conversation stands that was not begun here."""
        self.live.todos = state.todos
        self.status.cost = state.usage.cost
        for message in reversed(state.transcript):
            if isinstance(message, AssistantMessage) and message.usage.input:
                self.status.used = message.usage.input + message.usage.output
                break
        self.recap(state.transcript)

    def recap(self, transcript: Sequence[Message], last: int = 12) -> None:
        """Print the end of an earlier conversation: what was said, not what the tools answered."""
        for message in transcript[-last:]:
            if isinstance(message, UserMessage) and message.origin == "user" and message.text.strip():
                self.print(turn.prompt(self._canvas, message.text, self.columns))
            elif isinstance(message, AssistantMessage):
                self.markdown(message.text)
                for call in message.tool_calls:
                    line = tools.header(self._canvas, call.name, "")
                    self.print("\n" + self._canvas.draw(line, width=self.columns))

    async def on_event(self, event: Event) -> None:
        """Show an event; a fault in showing it must not stop the agent."""
        try:
            self._show(event)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong here, the turn goes on
            self._stage.print(f"  (not shown: {event.type}: {one_line(repr(error))})\n")

    async def tick(self) -> None:
        """Draw the live region for as long as something moves in it."""
        while True:
            if not self.live.busy:
                await self._dirty.wait()
            else:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._dirty.wait(), BLINK)
            self._dirty.clear()
            self._print_blocks(self.live.blocks.finished())
            self.live.changed()
            self._stage.redraw()
            await asyncio.sleep(FRAME)

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
                if self.live.thoughts:
                    self._finish_thoughts()
                self.live.blocks.feed(event.text)
                self.live.hear("Writing")
                self._dirty.set()
            case ThinkingDelta():
                if not self.live.thoughts:
                    self._thought = ("", self.live.clock())
                self.live.thoughts += event.text
                self.live.hear("Thinking")
            case CallDelta():
                self._finish_text()
                self.live.hear(f"Calling {one_line(event.name, 40)}")
            case StepStarted():
                self._text_shown = False
                self.live.hear("Waiting for the model")
            case StepEnded():
                pass
            case Retrying():
                self._retry(event)
            case _:
                assert_never(event)

    def _call(self, event: _Call) -> None:
        match event:
            case ToolStarted():
                self._finish_text()
                self._started[event.call_id] = event
                self.live.running[event.call_id] = self._running(event.call_id)
                self.live.hear("Working")
            case ToolProgress():
                running = self.live.running.setdefault(event.call_id, self._running(event.call_id))
                running.output = (running.output + event.text)[-OUTPUT:]
                self.live.hear("Working")
            case ToolFinished():
                self._finished[event.call_id] = (event, self._started.pop(event.call_id, None))
            case TodosSet():
                self.live.todos = event.todos
            case PermissionDecided():
                pass
            case _:
                assert_never(event)

    def _running(self, call_id: str) -> Running:
        """Return a call for the live region, without its header where that stands above already."""
        started = self._started.get(call_id)
        if started is None or self.announced == call_id:
            return Running("", "", self.live.clock())
        return Running(started.name, started.title, self.live.clock())

    def _around(self, event: _Around) -> None:
        match event:
            case TurnStarted():
                pass
            case TurnEnded():
                self._finish_text()
                self.print(turn.ended(self._canvas, event, self.columns))
            case Notice():
                self.print(turn.notice(self._canvas, event, self.columns))
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
                self.print(turn.compacted(self._canvas, event, self.columns))
            case ContextTrimmed():
                self.print(turn.trimmed(self._canvas, event, self.columns))
            case Uncompacted():
                self.note("The last summary was taken back; the messages before it are in view again.")
            case Undone():
                self.note("The conversation was taken back to an earlier point.")
            case Cleared():
                self.status.used = 0
                self.live.todos = ()
            case ModelChanged():
                self.status.model, self.status.window = safe(event.model), event.window
            case ModeChanged():
                self.status.mode = event.mode
            case PromptSet():
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
                if message.usage.cost is not None:
                    self.status.cost = (self.status.cost or 0.0) + message.usage.cost
            case ToolMessage():
                self._tool_result(message)

    def _user(self, message: UserMessage) -> None:
        if message.origin != "user":
            return
        if self._expected:
            self._expected -= 1
            return
        if message.text in self.queued:
            self.queued.remove(message.text)
            self.show_queue(self.queued)
        self.print(turn.prompt(self._canvas, message.text, self.columns))

    def _tool_result(self, message: ToolMessage) -> None:
        found = self._finished.pop(message.call_id, None)
        self.live.running.pop(message.call_id, None)
        if found is None:
            return
        event, started = found
        kind = started.kind if started else "other"
        if event.name == "TodoWrite" and event.status == "completed":
            self._todo_result()
        else:
            if self.announced == message.call_id:
                shown = tools.result(self._canvas, event, kind, message.text, self.columns, brief=True)
            else:
                shown = tools.finished(self._canvas, event, kind, message.text, self.columns)
            self.keep(event.title or event.name, shown)
        self.said = True

    def _todo_result(self) -> None:
        """Print a new list whole, a known one as a line."""
        items = self.live.todos
        names = tuple(todo.content for todo in items)
        done = sum(todo.status == "completed" for todo in items)
        line = tools.header(self._canvas, "Todo list", f"{done} of {len(items)} done", colour="green")
        text = "\n" + self._canvas.draw(line, width=self.columns)
        if names != self._todos_named or done == len(items):
            text += todos.draw(self._canvas, items, self.columns)
        self._todos_named = names
        self.print(text)

    def _retry(self, event: Retrying) -> None:
        self.live.blocks = type(self.live.blocks)()
        self.live.thoughts = ""
        if event.attempt == 1 or self._text_shown:
            self.print(turn.retrying(self._canvas, event, self.columns, shown=self._text_shown))
        self._text_shown = False
        wait = f" in {event.delay:.0f}s" if event.delay >= 1 else ""
        self.live.hear(f"Trying again{wait}, {event.attempt} of {event.attempts}")

    def _of_sub_agent(self, event: Event) -> None:
        if isinstance(event, ToolStarted):
            self.live.agents[event.agent] = one_line(event.title, 120)
        elif isinstance(event, AgentStarted | AgentFinished):
            self._around(event)
        elif isinstance(event, Notice):
            self.print(turn.notice(self._canvas, event, self.columns))
        elif isinstance(event, ThinkingDelta | TextDelta):
            self.live.heard = self.live.clock()

    def _print_blocks(self, blocks: Sequence[answer.Block]) -> None:
        for piece in blocks:
            self.print(answer.block(self._canvas, piece, self.columns))
            self._text_shown = self.said = True

    def _finish_text(self) -> None:
        self._print_blocks(self.live.blocks.close())
        self._finish_thoughts()

    def _finish_thoughts(self) -> None:
        text, since = self.live.thoughts, self._thought[1]
        self.live.thoughts = ""
        if not text.strip():
            return
        seconds = self.live.clock() - since
        full = answer.thoughts(self._canvas, text, self.columns)
        self._folded.append((f"Thought for {seconds:.0f}s", full))
        self._unfolded = 0
        if seconds >= WORTH_SAYING:
            self.print(answer.thinking(self._canvas, seconds, self.columns))
