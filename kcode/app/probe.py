"""Trying an endpoint: one tiny streamed tool call."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from kcode.config.connection import warnings
from kcode.providers.connect import open_model
from kcode.types.connection import Connection
from kcode.types.errors import ConfigError, ModelError
from kcode.types.messages import TextPart, UserMessage
from kcode.types.model import Delta, Request, ToolSpec

TOOL = ToolSpec(
    name="report",
    description="Report that you can call tools.",
    parameters={
        "type": "object",
        "properties": {"status": {"type": "string", "description": "ok"}},
        "required": ["status"],
    },
)


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

    ask = UserMessage(parts=(TextPart(text='Call the tool "report" with status "ok". Write nothing else.'),))
    try:
        model = await open_model(connection, environ=environ)
    except (ModelError, ConfigError) as error:
        return Probe(ok=False, text=str(error), total_ms=_since(began))
    name = model.info.id
    try:
        answer = await model.respond(Request("You are being tested.", [ask], [TOOL], 2_000), note)
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


def _since(began: float) -> int:
    return int((time.monotonic() - began) * 1000)
