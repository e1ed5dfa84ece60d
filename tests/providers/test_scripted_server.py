"""The scripted server as a process of its own, and what its scripts may hold."""

import asyncio
import json
import statistics
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from kcode.providers.openai_chat import OpenAIChat
from kcode.providers.scripted import call, says
from kcode.providers.scripted_server import ScriptedServer, load_script
from kcode.providers.scripted_wire import Wire, read_request, read_step
from kcode.types.connection import Connection
from kcode.types.errors import ModelError
from kcode.types.messages import (
    AssistantMessage,
    ImagePart,
    Message,
    TextPart,
    ToolMessage,
    Usage,
    UserMessage,
)
from kcode.types.model import Delta, ModelInfo, Request, ToolSpec


async def _ignore(_: Delta) -> None:
    return


def _user(text: str) -> UserMessage:
    return UserMessage(parts=(TextPart(text=text),))


@asynccontextmanager
async def _started(
    script: str, *options: str, cwd: Path
) -> AsyncGenerator[tuple[asyncio.subprocess.Process, str], None]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "kcode.providers.scripted_server", "--script", script, *options,
        stdout=asyncio.subprocess.PIPE, cwd=cwd,
    )  # fmt: skip
    assert child.stdout is not None
    try:
        words = (await asyncio.wait_for(child.stdout.readline(), 20)).split()
        assert words[0] == b"listening"
        yield child, words[1].decode()
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


async def _ask(base_url: str, *rounds: str) -> list[AssistantMessage]:
    model = OpenAIChat(Connection(base_url, "sk"), ModelInfo("scripted"))
    try:
        return [await model.respond(Request("s", (_user(r),), ()), _ignore) for r in rounds]
    finally:
        await model.close()


async def test_a_file_of_steps_is_served_measured_and_stopped_by_a_signal(tmp_path: Path):
    steps = [{"text": "hi", "thinking": "hm"}, {"calls": [{"name": "bash", "arguments": {"command": "ls"}}]}]
    (tmp_path / "steps.jsonl").write_text("\n".join(map(json.dumps, steps)), encoding="utf-8")
    async with _started("steps.jsonl", "--stats", "stats.json", "--chunk-bytes", "9", cwd=tmp_path) as (
        child,
        url,
    ):
        first, second = await _ask(url, "one", "two")
        child.terminate()
        assert await asyncio.wait_for(child.wait(), 5) == 0
    assert (first.text, first.thinking) == ("hi", "hm")
    assert second.tool_calls[0].name == "bash"
    stats: dict[str, Any] = json.loads((tmp_path / "stats.json").read_text(encoding="utf-8"))
    assert stats["connections"] == 1
    assert [r["status"] for r in stats["requests"]] == [200, 200]
    assert stats["requests"][0]["gap_ms"] is None
    assert 0 < stats["requests"][1]["gap_ms"] < 5_000
    assert all(r["bytes"] > 50 and r["own_ms"] > 0 for r in stats["requests"])


async def test_it_stops_by_itself_when_nothing_is_asked(tmp_path: Path):
    (tmp_path / "steps.jsonl").write_text('{"text": "hi"}', encoding="utf-8")
    async with _started("steps.jsonl", "--idle-timeout", "0.3", cwd=tmp_path) as (child, _):
        assert await asyncio.wait_for(child.wait(), 10) == 0


async def test_a_script_in_python_reads_what_it_is_asked(tmp_path: Path):
    (tmp_path / "echo_script.py").write_text(
        "from kcode.providers.scripted import says\n"
        "def answer(request):\n"
        "    return says(f'{request.system}/{request.messages[-1].text}')\n",
        encoding="utf-8",
    )
    async with _started("echo_script:answer", cwd=tmp_path) as (_, url):
        assert [m.text for m in await _ask(url, "one", "two")] == ["s/one", "s/two"]


async def test_the_request_that_a_script_reads_is_the_one_that_was_made():
    seen: list[Request] = []

    def look(request: Request) -> AssistantMessage:
        seen.append(request)
        return says("ok")

    picture = ImagePart(media_type="image/png", data="aGk=")
    answer = says("Now.", call("read", call_id="c1", path="a.py"), thinking="hm")
    result = ToolMessage(call_id="c1", name="read", parts=(TextPart(text="1: x"),))
    messages: list[Message] = [UserMessage(parts=(TextPart(text="see"), picture)), answer, result]
    tool = ToolSpec(name="read", description="Reads.", parameters={"type": "object", "properties": {}})
    async with ScriptedServer([look]) as server:
        model = OpenAIChat(
            Connection(server.base_url, "sk"), ModelInfo("kimi-k3", images=True, thinking=True)
        )
        await model.respond(Request("Be brief.", messages, (tool,), 500), _ignore)
        await model.close()
    request = seen[0]
    assert (request.system, request.max_output, [t.name for t in request.tools]) == (
        "Be brief.",
        500,
        ["read"],
    )
    user, assistant, tool_result = request.messages
    assert user == messages[0]
    assert isinstance(assistant, AssistantMessage)
    assert (assistant.text, assistant.thinking) == ("Now.", "hm")
    assert json.loads(assistant.tool_calls[0].arguments) == {"path": "a.py"}
    assert isinstance(tool_result, ToolMessage)
    assert (tool_result.name, tool_result.text) == ("read", "1: x")
    assert tool_result.call_id == assistant.tool_calls[0].id


async def test_its_own_share_of_a_long_request_is_small():
    messages = [_user("word " * 200) for _ in range(300)]
    async with ScriptedServer([says("done")] * 12) as server:
        model = OpenAIChat(Connection(server.base_url, "sk"), ModelInfo("scripted", window=10_000_000))
        for _ in range(12):
            await model.respond(Request("s", messages, ()), _ignore)
        await model.close()
        own = statistics.median(r.own for r in server.requests)
    assert own < 0.01


async def test_a_script_that_has_ended_says_so():
    async with ScriptedServer([says("only")]) as server:
        await _ask(server.base_url, "one")
        with pytest.raises(ModelError, match="script has ended"):
            await _ask(server.base_url, "two")


async def test_a_script_that_fails_says_how():
    def broken(_: Request) -> AssistantMessage:
        raise LookupError("no such line")

    async with ScriptedServer([broken]) as server:
        with pytest.raises(ModelError, match="The script failed: LookupError") as caught:
            await _ask(server.base_url, "one")
    assert not caught.value.transient


@pytest.mark.parametrize("line", ['{"tekst": "hi"}', "[]", "not json", '{"error": "no such kind"}'])
def test_a_line_that_is_no_step_is_refused(line: str):
    with pytest.raises(ValueError, match=r"step|Expecting"):
        read_step(line)


def test_a_line_may_be_a_failure_an_answer_or_raw_bytes():
    failed = read_step('{"error": "overloaded", "retry_after": 3}')
    assert isinstance(failed, ModelError)
    assert (failed.kind, failed.retry_after) == ("overloaded", 3)
    answer = read_step('{"status": 418, "body": {"error": "teapot"}}')
    assert isinstance(answer, Wire)
    assert (answer.status, answer.body) == (418, [b'{"error": "teapot"}'])
    raw = read_step('{"raw": ["data: x", 0.5], "cut": true}')
    assert isinstance(raw, Wire)
    assert (raw.body, raw.end) == ([b"data: x", 0.5], "cut")


def test_a_line_may_set_usage_and_repeat_its_text():
    step = read_step('{"text": "ab", "times": 3, "usage": {"input": 10, "cached": 4}}')
    assert isinstance(step, AssistantMessage)
    assert (step.text, step.usage) == ("ababab", Usage(input=10, cached=4))


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path):
    with pytest.raises(OSError, match=r"absent\.jsonl"):
        load_script(str(tmp_path / "absent.jsonl"))


def test_a_list_of_steps_may_come_from_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "listed_script.py").write_text(
        "from kcode.providers.scripted import says\nSTEPS = [says('a'), says('b')]\n", encoding="utf-8"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    steps = load_script("listed_script:STEPS")
    assert isinstance(steps, Sequence)
    assert len(steps) == 2


def test_an_odd_request_is_still_read():
    request = read_request(b'{"messages": [{"role": "tool", "tool_call_id": "x", "content": null}]}')
    assert isinstance(request.messages[0], ToolMessage)
