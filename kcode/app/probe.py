"""Trying an endpoint: one tiny streamed tool call, and with `examine` whatever a conversation needs."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pydantic import JsonValue

from kcode.app.profiles import Profiles
from kcode.config.connection import warnings
from kcode.providers import catalog
from kcode.providers.connect import open_model
from kcode.providers.openai_chat import Hooks, OpenAIChat
from kcode.providers.profile import Profile
from kcode.types.connection import Connection
from kcode.types.errors import ConfigError, ModelError
from kcode.types.messages import (
    AssistantMessage,
    Message,
    TextPart,
    ThinkingPart,
    ToolMessage,
    UserMessage,
)
from kcode.types.model import Delta, JsonObject, Request, ToolSpec

TOOL = ToolSpec(
    name="report",
    description="Report that you can call tools.",
    parameters={
        "type": "object",
        "properties": {"status": {"type": "string", "description": "ok"}},
        "required": ["status"],
    },
)


_ASK = UserMessage(parts=(TextPart(text='Call the tool "report" with status "ok". Write nothing else.'),))
_OK = TextPart(text="Reported. Now answer with the word: done.")


@dataclass(frozen=True, slots=True)
class Probe:
    """How an endpoint answered; times in milliseconds from the start of the request."""

    ok: bool
    text: str
    model: str = ""
    first_ms: int = 0
    total_ms: int = 0


async def probe(connection: Connection, environ: Mapping[str, str]) -> Probe:
    """Ask for one tool call and say in words what came back."""
    began = time.monotonic()
    first = 0

    async def note(_: Delta) -> None:
        nonlocal first
        first = first or _since(began)

    try:
        model = await open_model(connection, environ=environ)
    except (ModelError, ConfigError) as error:
        return Probe(ok=False, text=str(error), total_ms=_since(began))
    name = model.info.id
    try:
        answer = await model.respond(Request("You are being tested.", [_ASK], [TOOL], 2_000), note)
    except ModelError as error:
        return Probe(ok=False, text=str(error), model=name, total_ms=_since(began))
    finally:
        await model.close()
    called = any(call.name == TOOL.name for call in answer.tool_calls)
    words = (
        "answers, streams and calls tools"
        if called
        else "answers, but wrote text instead of calling the tool"
    )
    cautions = " ".join(warnings(connection))
    return Probe(called, f"{words}. {cautions}".strip(), name, first or _since(began), _since(began))


@dataclass(frozen=True, slots=True)
class Examined:
    """What an endpoint can do, and how it wants to be spoken to.

    Attributes:
        ok: whether kcode can work with it.
        text: that in words.
        listed: how many models it offers, None where it lists none.
        window: in tokens, as the endpoint or what is known of the model says.
        reasoning_key: the field in which thinking came, empty if none came.
        counts_tokens: whether it said how many tokens were used.
        takes_history: whether it took a conversation with a call and its result.
        learnt: in what it departs from its dialect.
    """

    ok: bool
    text: str
    base_url: str
    model: str = ""
    dialect: str = ""
    listed: int | None = None
    window: int = 0
    calls_tools: bool = False
    reasoning_key: str = ""
    counts_tokens: bool = False
    takes_history: bool = False
    learnt: JsonObject = field(default_factory=dict[str, JsonValue])
    first_ms: int = 0
    total_ms: int = 0


async def examine(connection: Connection, environ: Mapping[str, str], profiles: Profiles) -> Examined:
    """Ask an endpoint for its models and for two responses, and keep what that teaches."""
    try:
        model = await open_model(connection, environ=environ)
    except (ModelError, ConfigError) as error:
        return Examined(ok=False, text=str(error), base_url=connection.base_url)
    try:
        return await _Examination(model, connection, profiles).run()
    finally:
        await model.close()


class _Examination:
    def __init__(self, model: OpenAIChat, connection: Connection, profiles: Profiles) -> None:
        self._model = model
        self._connection = connection
        self._profiles = profiles
        self._learnt: JsonObject = {}
        self._began = time.monotonic()
        self._first = 0
        model.hooks = Hooks(lambda fields, _: self._learnt.update(fields))

    async def run(self) -> Examined:
        model, connection = self._model, self._connection
        try:
            rows: Sequence[Mapping[str, object]] | None = await model.models()
        except ModelError:
            rows = None
        row = next((r for r in rows or () if r.get("id") == model.info.id), None)
        if row is not None:
            model.become(catalog.listed(row, connection.base_url))
        found = Examined(
            ok=False,
            text="",
            base_url=connection.base_url,
            model=model.info.id,
            dialect=model.dialect.name,
            listed=None if rows is None else len(rows),
            window=connection.window or model.info.window,
        )
        try:
            found = await self._talk(found)
        except ModelError as error:
            found = replace(found, text=str(error))
        found = replace(found, learnt=self._learnt, first_ms=self._first, total_ms=_since(self._began))
        if found.counts_tokens or found.ok or self._learnt:
            window = model.info.window if row is not None else 0
            self._profiles.keep(connection.base_url, model.info.id, Profile(self._learnt, window))
        return found

    async def _talk(self, found: Examined) -> Examined:
        answer = await self._ask(_ASK)
        called = any(call.name == TOOL.name for call in answer.tool_calls)
        thinking = next((p for p in answer.parts if isinstance(p, ThinkingPart)), None)
        found = replace(
            found,
            calls_tools=called,
            reasoning_key=thinking.key if thinking else "",
            counts_tokens=not answer.usage.estimated,
            text="It answers, but wrote text instead of calling the tool.",
        )
        if not called:
            return found
        results = [ToolMessage(call_id=c.id, name=c.name, parts=(_OK,)) for c in answer.tool_calls]
        await self._ask(_ASK, answer, *results)
        return replace(
            found, ok=True, takes_history=True, text="It answers, streams, calls tools and takes results."
        )

    async def _ask(self, *messages: Message) -> AssistantMessage:
        async def note(_: Delta) -> None:
            self._first = self._first or _since(self._began)

        return await self._model.respond(Request("You are being tested.", messages, [TOOL], 2_000), note)


def _since(began: float) -> int:
    return int((time.monotonic() - began) * 1000)
