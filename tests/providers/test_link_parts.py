"""The parts of the link that have no server behind them: profiles, the gate, other models, the strictest form."""

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcode.providers.dialect import choose, target
from kcode.providers.encode import Encoder
from kcode.providers.fallback import COOL, FallbackModel
from kcode.providers.gate import Gate
from kcode.providers.profile import Profile, departures
from kcode.providers.scripted import ScriptedModel, call, says
from kcode.providers.scripted_rules import refusal
from kcode.providers.strict import strict
from kcode.types.connection import Connection
from kcode.types.errors import ConfigError, ModelError
from kcode.types.messages import AssistantMessage, Message, TextPart, ToolMessage, UserMessage
from kcode.types.model import Delta, Model, ModelInfo, Request

_WHERE = target(Connection("https://api.moonshot.ai/v1", model="kimi-k3"))
_KIMI = choose(_WHERE)
_ASK = Request("", [UserMessage(parts=(TextPart(text="hi"),))], [])


async def _ignore(_: Delta) -> None:
    return


def test_what_was_learnt_is_kept_and_comes_back():
    from dataclasses import replace

    from kcode.providers.dialect import plain

    learnt = replace(
        _KIMI, no_text="null", call_ids=plain, without=frozenset({"thinking"}), most_output=8_000, media=False
    )
    fields = json.loads(json.dumps(departures(learnt, _KIMI)))
    assert Profile(fields).dialect(_KIMI) == learnt
    assert departures(_KIMI, _KIMI) == {}
    assert (
        Profile({}, 100_000).info(ModelInfo("x", window=1_000_000, max_output=131_072)).max_output == 50_000
    )


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["no_text", "call_ids", "without", "media", "most_output", "new"]),
                       st.one_of(st.none(), st.integers(), st.text(), st.lists(st.text()), st.booleans())))  # fmt: skip
def test_a_profile_with_odd_values_does_no_harm(fields: dict[str, object]):
    dialect = Profile(fields).dialect(_KIMI)  # pyright: ignore[reportArgumentType] - odd on purpose
    body = Encoder(ModelInfo("kimi-k3"), dialect, _WHERE).body(_ASK)
    assert json.loads(body)["messages"]


async def test_the_gate_is_open_until_a_refusal_names_how_many_may_run():
    gate, running, most = Gate(), 0, 0

    async def ask(*, fails: bool = False) -> None:
        nonlocal running, most
        async with gate:
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.001)
            running -= 1
            if fails:
                raise ModelError("reached organization max concurrency: 2", kind="rate_limited")

    await asyncio.gather(*(ask() for _ in range(5)))
    assert most == 5
    with pytest.raises(ModelError):
        await ask(fails=True)
    assert gate.limit == 2
    most = 0
    await asyncio.gather(*(ask() for _ in range(9)))
    assert most == 2


async def test_who_stops_waiting_at_the_gate_holds_nobody_up():
    gate = Gate()
    gate.limit = 1

    async def ask() -> str:
        async with gate:
            await asyncio.sleep(0.005)
        return "done"

    tasks = [asyncio.create_task(ask()) for _ in range(6)]
    await asyncio.sleep(0.001)
    for i in (1, 3, 4):
        tasks[i].cancel()
    results = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 2)
    assert [r for r in results if isinstance(r, str)] == ["done"] * 3


def _named(name: str, *steps: AssistantMessage | ModelError) -> ScriptedModel:
    return ScriptedModel(steps, info=ModelInfo(name))


def _opened(model: Model | Exception):
    async def open_() -> Model:
        if isinstance(model, Exception):
            raise model
        return model

    return open_


async def test_the_next_model_is_asked_after_two_failures_and_the_first_again_later():
    told: list[str] = []
    now = 0.0

    async def tell(text: str) -> None:
        told.append(text)

    busy = ModelError("busy.", kind="overloaded")
    first, second = _named("one", busy, busy, says("back")), _named("two", says("other"), says("other"))
    model = FallbackModel(first, {"two": _opened(second)}, tell, now=lambda: now)
    for wait in (None, 0):
        assert model.info.id == "one"
        with pytest.raises(ModelError) as failed:
            await model.respond(_ASK, _ignore)
        assert failed.value.retry_after == wait
    assert model.info.id == "two"
    assert (await model.respond(_ASK, _ignore)).text == "other"
    assert len(told) == 1
    assert "two is asked instead" in told[0]
    now = COOL + 1
    assert (await model.respond(_ASK, _ignore)).text == "back"
    await model.close()


async def test_what_waiting_does_not_mend_is_answered_by_the_next_model_at_once():
    async def tell(_: str) -> None:
        return

    broke = ModelError("no money", kind="quota")
    unusable = ConfigError("unusable")
    others = {"none": _opened(unusable), "two": _opened(_named("two", says("ok")))}
    model = FallbackModel(_named("one", broke), others, tell)
    assert (await model.respond(_ASK, _ignore)).text == "ok"

    alone = FallbackModel(_named("one", broke), {"none": _opened(unusable)}, tell)
    with pytest.raises(ModelError, match="no money"):
        await alone.respond(_ASK, _ignore)
    invalid = _named("one", ModelError("bad", kind="invalid"))
    refused = FallbackModel(invalid, {"two": _opened(_named("two"))}, tell)
    with pytest.raises(ModelError, match="bad"):
        await refused.respond(_ASK, _ignore)


def _user(text: str) -> Message:
    return UserMessage(parts=(TextPart(text=text),))


def _said(text: str, ids: list[str]) -> Message:
    return says(text, *(call("bash", call_id=i, command=i) for i in ids))


def _result(call_id: str) -> Message:
    return ToolMessage(call_id=call_id, name="bash", parts=(TextPart(text="ok"),))


_CALLS = st.sampled_from(["a", "b", "c", "d"])
_MESSAGES = st.lists(
    st.one_of(
        st.builds(_user, st.sampled_from(["", "hi"])),
        st.builds(_said, st.sampled_from(["", "text"]), st.lists(_CALLS, max_size=3)),
        st.builds(_result, _CALLS),
    ),
    max_size=12,
)


@given(_MESSAGES)
def test_the_strictest_form_of_any_conversation_is_taken_by_the_strictest_server(messages: list[Message]):
    ask = UserMessage(parts=(TextPart(text="go on"),))
    body = Encoder(ModelInfo("kimi-k3", thinking=True), _KIMI, _WHERE).body(
        Request("", strict([*messages, ask]), [])
    )
    assert not refusal(body)


def test_a_sound_conversation_is_in_the_strictest_form_already():
    sound: list[Message] = [
        UserMessage(parts=(TextPart(text="hi"),)),
        says("", call("bash", call_id="a", command="ls")),
        ToolMessage(call_id="a", name="bash", parts=(TextPart(text="ok"),)),
        says("Done."),
    ]
    assert all(one is other for one, other in zip(strict(sound), sound, strict=True))
