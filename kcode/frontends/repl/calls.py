"""Tool calls from their start to what came of them."""

from typing import TypeAlias, assert_never

from kcode.frontends.repl.live import Live, Running
from kcode.frontends.repl.render import todos, tools
from kcode.frontends.repl.scroll import Scroll
from kcode.types.events import PermissionDecided, TodosSet, ToolFinished, ToolProgress, ToolStarted
from kcode.types.messages import ToolMessage

OUTPUT = 16_000
"""Characters kept of a running call's output."""

CallEvent: TypeAlias = ToolStarted | ToolProgress | ToolFinished | TodosSet | PermissionDecided


class Calls:
    """Shows the main agent's calls."""

    def __init__(self, scroll: Scroll, live: Live) -> None:
        self._scroll = scroll
        self._live = live
        self._started: dict[str, ToolStarted] = {}
        self._finished: dict[str, tuple[ToolFinished, ToolStarted | None]] = {}
        self._todos_named: tuple[str, ...] = ()

    def show(self, event: CallEvent) -> None:
        """Take in what happens to a call; it is printed once its result comes."""
        match event:
            case ToolStarted():
                self._started[event.call_id] = event
                self._live.running[event.call_id] = self._running(event.call_id)
                self._live.hear("Working")
            case ToolProgress():
                running = self._live.running.setdefault(event.call_id, self._running(event.call_id))
                running.output = (running.output + event.text)[-OUTPUT:]
                self._live.hear("Working")
            case ToolFinished():
                self._finished[event.call_id] = (event, self._started.pop(event.call_id, None))
            case TodosSet():
                self._live.todos = event.todos
            case PermissionDecided():
                pass
            case _:
                assert_never(event)

    def result(self, message: ToolMessage) -> None:
        """Print a call that has ended and what came of it."""
        found = self._finished.pop(message.call_id, None)
        self._live.running.pop(message.call_id, None)
        if found is None:
            return
        event, started = found
        if event.name == "TodoWrite" and event.status == "completed":
            self._todo_result()
            return
        scroll, kind = self._scroll, started.kind if started else "other"
        if scroll.announced == message.call_id:
            shown = tools.result(scroll.canvas, event, kind, message.text, scroll.columns, brief=True)
        else:
            shown = tools.finished(scroll.canvas, event, kind, message.text, scroll.columns)
        scroll.keep(event.title or event.name, shown)

    def _running(self, call_id: str) -> Running:
        """Return a call for the live region, without its header where that stands above already."""
        started = self._started.get(call_id)
        if started is None or self._scroll.announced == call_id:
            return Running("", "", self._live.clock())
        return Running(started.name, started.title, self._live.clock())

    def _todo_result(self) -> None:
        """Print a new list whole, a known one as a line."""
        scroll, items = self._scroll, self._live.todos
        names = tuple(todo.content for todo in items)
        done = sum(todo.status == "completed" for todo in items)
        line = tools.header(scroll.canvas, "Todo list", f"{done} of {len(items)} done", colour="green")
        text = "\n" + scroll.canvas.draw(line, width=scroll.columns)
        if names != self._todos_named or done == len(items):
            text += todos.draw(scroll.canvas, items, scroll.columns)
        self._todos_named = names
        scroll.print(text)
