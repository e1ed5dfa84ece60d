"""A conversation without a model: what is prompted chooses what happens. Run as a script it fills a terminal."""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

DIFF = """--- a/app.py
+++ b/app.py
@@ -8,4 +8,5 @@
 def main():
-    print("hello")
+    name = "world"
+    print(f"hello {name}")
     return 0
"""
MARKDOWN = """# A heading

Some *words* with `code` and a [link](https://example.org/x).

- one
- two

```python
def f(x):
    return x + 1
```

| a | b |
|---|---|
| 1 | 2 |

The end.
"""


class FakeState:
    """A state that only counts."""

    def __init__(self) -> None:
        from kcode.types.messages import Usage

        self.transcript: list[Any] = []
        self.system = ""
        self.tools: list[Any] = []
        self.todos: tuple[Any, ...] = ()
        self.seen: Mapping[str, Any] = {}
        self.hidden: Mapping[str, str] = {}
        self.reasoning_before = 0
        self.compacted = None
        self.usage = Usage()

    def apply(self, event: object) -> None:
        """Take nothing in."""


class FakeConversation:
    """Emits events as the engine would."""

    def __init__(self, options: Any, frontend: Any) -> None:
        from kcode.config.layers import Loaded
        from kcode.config.schema import Settings
        from kcode.types.connection import Connection
        from kcode.types.model import ModelInfo

        self.frontend = frontend
        self.root: Path = options.cwd
        self.state = FakeState()
        self.model = ModelInfo("fake-k2", window=100_000)
        self.mode: Any = "default"
        self.session_id = "s1"
        self.connection = Connection("http://127.0.0.1/v1")
        line = (
            {"type": "command", "command": os.environ["FAKE_STATUS"]} if "FAKE_STATUS" in os.environ else None
        )
        self.loaded = Loaded(Settings.model_validate({"statusLine": line}), self.root)
        self.steered: list[str] = []
        self.task: asyncio.Task[Any] | None = None
        self.heard: list[str] = []

    @property
    def busy(self) -> bool:
        return self.task is not None

    def cost(self) -> dict[str, Any]:
        return {"usd": 0.05, "api_ms": 1200}

    def commands(self) -> Sequence[Any]:
        from kcode.types.command import Command

        async def run(_context: Any, _arguments: str) -> Any:
            raise NotImplementedError

        names = {
            "help": "List the commands",
            "model": "Choose a model",
            "memory": "Edit memory",
            "exit": "Leave",
        }
        return [Command(name=n, description=d, run=run) for n, d in names.items()]

    def sessions(self) -> Sequence[Any]:
        from kcode.types.command import SessionSummary

        return [
            SessionSummary(
                id=f"id{i}",
                path=self.root,
                cwd="",
                title=f"Talk {i}" + " on and on" * 8,
                updated=time.time(),
                messages=i,
            )
            for i in range(1, 31)
        ]

    async def resume(self, session: str) -> None:
        self.heard.append(session)
        await self.notice(f"resumed {session}")

    async def set_mode(self, mode: Any) -> None:
        from kcode.types.events import ModeChanged

        self.mode = mode
        await self.emit(ModeChanged(mode=mode))

    async def emit(self, event: Any) -> None:
        await self.frontend.on_event(event)

    async def notice(self, text: str) -> None:
        from kcode.types.events import Notice

        await self.emit(Notice(text=text))

    async def say(self, text: str) -> None:
        from kcode.types.events import MessageAdded
        from kcode.types.messages import AssistantMessage, TextPart, Usage

        message = AssistantMessage(
            parts=(TextPart(text=text),), usage=Usage(input=9000, output=100, cost=0.01)
        )
        await self.emit(MessageAdded(message=message))

    async def hear(self, text: str) -> None:
        from kcode.types.events import MessageAdded
        from kcode.types.messages import TextPart, UserMessage

        await self.emit(MessageAdded(message=UserMessage(parts=(TextPart(text=text),))))

    async def prompt(self, text: str, images: Sequence[Any] = ()) -> Any:
        from kcode.types.events import StepStarted, TurnEnded, TurnStarted

        self.heard.append(text)
        await self.emit(TurnStarted())
        await self.hear(text)
        await self.emit(StepStarted(step=1))
        word = (text.split() or [""])[0]
        script: Callable[[], Coroutine[Any, Any, Any]] = getattr(
            self, f"do_{word}", lambda: self.do_echo(text)
        )
        self.task = asyncio.create_task(script())
        try:
            ended = await self.task
        except asyncio.CancelledError:
            await self.say("") if word == "wait" else None
            ended = TurnEnded(stop_reason="cancelled")
        finally:
            self.task = None
        ended = ended or TurnEnded(stop_reason="end_turn")
        await self.emit(ended)
        return ended

    def steer(self, text: str) -> None:
        self.steered.append(text)

    def unsteer(self) -> list[str]:
        taken, self.steered = self.steered, []
        return taken

    def cancel(self) -> None:
        if self.task:
            self.task.cancel()

    async def command(self, line: str) -> Any:
        from kcode.types.command import CommandResult
        from kcode.types.questions import Option, Question

        if line == "/exit":
            return CommandResult(action="exit")
        if line == "/model":
            options = [Option("k2", "the usual one"), Option("k3")]
            answer = await self.frontend.ask(Question("Which model?", options))
            return CommandResult(text=f"Model: **{answer}**")
        if line == "/help":
            return CommandResult(text="# Commands\n\n- `/help`: this")
        return CommandResult(text=f"There is no command {line}.", is_error=True)

    async def shell(self, command: str) -> Any:
        from kcode.types.environment import CommandResult

        process = await asyncio.create_subprocess_shell(command, stdout=asyncio.subprocess.PIPE)
        output, _ = await process.communicate()
        return CommandResult(status=process.returncode, output=output.decode(), cwd=self.root)

    async def sandbox_line(self) -> str:
        await asyncio.sleep(0.01)
        return "partial"

    def git_line(self) -> Awaitable[str]:
        async def line() -> str:
            await asyncio.sleep(0.01)
            return "main*"

        return line()

    async def close(self) -> None:
        self.cancel()

    async def stream(self, text: str, pause: float = 0.0, size: int = 5) -> None:
        from kcode.types.events import TextDelta

        for i in range(0, len(text), size):
            await self.emit(TextDelta(text=text[i : i + size]))
            await asyncio.sleep(pause)

    async def do_echo(self, text: str) -> None:
        await self.stream(f"You said: {text}")
        await self.say(f"You said: {text}")

    async def do_markdown(self) -> None:
        await self.stream(MARKDOWN, 0.01)
        await self.say(MARKDOWN)

    async def do_evil(self) -> None:
        text = "safe\x1b]0;owned\x07 \x1b[2Jtext [bold]not markup[/bold] end"
        await self.stream(text, size=3)
        await self.say(text)

    async def do_burst(self) -> None:
        from kcode.types.events import TextDelta

        began = time.process_time()
        words = (
            "lorem ipsum dolor sit amet, " * 3 + "end.\n\n"
        ) * 1 + "- item `x`\n- other\n\n```py\nx = 1\n```\n\n"
        text = words * (20_000 * 6 // len(words))
        for i in range(0, len(text), 6):
            await self.emit(TextDelta(text=text[i : i + 6]))
            if i % 120 == 0:
                await asyncio.sleep(0)
        await self.say(text)
        await asyncio.sleep(0.2)
        await self.notice(f"burst of {len(text) // 6} chunks took {time.process_time() - began:.2f} CPU s")

    async def do_pace(self) -> None:
        began = time.process_time()
        await self.stream("some words and `code` in a line.\n" * 350, 0.005)
        await self.say("done")
        await self.notice(f"pace took {time.process_time() - began:.2f} CPU s")

    async def do_think(self) -> None:
        from kcode.types.events import ThinkingDelta

        for i in range(30):
            await self.emit(ThinkingDelta(text=f"thought {i} "))
            await asyncio.sleep(0.1)
        await self.do_echo("thought enough")

    async def do_wait(self) -> None:
        await self.stream("Partial answer.\n\nStill open", 0.005)
        await asyncio.sleep(600)

    async def do_silent(self) -> None:
        await asyncio.sleep(600)

    async def do_fail(self) -> Any:
        from kcode.types.events import ErrorInfo, Retrying, TurnEnded

        retry = Retrying(attempt=1, attempts=3, delay=0.1, kind="network", message="connection refused")
        await self.emit(retry)
        await asyncio.sleep(0.1)
        info = ErrorInfo(kind="network", message="Cannot reach the server", transient=True)
        return TurnEnded(stop_reason="error", error=info)

    async def do_steer(self) -> None:
        await self.stream("Working on it. ", 0.01)
        for _ in range(100):
            if self.steered:
                await self.say("Working on it. ")
                for text in self.unsteer():
                    await self.hear(text)
                break
            await asyncio.sleep(0.05)
        await self.do_echo("after steering")

    async def do_tools(self) -> None:
        from kcode.types.events import (
            FileChange,
            FileSeen,
            MessageAdded,
            Todo,
            TodosSet,
            ToolFinished,
            ToolProgress,
            ToolStarted,
        )
        from kcode.types.messages import TextPart, ToolMessage

        async def call(name: str, kind: Any, title: str, output: str, **more: Any) -> None:
            key = f"{name}-{title}"
            await self.emit(ToolStarted(call_id=key, name=name, kind=kind, title=title))
            for line in more.pop("progress", ()):
                await self.emit(ToolProgress(call_id=key, text=line))
                await asyncio.sleep(0.2)
            status = more.pop("status", "completed")
            await self.emit(ToolFinished(call_id=key, name=name, title=title, status=status, **more))
            message = ToolMessage(call_id=key, name=name, parts=(TextPart(text=output),))
            await self.emit(MessageAdded(message=message))

        look = Todo(content="Look", status="completed")
        do = Todo(content="Do", status="in_progress", active_form="Doing it")
        await self.emit(TodosSet(todos=(look, do, Todo(content="Test"))))
        await call("TodoWrite", "other", "Update the todo list", "ok")
        await call(
            "Read", "read", "Read src/app.py", "1\ta\n2\tb", seen=(FileSeen(path="a", sha256="", end=120),)
        )
        await call("Grep", "search", 'Grep "main" in src', "\n".join(f"src/f{i}.py" for i in range(9)))
        lines = [f"test {i} passed\n" for i in range(20)]
        await call("Bash", "execute", "npm test -- --all", "".join(lines), progress=lines[:8])
        change = FileChange(path="app.py", kind="update", added=2, removed=1, diff=DIFF)
        await call("Edit", "edit", "Edit app.py", "ok", changes=(change,))
        await call("Bash", "execute", "false", "exit status 1\nit broke", status="failed")
        await self.do_echo("done with tools")

    async def do_ask(self) -> None:
        await self.permission(
            "Bash", "execute", "rm -rf build", command="rm -rf build\u202e # \x1b[2Kharmless"
        )

    async def do_edit(self) -> None:
        await self.permission("Edit", "edit", "Edit app.py", diff=DIFF)

    async def permission(self, tool: str, kind: Any, title: str, command: str = "", diff: str = "") -> None:
        from kcode.types.frontend import PermissionRequest
        from kcode.types.tool import CommandNeed, Invocation, PathNeed, text_output

        async def run(_context: Any) -> Any:
            return text_output("ran")

        need = CommandNeed(command, self.root) if command else PathNeed("edit", self.root / "app.py")
        invocation = Invocation(
            kind=kind,
            title=title,
            rule="Bash(rm:*)",
            needs=(need,),
            run=run,
            paths=(self.root / "app.py",),
            diff=diff,
        )
        await asyncio.sleep(0.1)
        suggestions = ("Bash(rm build:*)",) if command else ()
        reason = os.environ.get("FAKE_REASON", "no rule allows it")
        request = PermissionRequest("main", "c1", tool, {}, invocation, reason, suggestions)
        decision = await self.frontend.decide(request)
        await self.do_echo(f"decided {decision.outcome} {decision.feedback}".strip())
        if decision.outcome == "cancelled":
            raise asyncio.CancelledError


async def open_fake(options: Any, frontend: Any) -> Any:
    await asyncio.sleep(float(os.environ.get("FAKE_DELAY", "0")))
    if mark := os.environ.get("FAKE_MARK"):
        heavy = ("openai", "git", "tree_sitter", "mcp", "acp", "PIL", "kcode.app")
        present = [name for name in heavy if name in sys.modules]
        await asyncio.to_thread(Path(mark).write_text, " ".join(present) or "none")
    return FakeConversation(options, frontend)


def main() -> int:
    from kcode.config.options import Options
    from kcode.frontends.repl.main import run

    resume = "" if "--resume" in sys.argv else None
    with contextlib.suppress(BrokenPipeError):
        return run(Options(cwd=Path.cwd(), resume=resume), open_fake)
    return 1


if __name__ == "__main__":
    sys.exit(main())
