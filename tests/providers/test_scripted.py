"""The scripted model plays its steps in order and keeps what it was asked."""

import json

import pytest

from kcode.providers.scripted import ScriptedModel, call, says
from kcode.types.errors import ModelError
from kcode.types.messages import AssistantMessage, TextPart, UserMessage
from kcode.types.model import Delta, Request


def _request(text: str = "hello") -> Request:
    return Request("be brief", [UserMessage(parts=(TextPart(text=text),))], ())


async def _ask(model: ScriptedModel, request: Request) -> tuple[AssistantMessage, list[Delta]]:
    seen: list[Delta] = []

    async def keep(delta: Delta) -> None:
        seen.append(delta)

    return await model.respond(request, keep), seen


async def test_it_streams_what_it_returns():
    model = ScriptedModel([says("all done", call("bash", command="ls"), thinking="hm")], piece=3)
    message, seen = await _ask(model, _request())
    assert "".join(d.text for d in seen) == message.text == "all done"
    assert "".join(d.thinking for d in seen) == message.thinking == "hm"
    assert [d.call for d in seen if d.call] == ["bash"]
    assert message.finish == "tool_calls"
    assert json.loads(message.tool_calls[0].arguments) == {"command": "ls"}


async def test_calls_without_an_id_get_one_that_is_unique_in_the_script():
    step = says("", call("bash", command="ls"), call("bash", command="pwd"), call("read", call_id="mine"))
    model = ScriptedModel([step, step])
    first, _ = await _ask(model, _request())
    second, _ = await _ask(model, _request())
    ids = [c.id for m in (first, second) for c in m.tool_calls]
    assert ids[2] == ids[5] == "mine"
    assert len(set(ids)) == 5


async def test_a_step_may_read_the_request():
    async def slowly(request: Request) -> AssistantMessage:
        return says(f"slowly: {request.system}")

    model = ScriptedModel([lambda r: says(f"{len(r.messages)} messages"), slowly])
    assert (await _ask(model, _request()))[0].text == "1 messages"
    assert (await _ask(model, _request()))[0].text == "slowly: be brief"


async def test_failures_are_raised_and_the_script_goes_on_after_them():
    model = ScriptedModel([ModelError("slow down", kind="rate_limited"), says("fine")])
    with pytest.raises(ModelError, match="slow down"):
        await _ask(model, _request())
    assert (await _ask(model, _request()))[0].text == "fine"
    with pytest.raises(ModelError, match="script has ended") as caught:
        await _ask(model, _request())
    assert not caught.value.transient


async def test_requests_are_kept_as_they_were_when_they_were_made():
    model = ScriptedModel([says("a"), says("b")])
    messages = [UserMessage(parts=(TextPart(text="one"),))]
    await _ask(model, Request("s", messages, ()))
    messages.append(UserMessage(parts=(TextPart(text="two"),)))
    await _ask(model, Request("s", messages, ()))
    assert [len(r.messages) for r in model.requests] == [1, 2]
