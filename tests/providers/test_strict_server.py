"""The strict server refuses what Moonshot's do, and takes what the Kimi dialects send."""

import json
from functools import partial
from typing import Any

import pytest

from kcode.providers.dialect import choose, target
from kcode.providers.encode import Encoder
from kcode.providers.openai_chat import OpenAIChat
from kcode.providers.scripted import call, says
from kcode.providers.scripted_rules import refusal
from kcode.providers.scripted_server import ScriptedServer
from kcode.types.connection import Connection
from kcode.types.errors import ModelError
from kcode.types.messages import (
    AssistantMessage,
    ImagePart,
    Message,
    TextPart,
    ThinkingPart,
    ToolMessage,
    UserMessage,
)
from kcode.types.model import Delta, ModelInfo, Request, ToolSpec

_CALL = {"id": "a", "type": "function", "function": {"name": "bash", "arguments": "{}"}}
_ACTS = {"role": "assistant", "reasoning_content": "", "tool_calls": [_CALL]}
_RESULT = {"role": "tool", "tool_call_id": "a", "content": "ok"}
_USER = {"role": "user", "content": "hi"}


def _words(*messages: dict[str, Any], **fields: Any) -> str:
    return refusal(
        json.dumps({"model": "kimi-k3", "messages": list(messages), **fields}).encode(), window=100_000
    )


def _tool(name: str, **schema: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object", **schema}}}


def test_a_sound_request_is_taken():
    tools = [_tool("bash", properties={"a": {"type": "string"}}), _tool("read", properties={})]
    assert not _words(_USER, _ACTS, _RESULT, _USER, tools=tools, max_completion_tokens=1000)


@pytest.mark.parametrize(
    ("words", "messages", "fields"),
    [
        ("invalid temperature", [_USER], {"temperature": 0.2}),
        ("invalid thinking", [_USER], {"thinking": {"type": "enabled"}}),
        ("must not be empty", [{"role": "assistant", "content": ""}], {}),
        ("text content is empty", [{"role": "user", "content": [{"type": "text", "text": ""}]}], {}),
        ("tool_call_id a is not found", [_USER, _RESULT], {}),
        ("did not have response messages: a", [_USER, _ACTS, _USER], {}),
        ("did not have response messages: a", [_USER, _ACTS], {}),
        ("is used twice", [_ACTS, _RESULT, _ACTS, _RESULT], {}),
        ("reasoning_content is missing", [{"role": "assistant", "tool_calls": [_CALL]}, _RESULT], {}),
        ("is duplicated", [_USER], {"tools": [_tool("bash"), _tool("bash")]}),
        ("is invalid", [_USER], {"tools": [_tool("ls")]}),
        ("type is not defined", [_USER], {"tools": [_tool("bash", properties={"a": {}})]}),
        ("not supported", [_USER], {"tools": [_tool("bash", title="Bash")]}),
        ("too large", [_USER], {"tools": [_tool("bash", description="x" * 16_000)]}),
        ("token limit", [_USER], {"max_completion_tokens": 200_000}),
        ("exceeds limit", [{"role": "user", "content": "x" * 2_100_000}], {}),
    ],
)
def test_what_moonshot_refuses_is_refused(words: str, messages: list[dict[str, Any]], fields: dict[str, Any]):
    assert words in _words(*messages, **fields)


def _conversation() -> list[Message]:
    picture = ImagePart(media_type="image/png", data="aGk=")
    broken = says("", call("bash", call_id="x:0", command="ls"), call("read", call_id="x:1", path="a"))
    cut = broken.model_copy(
        update={"parts": (*broken.parts[:1], broken.parts[1].model_copy(update={"arguments": '{"a'}))}
    )
    return [
        UserMessage(parts=(TextPart(text="look"), TextPart(text=""), picture)),
        cut,
        ToolMessage(call_id="x:0", name="bash", parts=(TextPart(text=""),)),
        ToolMessage(call_id="x:1", name="read", parts=(picture,)),
        AssistantMessage(parts=(ThinkingPart(text="nothing to say", key="reasoning"),)),
        UserMessage(parts=(TextPart(text=""),)),
        says("done", thinking="ok"),
        UserMessage(parts=(TextPart(text="next"),)),
    ]


_LOOSE = ToolSpec(
    name="bash",
    description="Runs.",
    parameters={
        "title": "Bash",
        "properties": {"any": {}, "maybe": {"type": ["string", "null"], "format": "uri"}},
    },
)


@pytest.mark.parametrize(
    "model", ["kimi-k2.6", "kimi-k2.7-code", "kimi-k3", "kimi-k3.1-pro", "kimi-k2-0905-preview"]
)
@pytest.mark.parametrize("host", ["https://api.moonshot.ai/v1", "https://api.fireworks.ai/v1"])
def test_whatever_is_in_a_conversation_what_is_sent_is_taken(host: str, model: str):
    where = target(Connection(host, model=model))
    info = ModelInfo(model, window=200_000, images=True, thinking="0905" not in model)
    body = Encoder(info, choose(where), where, "session").body(Request("s", _conversation(), (_LOOSE,)))
    assert not refusal(body, window=200_000)


async def test_the_server_answers_a_refusal_and_keeps_its_step():
    async with ScriptedServer([says("fine")], rules=partial(refusal, window=5_000)) as server:
        model = OpenAIChat(
            Connection(server.base_url, "sk"), ModelInfo("kimi-k3", window=1_000_000, thinking=True)
        )

        async def ignore(_: Delta) -> None:
            return

        def ask(text: str) -> Request:
            return Request("", (UserMessage(parts=(TextPart(text=text),)),), (), 1_000)

        with pytest.raises(ModelError) as caught:
            await model.respond(ask("word " * 10_000), ignore)
        assert (caught.value.kind, caught.value.window) == ("context_overflow", 5_000)
        assert (await model.respond(ask("hi"), ignore)).text == "fine"
        await model.close()
