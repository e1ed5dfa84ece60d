"""Another model in the middle of a conversation: one to fall back to, one that is switched to, another effort."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from app_bench import Person

from kcode.app.conversation import Conversation
from kcode.app.start import open_conversation
from kcode.cli import UsageError, _options, _parser
from kcode.config.options import Options
from kcode.engine.ports import Clock
from kcode.providers.scripted import says
from kcode.providers.scripted_server import ScriptedServer
from kcode.providers.scripted_wire import Wire

QUOTA = Wire([b'{"error": {"message": "Your credit is used up", "type": "insufficient_quota"}}'], 429)
BUSY = Wire([b'{"error": {"message": "The engine is currently overloaded"}}'], 429)


@pytest.fixture
def person() -> Person:
    return Person()


@asynccontextmanager
async def conversing(
    root: Path, person: Person, monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str], **options: Any
) -> AsyncGenerator[Conversation, None]:
    for name in (
        "KCODE_BASE_URL",
        "KCODE_API_KEY",
        "KCODE_MODEL",
        "MOONSHOT_API_KEY",
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
    ):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    async def sleep(_: float) -> None:
        return

    conversation = await open_conversation(
        Options(cwd=root, persist=False, **options), person, clock=Clock(sleep)
    )
    try:
        yield conversation
    finally:
        await conversation.close()


def thinking(text: str, key: str) -> Wire:
    """A response that thinks under a key of its vendor's and calls a tool."""
    said = f'{{"choices": [{{"index": 0, "delta": {{"{key}": "{text}"}}}}]}}'
    asked = (
        '{"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "id": "bash_0", "function": '
        '{"name": "Bash", "arguments": "{\\"command\\": \\"echo hi\\"}"}}]}, "finish_reason": "tool_calls"}]}'
    )
    return Wire([f"data: {said}\n\ndata: {asked}\n\ndata: [DONE]\n\n".encode()])


def two_vendors(one: ScriptedServer, other: ScriptedServer) -> dict[str, str]:
    """Kimi at the first server, and another vendor at the second."""
    return {
        "KCODE_BASE_URL": one.base_url,
        "KCODE_API_KEY": "sk-one",
        "OPENAI_BASE_URL": other.base_url,
        "OPENAI_API_KEY": "sk-other",
    }


async def test_a_vendor_to_fall_back_to_is_asked_with_its_own_key_and_in_its_own_spelling(
    root: Path, person: Person, monkeypatch: pytest.MonkeyPatch
):
    first = [thinking("plan", "reasoning"), QUOTA, says("never asked")]
    second = [thinking("more", "reasoning_content"), says("done"), says("still here")]
    async with ScriptedServer(first) as one, ScriptedServer(second) as other:
        variables = two_vendors(one, other)
        names = ("openai:gpt-other",)
        async with conversing(
            root, person, monkeypatch, variables, model="kimi-k3", fallback_models=names
        ) as talk:
            assert (await talk.prompt("go")).stop_reason == "end_turn"
            assert talk.model.id == "gpt-other"
            assert (await talk.prompt("and now?")).stop_reason == "end_turn"
        chats, answered = one.requests, other.requests
    assert [r.headers["authorization"] for r in chats] == ["Bearer sk-one"] * 2
    assert {r.headers["authorization"] for r in answered} == {"Bearer sk-other"}
    before = next(m for m in chats[1].json()["messages"] if m.get("tool_calls"))
    assert before["tool_calls"][0]["id"] == "functions.Bash:0"
    assert before["reasoning"] == "plan"
    bodies = [r.json() for r in answered]
    assert [body["model"] for body in bodies] == ["gpt-other"] * 3
    then = next(m for m in bodies[0]["messages"] if m.get("tool_calls"))
    assert ":" not in then["tool_calls"][0]["id"]
    later = [m for m in bodies[-1]["messages"] if m.get("tool_calls")]
    assert [m["reasoning_content"] for m in later] == ["plan", "more"]
    assert len({m["tool_calls"][0]["id"] for m in later}) == 2
    told = "\n".join(person.notices)
    assert "gpt-other is asked instead for 5 minutes" in told
    assert "credit" in told


async def test_a_fallback_without_a_key_is_said_and_the_failure_stays(
    root: Path, person: Person, monkeypatch: pytest.MonkeyPatch
):
    async with ScriptedServer([QUOTA, says("never asked")]) as one:
        variables = {"KCODE_BASE_URL": one.base_url, "KCODE_API_KEY": "sk-one"}
        names = ("openrouter:moonshotai/kimi-k3",)
        async with conversing(
            root, person, monkeypatch, variables, model="kimi-k3", fallback_models=names
        ) as talk:
            ended = await talk.prompt("go")
        assert (ended.stop_reason, ended.error and ended.error.kind) == ("error", "quota")
        assert len(one.requests) == 1
    told = "\n".join(person.notices)
    assert "there is no key for OpenRouter" in told
    assert "OPENROUTER_API_KEY" in told


async def test_a_model_of_the_same_endpoint_is_asked_after_two_failures(
    root: Path, person: Person, monkeypatch: pytest.MonkeyPatch
):
    (root / ".kcode").mkdir()
    (root / ".kcode" / "settings.json").write_text('{"fallbackModel": "never"}')
    async with ScriptedServer([BUSY, BUSY, says("done")]) as one:
        variables = {"KCODE_BASE_URL": one.base_url}
        async with conversing(
            root, person, monkeypatch, variables, model="kimi-k3", fallback_models=("kimi-k2.6:free",)
        ) as talk:
            assert (await talk.prompt("go")).stop_reason == "end_turn"
        bodies = [r.json() for r in one.requests]
    assert [body["model"] for body in bodies] == ["kimi-k3", "kimi-k3", "kimi-k2.6:free"]


async def test_the_window_of_a_model_that_is_switched_to_is_asked_for(
    root: Path, person: Person, monkeypatch: pytest.MonkeyPatch
):
    async with ScriptedServer([says("one"), says("two")]) as one:
        one.models[:] = [
            {"id": "big", "context_length": 262_144},
            {"id": "small", "context_length": 48_000},
        ]
        variables = {"KCODE_BASE_URL": one.base_url}
        async with conversing(root, person, monkeypatch, variables, model="big") as talk:
            await talk.prompt("go")
            said = await talk.command("/model small")
            assert said is not None
            assert "48,000" in said.text
            assert talk.model.window == 48_000
            assert (await talk.prompt("go on")).stop_reason == "end_turn"
            said = await talk.command("/model unlisted")
            assert said is not None
            assert not said.is_error


async def test_the_effort_is_changed_for_the_next_request_and_its_meaning_is_told(
    root: Path, person: Person, monkeypatch: pytest.MonkeyPatch
):
    async with ScriptedServer([says("one"), says("two"), says("three"), says("four")]) as one:
        variables = {"KCODE_BASE_URL": one.base_url}
        async with conversing(root, person, monkeypatch, variables, model="kimi-k3") as talk:
            for level in ("", "medium", "off", "max"):
                said = await talk.command(f"/effort {level}")
                assert said is not None
                assert not said.is_error
                assert level in said.text
                await talk.prompt("go")
            assert 'reasoning_effort "max"' in said.text
            wrong = await talk.command("/effort extreme")
            assert wrong is not None
            assert wrong.is_error
        bodies = [r.json() for r in one.requests]
    assert "reasoning_effort" not in bodies[0]
    assert [body.get("reasoning_effort") for body in bodies] == [None, "high", None, "max"]
    assert bodies[2]["chat_template_kwargs"]["thinking"] is False


async def test_another_effort_leaves_the_vendor_alone_that_failed_and_naming_its_model_does_not(
    root: Path, person: Person, monkeypatch: pytest.MonkeyPatch
):
    first = [QUOTA, says("paid again")]
    second = [says("one"), says("two"), says("three")]
    async with ScriptedServer(first) as one, ScriptedServer(second) as other:
        variables = two_vendors(one, other)
        names = ("openai:gpt-other",)
        async with conversing(
            root, person, monkeypatch, variables, model="kimi-k3", fallback_models=names
        ) as talk:
            assert (await talk.prompt("go")).stop_reason == "end_turn"
            for level in ("low", "high"):
                said = await talk.command(f"/effort {level}")
                assert said is not None
                assert not said.is_error
                assert (await talk.prompt("and now?")).stop_reason == "end_turn"
                assert talk.model.id == "gpt-other"
            assert len(one.requests) == 1
            said = await talk.command("/model kimi-k3")
            assert said is not None
            assert "kimi-k3" in said.text
            await talk.prompt("and with this one?")
            assert talk.model.id == "kimi-k3"
        asked = [r.json() for r in one.requests]
        answered = [r.json() for r in other.requests]
    assert [body["model"] for body in asked] == ["kimi-k3"] * 2
    assert asked[1]["reasoning_effort"] == "high"
    assert [body.get("reasoning_effort") for body in answered] == [None, "low", "high"]
    assert [n for n in person.notices if "is asked instead" in n] == [person.notices[0]]


async def test_another_model_leaves_those_alone_that_failed(
    root: Path, person: Person, monkeypatch: pytest.MonkeyPatch
):
    script = [QUOTA, says("one"), QUOTA, says("two")]
    async with ScriptedServer(script) as one:
        variables = {"KCODE_BASE_URL": one.base_url}
        async with conversing(
            root, person, monkeypatch, variables, model="first", fallback_models=("first", "second")
        ) as talk:
            assert (await talk.prompt("go")).stop_reason == "end_turn"
            await talk.command("/model third")
            assert (await talk.prompt("go on")).stop_reason == "end_turn"
        bodies = [r.json() for r in one.requests]
    assert [body["model"] for body in bodies] == ["first", "second", "third", "second"]


def test_models_to_fall_back_to_are_read_from_the_command_line(tmp_path: Path):
    def read(*words: str) -> tuple[str, ...] | None:
        return _options(_parser().parse_args(list(words)), "", tmp_path).fallback_models

    assert read() is None
    assert read("--fallback-model", "kimi-k2.6, openrouter:x/y:free") == ("kimi-k2.6", "openrouter:x/y:free")
    assert read("--fallback-model", "") == ()
    for wrong in ("openai:", "two words"):
        with pytest.raises(UsageError, match="is no model"):
            read("--fallback-model", wrong)
