"""Requests over real loopback HTTP: what is sent, what comes back, and how it fails."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from kcode.providers.openai_chat import OpenAIChat
from kcode.providers.reading import Patience
from kcode.providers.scripted import call, says
from kcode.providers.scripted_http import Pace
from kcode.providers.scripted_server import ScriptedServer
from kcode.providers.scripted_wire import Wire, WireStep
from kcode.types.connection import Connection
from kcode.types.errors import ModelError, ModelErrorKind
from kcode.types.messages import AssistantMessage, Message, TextPart, ToolMessage, Usage, UserMessage
from kcode.types.model import Delta, ModelInfo, Price, Request, ToolSpec

_KIMI = ModelInfo("kimi-k3", thinking=True, images=True, price=Price(3.0, 0.3, 15.0))
_BASH = ToolSpec(
    name="bash",
    description="Runs.",
    parameters={"type": "object", "properties": {"command": {"type": "string"}}},
)


@asynccontextmanager
async def _served(
    *steps: WireStep, pace: Pace | None = None, patience: Patience | None = None, key: str = "sk-test"
) -> AsyncGenerator[tuple[ScriptedServer, OpenAIChat], None]:
    async with ScriptedServer(steps, pace=pace) as server:
        model = OpenAIChat(Connection(server.base_url, key, source="a test"), _KIMI, patience=patience)
        yield server, model
        await model.close()


def _user(text: str) -> UserMessage:
    return UserMessage(parts=(TextPart(text=text),))


async def _ask(model: OpenAIChat, *messages: Message) -> AssistantMessage:
    return (await _watched(model, messages or (_user("hello"),)))[0]


async def _watched(model: OpenAIChat, messages: Sequence[Message]) -> tuple[AssistantMessage, list[Delta]]:
    seen: list[Delta] = []

    async def keep(delta: Delta) -> None:
        seen.append(delta)

    return await model.respond(Request("Be brief.", messages, (_BASH,)), keep), seen


async def test_words_thinking_and_calls_come_through_whole():
    said = says("On it. Grüße, 世界 🚀", call("bash", command='echo "ü\n"'), thinking="First look.")
    async with _served(said) as (_, model):
        message, seen = await _watched(model, [_user("go")])
    assert (message.text, message.thinking, message.finish) == (said.text, said.thinking, "tool_calls")
    assert [(c.name, json.loads(c.arguments)) for c in message.tool_calls] == [
        ("bash", {"command": 'echo "ü\n"'})
    ]
    assert "".join(d.text for d in seen) == said.text
    assert "".join(d.thinking for d in seen) == said.thinking
    assert [d.call for d in seen if d.call] == ["bash"]


@pytest.mark.parametrize("chunk", [1, 7, 50, 4096])
async def test_the_cuts_of_the_network_change_nothing(chunk: int):
    said = says("Zwölf Boxkämpfer 世界 🚀 jagen.", call("bash", command="ls -la"), thinking="hm, ä")
    async with _served(said, pace=Pace(piece=3, chunk_bytes=chunk)) as (_, model):
        message = await _ask(model)
    assert (message.text, message.thinking) == (said.text, said.thinking)
    assert json.loads(message.tool_calls[0].arguments) == {"command": "ls -la"}


async def test_twenty_requests_use_one_connection():
    steps = [says(f"answer {i}") for i in range(20)]
    async with _served(*steps) as (server, model):
        for _ in range(20):
            await _ask(model)
        assert server.connections == 1
        assert len(server.requests) == 20


async def test_each_request_extends_the_one_before():
    steps = [says("", call("bash", command=f"echo {i}"), thinking=f"step {i}") for i in range(6)]
    messages: list[Message] = [_user("count")]
    async with _served(*steps) as (server, model):
        for _ in steps:
            message = await _ask(model, *messages)
            messages.append(message)
            messages += [
                ToolMessage(call_id=c.id, name=c.name, parts=(TextPart(text="ok"),))
                for c in message.tool_calls
            ]
        bodies = [r.body for r in server.requests]
    for earlier, later in pairwise(bodies):
        assert later.startswith(earlier[: earlier.rindex(b"]")])
        assert len(later) > len(earlier)


async def test_only_our_own_headers_are_sent(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_ORG_ID", "org-else")
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-admin")
    async with _served(says("hi")) as (server, model):
        await _ask(model)
        headers = server.requests[0].headers
    assert not [name for name in headers if "stainless" in name or name.startswith("openai")]
    assert headers["user-agent"].startswith("kcode/")
    assert headers["authorization"] == "Bearer sk-test"
    assert headers["content-type"] == "application/json"


async def test_without_a_key_none_is_sent(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody")
    async with _served(says("hi"), key="") as (server, model):
        await _ask(model)
        assert "authorization" not in server.requests[0].headers


async def test_a_redirect_to_elsewhere_does_not_get_the_key():
    async with ScriptedServer([says("elsewhere")]) as other:
        there = {"location": f"{other.base_url}/chat/completions"}
        async with ScriptedServer([Wire([], 307, there)]) as server:
            model = OpenAIChat(Connection(server.base_url, "sk-test", headers={"X-Team": "blue"}), _KIMI)
            assert (await _ask(model)).text == "elsewhere"
            await model.close()
            assert server.requests[0].headers["x-team"] == "blue"
        assert not {"authorization", "x-team"} & other.requests[0].headers.keys()


async def test_a_proxy_is_not_used_for_this_machine(monkeypatch: pytest.MonkeyPatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with _served(says("direct")) as (_, model):
        assert (await _ask(model)).text == "direct"


async def test_a_proxy_is_used_for_other_machines(monkeypatch: pytest.MonkeyPatch):
    async with ScriptedServer([says("by proxy")]) as proxy:
        monkeypatch.setenv("http_proxy", proxy.base_url.removesuffix("/v1"))
        model = OpenAIChat(Connection("http://models.example/v1", "sk"), _KIMI)
        assert (await _ask(model)).text == "by proxy"
        assert proxy.requests[0].path == "http://models.example/v1/chat/completions"
        await model.close()


async def test_usage_is_priced_with_cached_tokens_apart():
    said = says("ok", usage=Usage(input=1_000_000, cached=900_000, output=10_000))
    async with _served(said) as (_, model):
        usage = (await _ask(model)).usage
    assert (usage.input, usage.cached, usage.output) == (1_000_000, 900_000, 10_000)
    assert usage.cost == pytest.approx(0.1 * 3.0 + 0.9 * 0.3 + 0.01 * 15.0)


async def test_events_that_come_together_are_shown_together():
    async with _served(says("word " * 2000), pace=Pace(piece=5)) as (_, model):
        message, seen = await _watched(model, [_user("go")])
    assert "".join(d.text for d in seen) == message.text
    assert len(seen) < 500


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("rate_limited", 429),
        ("overloaded", 429),
        ("server", 500),
        ("quota", 429),
        ("context_overflow", 400),
        ("auth", 401),
        ("not_found", 404),
        ("content_filter", 400),
    ],
)
async def test_what_the_server_refuses_has_its_kind(kind: ModelErrorKind, status: int):
    async with _served(ModelError("", kind=kind)) as (_, model):
        with pytest.raises(ModelError) as caught:
            await _ask(model)
    assert (caught.value.kind, caught.value.status) == (kind, status)


async def test_after_a_refusal_the_connection_is_used_again():
    async with _served(ModelError("", kind="server"), says("fine")) as (server, model):
        with pytest.raises(ModelError):
            await _ask(model)
        assert (await _ask(model)).text == "fine"
        assert server.connections == 1


async def test_the_wait_that_a_server_asks_for_is_passed_on():
    async with _served(ModelError("slow down", kind="rate_limited", retry_after=7)) as (_, model):
        with pytest.raises(ModelError) as caught:
            await _ask(model)
    assert caught.value.retry_after == 7


async def test_a_refused_key_names_where_it_came_from():
    async with _served(ModelError("", kind="auth")) as (_, model):
        with pytest.raises(ModelError, match="from a test"):
            await _ask(model)


async def test_a_connection_that_breaks_in_the_middle_is_a_broken_stream_and_the_next_request_works():
    async with _served(ModelError("", kind="broken_stream"), says("again")) as (_, model):
        with pytest.raises(ModelError) as caught:
            await _ask(model)
        assert caught.value.kind == "broken_stream"
        assert caught.value.transient
        assert (await _ask(model)).text == "again"


async def test_a_server_that_hangs_up_or_is_not_there_is_a_failure_of_the_network():
    async with _served(ModelError("", kind="network")) as (server, model):
        with pytest.raises(ModelError) as caught:
            await _ask(model)
        assert caught.value.kind == "network"
        await server.stop()
        with pytest.raises(ModelError, match="could not be reached") as caught:
            await _ask(model)
        assert caught.value.kind == "network"


async def test_a_web_page_instead_of_a_response_is_recognised():
    page = Wire([b"<html><title>Sign in</title></html>"], headers={"content-type": "text/html"})
    async with _served(page) as (_, model):
        with pytest.raises(ModelError, match="web page"):
            await _ask(model)


async def test_a_response_that_was_not_streamed_is_read_all_the_same():
    whole = {
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "whole"}, "finish_reason": "stop"}
        ]
    }
    answer = Wire([json.dumps(whole).encode()], headers={"content-type": "application/json"})
    async with _served(answer) as (_, model):
        assert (await _ask(model)).text == "whole"


async def test_an_error_that_quotes_the_key_loses_the_key_and_nothing_else():
    key = "sk-planted-0123456789abcdef"
    error = {"error": {"message": f"Overloaded for {key}", "code": 429}}
    counted: dict[str, object] = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}
    events = [f"data: {json.dumps(event)}\n\n".encode() for event in (counted, error)]
    async with _served(Wire(events), key=key) as (_, model):
        with pytest.raises(ModelError, match="Overloaded for") as caught:
            await _ask(model, _user("hi"))
    assert key not in str(caught.value)
    assert (caught.value.kind, caught.value.status) == ("overloaded", 429)
    assert caught.value.usage is not None
    assert caught.value.usage.input == 7


def _event(text: str) -> bytes:
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}).encode() + b"\n\n"


_END = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'


async def test_silence_before_the_first_event_ends_by_the_watch():
    async with _served(Wire([], end="hang"), patience=Patience(first=0.2, between=5)) as (server, model):
        with pytest.raises(ModelError) as caught:
            await _ask(model)
        assert caught.value.kind == "timeout"
        await _until(lambda: server.requests[0].gone)


async def test_comments_do_not_count_as_events():
    alive: list[bytes | float] = [_event("hel")]
    for _ in range(200):
        alive += [b": keep-alive\n\n", 0.05]
    async with _served(Wire(alive), patience=Patience(first=5, between=0.3)) as (_, model):
        began = asyncio.get_running_loop().time()
        with pytest.raises(ModelError) as caught:
            await _ask(model)
        assert caught.value.kind == "timeout"
        assert asyncio.get_running_loop().time() - began < 5


async def test_a_slow_model_is_waited_for_as_long_as_events_come():
    slow: list[bytes | float] = []
    for _ in range(8):
        slow += [0.2, _event("x")]
    async with _served(Wire([*slow, _END]), patience=Patience(first=1.2, between=1.2)) as (_, model):
        assert (await _ask(model)).text == "x" * 8


async def test_a_body_that_does_not_end_after_its_end_marker_does_not_hold_up_the_answer():
    async with _served(Wire([_event("done"), _END], end="hang"), says("next")) as (_, model):
        began = asyncio.get_running_loop().time()
        assert (await _ask(model)).text == "done"
        assert asyncio.get_running_loop().time() - began < 5
        assert (await _ask(model)).text == "next"


async def test_cancelling_closes_the_stream_at_once():
    endless: list[bytes | float] = []
    for _ in range(1000):
        endless += [_event("x"), 0.02]
    async with _served(Wire(endless), says("after")) as (server, model):
        shown = asyncio.Event()

        async def on_delta(_: Delta) -> None:
            shown.set()

        task = asyncio.create_task(model.respond(Request("", [_user("go")], ()), on_delta))
        await asyncio.wait_for(shown.wait(), 5)
        began = asyncio.get_running_loop().time()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.get_running_loop().time() - began < 1
        await _until(lambda: server.requests[0].gone)
        assert (await _ask(model)).text == "after"


async def test_a_failing_listener_is_not_swallowed():
    async with _served(says("hello"), says("fine")) as (_, model):

        async def broken(_: Delta) -> None:
            raise RuntimeError("the screen is gone")

        with pytest.raises(RuntimeError, match="screen is gone"):
            await model.respond(Request("", [_user("go")], ()), broken)
        assert (await _ask(model)).text == "fine"


async def test_a_field_that_the_server_refuses_is_not_sent_again():
    refusal = {"error": {"message": "Unrecognized request argument supplied: stream_options"}}
    no = Wire([json.dumps(refusal).encode()], 400, {"content-type": "application/json"})
    async with _served(no, says("one"), says("two")) as (server, model):
        assert (await _ask(model)).text == "one"
        assert (await _ask(model)).text == "two"
        sent = ["stream_options" in r.json() for r in server.requests]
    assert sent == [True, False, False]


_LEAK = (
    "Let me look.<|tool_calls_section_begin|><|tool_call_begin|>functions.bash:0<|tool_call_argument_begin|>"
    '{"command": "ls"}<|tool_call_end|><|tool_calls_section_end|>'
)


@pytest.mark.parametrize("piece", [1, 5, 1000])
async def test_leaked_markup_becomes_a_call_and_is_never_shown(piece: int):
    async with _served(says(_LEAK), pace=Pace(piece=piece, chunk_bytes=64)) as (_, model):
        message, seen = await _watched(model, [_user("go")])
    assert "".join(d.text for d in seen).strip() == message.text.strip() == "Let me look."
    assert [(c.name, json.loads(c.arguments)) for c in message.tool_calls] == [("bash", {"command": "ls"})]
    assert message.finish == "tool_calls"
    assert message.repairs


async def test_what_was_held_back_is_shown_in_the_end():
    async with _served(says("a < b and <|", thinking="is a <")) as (_, model):
        message, seen = await _watched(model, [_user("go")])
    assert "".join(d.text for d in seen) == message.text == "a < b and <|"
    assert "".join(d.thinking for d in seen) == message.thinking == "is a <"


async def test_ids_of_calls_are_unique_whatever_the_server_numbers():
    step = says(
        "", call("bash", call_id="bash:0", command="ls"), call("bash", call_id="bash:0", command="pwd")
    )
    async with _served(step, step) as (_, model):
        calls = [*(await _ask(model)).tool_calls, *(await _ask(model)).tool_calls]
    assert len({c.id for c in calls}) == 4


async def test_an_empty_response_is_a_failure_that_may_pass_and_then_a_message():
    empty = ModelError("", kind="empty")
    only_thinking = says("", thinking="hm, hm")
    async with _served(empty, only_thinking, empty, says("at last")) as (_, model):
        for _ in range(2):
            with pytest.raises(ModelError) as caught:
                await _ask(model)
            assert caught.value.kind == "empty"
        assert (await _ask(model)).parts == ()
        assert (await _ask(model)).text == "at last"


async def test_without_counts_no_cost_is_invented():
    async with _served(Wire([_event("hi"), _END])) as (_, model):
        usage = (await _ask(model)).usage
    assert usage.estimated
    assert usage.cost is None


async def test_importing_the_provider_does_not_load_the_openai_package():
    script = (
        "import sys, kcode.providers.connect, kcode.providers.local_servers; print('openai' in sys.modules)"
    )
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE)
    out, _ = await child.communicate()
    assert out.strip() == b"False"


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(3):
        while not condition():
            await asyncio.sleep(0.01)
