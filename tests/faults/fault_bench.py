"""kcode's whole agent against a server that misbehaves, and that refuses what Moonshot's refuse."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from kcode.app.conversation import Conversation
from kcode.app.start import open_conversation
from kcode.config.options import Options
from kcode.engine.ports import Clock
from kcode.providers import catalog
from kcode.providers.dialect import Dialect, choose, target
from kcode.providers.openai_chat import OpenAIChat
from kcode.providers.reading import Patience
from kcode.providers.scripted_http import Pace
from kcode.providers.scripted_rules import refusal
from kcode.providers.scripted_server import ScriptedServer
from kcode.providers.scripted_wire import Wire, WireStep
from kcode.types.connection import Connection
from kcode.types.events import Event, MessageAdded, Notice, Retrying, TextDelta, ThinkingDelta, TurnEnded
from kcode.types.frontend import Decision, PermissionRequest
from kcode.types.messages import AssistantMessage, ToolCall, ToolMessage
from kcode.types.questions import Question

MOONSHOT = "https://api.moonshot.ai/v1"
Rules = Callable[[bytes], str]


def sse(*payloads: object, done: bool = True, end: str = "clean") -> Wire:
    """Write payloads as server-sent events; texts are sent as they are, numbers are pauses in seconds."""
    pieces: list[bytes | float] = []
    for payload in payloads:
        if isinstance(payload, int | float):
            pieces.append(float(payload))
        else:
            text = payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
            pieces.append(f"data: {text}\n\n".encode())
    if done:
        pieces.append(b"data: [DONE]\n\n")
    return Wire(pieces, end=end)  # pyright: ignore[reportArgumentType] - a word of the literal


def chunk(finish: str | None = None, /, **delta: Any) -> dict[str, Any]:
    """One piece of a response."""
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def other_choice(finish: str | None = None, /, **delta: Any) -> dict[str, Any]:
    """A piece of a second response, which nobody asked for."""
    return {"choices": [{"index": 1, "delta": delta, "finish_reason": finish}]}


def tool_delta(name: str | None = None, arguments: Any = "", **more: Any) -> dict[str, Any]:
    """A piece of one call."""
    function = {"arguments": arguments} if name is None else {"name": name, "arguments": arguments}
    entry: dict[str, Any] = {"index": 0, "function": function} | more
    return chunk(None, tool_calls=[entry])


def usage(**fields: Any) -> dict[str, Any]:
    """The counts as a last event without choices."""
    return {"choices": [], "usage": fields}


def wired(name: str, arguments: Mapping[str, Any] | str, *, finish: str | None = "tool_calls") -> Wire:
    """A response that calls one tool, with its arguments as they are given."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return sse(tool_delta(name, text, id="call_x"), chunk(finish))


def said(text: str, *, finish: str | None = "stop", key: str = "content") -> Wire:
    """A response of words."""
    return sse(chunk(None, **{key: text}), chunk(finish))


def refuses(status: int, message: str = "", kind: str = "invalid_request_error", **headers: str) -> Wire:
    """An HTTP error in Moonshot's form."""
    body = json.dumps({"error": {"message": message, "type": kind}})
    return Wire([body.encode()], status, {"content-type": "application/json"} | headers)


@dataclass
class Talk:
    """One conversation, and everything that happened in it."""

    conversation: Conversation
    server: ScriptedServer
    folder: Path
    events: list[Event]
    refused: list[str]
    waits: list[float]
    asked: list[Question]

    async def say(self, text: str = "go") -> TurnEnded:
        return await self.conversation.prompt(text)

    def of(self, kind: type[Any]) -> list[Any]:
        return [e for e in self.events if isinstance(e, kind)]

    @property
    def answers(self) -> list[AssistantMessage]:
        return [e.message for e in self.of(MessageAdded) if isinstance(e.message, AssistantMessage)]

    @property
    def results(self) -> list[ToolMessage]:
        return [e.message for e in self.of(MessageAdded) if isinstance(e.message, ToolMessage)]

    @property
    def retries(self) -> list[str]:
        return [e.kind for e in self.of(Retrying)]

    @property
    def notices(self) -> str:
        return "\n".join(e.text for e in self.of(Notice))

    @property
    def repairs(self) -> Mapping[str, int]:
        counted = self.conversation.cost()["repairs"]
        assert isinstance(counted, dict)
        return {k: v for k, v in counted.items() if isinstance(v, int)}

    @property
    def shown(self) -> str:
        return "".join(e.text for e in self.of(TextDelta))

    @property
    def thought(self) -> str:
        return "".join(e.text for e in self.of(ThinkingDelta))

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [r.json() for r in self.server.stats.requests if r.path.endswith("/chat/completions")]

    def cost(self, of: str = "turn") -> Mapping[str, Any]:
        found = self.conversation.cost()[of]
        assert isinstance(found, dict)
        return found

    def calls(self, of: str = "") -> list[ToolCall]:
        return [c for m in self.answers for c in m.tool_calls if not of or c.name == of]

    def file(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")


class Person:
    """Allows everything, answers questions from a list, and keeps what happened."""

    def __init__(self, answers: Sequence[str | None] = ()) -> None:
        self.events: list[Event] = []
        self.asked: list[Question] = []
        self._answers = list(answers)

    async def on_event(self, event: Event) -> None:
        self.events.append(event)

    async def decide(self, request: PermissionRequest) -> Decision:
        return Decision("allow_once", source="user")

    async def ask(self, question: Question) -> str | None:
        self.asked.append(question)
        return self._answers.pop(0) if self._answers else None


@dataclass
class Setup:
    """How a conversation is set up; every field has what most tests want."""

    model: str = "kimi-k3"
    base_url: str = MOONSHOT
    window: int = 0
    patience: Patience = field(default_factory=lambda: Patience(first=20, between=20))
    dialect: Dialect | None = None
    strict: bool = True
    answers: Sequence[str | None] = ()
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    monotonic: Callable[[], float] | None = None
    sleep: Callable[[float], Awaitable[None]] | None = None
    pace: Pace | None = None


class Faults:
    """Opens conversations in one folder and one home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @asynccontextmanager
    async def __call__(self, *steps: WireStep, expect: int = 0, **setup: Any) -> AsyncGenerator[Talk, None]:
        """Serve the steps; `expect` is how many requests the server may refuse by its own rules."""
        async with self.over(steps, expect=expect, **setup) as talk:
            yield talk

    @asynccontextmanager
    async def over(
        self, steps: Iterable[WireStep], *, expect: int = 0, **setup: Any
    ) -> AsyncGenerator[Talk, None]:
        """Serve any number of steps."""
        how = Setup(**setup)
        refused: list[str] = []
        waits: list[float] = []

        def rules(body: bytes) -> str:
            words = refusal(body, window=how.window)
            if words:
                refused.append(words)
            return words

        async def sleep(seconds: float) -> None:
            waits.append(seconds)
            if how.sleep:
                await how.sleep(seconds)

        person = Person(how.answers)
        clock = Clock(sleep, how.monotonic) if how.monotonic else Clock(sleep)
        async with ScriptedServer(
            steps, model=how.model, rules=rules if how.strict else None, pace=how.pace
        ) as server:
            model = self._model(server, how)
            plain = Options(cwd=self.folder, settings=json.dumps(how.settings), persist=False)
            options = replace(plain, **how.options)
            conversation = await open_conversation(options, person, model=model, clock=clock)
            try:
                yield Talk(conversation, server, self.folder, person.events, refused, waits, person.asked)
            finally:
                await conversation.close()
        assert len(refused) <= expect, refused
        assert_legal([e.message for e in person.events if isinstance(e, MessageAdded) and e.agent == "main"])

    def _model(self, server: ScriptedServer, how: Setup) -> OpenAIChat:
        info = catalog.lookup(how.model, how.base_url)
        if how.window:
            info = replace(info, window=how.window, max_output=min(info.max_output, how.window // 4))
        where = target(Connection(how.base_url, model=how.model))
        connection = Connection(server.base_url, "sk-test", how.model, source="MOONSHOT_API_KEY")
        return OpenAIChat(connection, info, how.dialect or choose(where), patience=how.patience)


@pytest.fixture
def faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Faults:
    folder, home = tmp_path / "work", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    for name in ("KCODE_BASE_URL", "KCODE_API_KEY", "KCODE_MODEL", "MOONSHOT_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("KCODE_HOME", str(home / ".kcode"))
    return Faults(folder)


def assert_legal(messages: Iterable[object]) -> None:
    """Check that each response's calls are answered once, in order, directly after it."""
    waiting: list[str] = []
    for message in messages:
        if isinstance(message, ToolMessage):
            assert waiting, f"a result without its call: {message.call_id}"
            assert message.call_id == waiting.pop(0)
        else:
            assert not waiting, f"calls without results: {waiting}"
            waiting = [c.id for c in message.tool_calls] if isinstance(message, AssistantMessage) else []
    assert not waiting


async def until(condition: Callable[[], object], seconds: float = 10) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)
