"""Rows 78 to 83 of the fault matrix: what survives, what it costs, and time."""

import asyncio
import json
import os
import signal
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from fault_bench import Faults, chunk, refuses, said, sse, tool_delta, until, wired

from kcode.providers.reading import Patience
from kcode.providers.scripted import call, says
from kcode.providers.scripted_rules import refusal
from kcode.providers.scripted_server import ScriptedServer
from kcode.providers.scripted_wire import Wire
from kcode.types.events import Compacted
from kcode.types.messages import Usage
from kcode.types.model import Request


async def test_row_78_a_call_that_was_lost_with_the_process_is_settled_on_resume(faults: Faults):
    environ = {k: v for k, v in os.environ.items() if not k.startswith("KCODE_")}
    environ |= {"KCODE_HOME": str(faults.folder.parent / "home" / ".kcode"), "KCODE_MODEL": "kimi-k3"}
    allow = ("-p", "go", "--allowedTools", "Bash")

    async def start(base_url: str, *more: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "kcode", *allow, *more),
            cwd=faults.folder,
            env=environ | {"KCODE_BASE_URL": base_url},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    hangs = wired("Bash", {"command": "touch began; sleep 30"})
    async with ScriptedServer([hangs, said("Done.")], model="kimi-k3", rules=refusal) as server:
        process = await start(server.base_url)
        await until((faults.folder / "began").exists, 30)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        process = await start(server.base_url, "-c")
        out, err = await asyncio.wait_for(process.communicate(), 30)
        assert out.decode().strip() == "Done.", err.decode()
        last = [r.json() for r in server.stats.requests if r.path.endswith("/chat/completions")][-1]
    result = next(m for m in last["messages"] if m["role"] == "tool")
    assert "began" not in result["content"]
    assert any(
        word in result["content"].lower() for word in ("unknown", "lost", "interrupted", "not available")
    )


async def test_row_79_prompt_and_tools_are_the_same_bytes_over_fifty_turns(faults: Faults):
    steps = [says(f"Answer {i}.") for i in range(50)]
    async with faults(*steps) as talk:
        for i in range(50):
            await talk.say(f"question {i}")
    raw = [r.body for r in talk.server.stats.requests]
    assert len({body[: body.index(b'"role":"user"')] for body in raw}) == 1
    for earlier, later in pairwise(raw):
        assert later.startswith(earlier[: earlier.rindex(b'],"max_completion_tokens"')])


async def test_row_79_cached_tokens_grow_in_steps_where_the_prefix_holds(faults: Faults):
    cached: list[int] = []
    before = b""

    def answer(request: Request) -> Any:
        nonlocal before
        body = json.dumps([m.model_dump() for m in request.messages]).encode()[:-1]
        shared = len(before) if body.startswith(before) else 0
        cached.append(shared // 4 // 256 * 256)
        before = body
        return says(
            "",
            call("Bash", command=f"echo {len(cached)}; seq 200"),
            usage=Usage(input=len(body) // 4, cached=cached[-1]),
        )

    async with faults(*[answer] * 12, said("Done.")) as talk:
        await talk.say()
    assert cached == sorted(cached)
    assert cached[-1] > cached[1]


async def test_row_80_a_model_that_changes_in_the_middle_costs_by_its_own_price(faults: Faults):
    paid = Usage(input=10_000, output=0)
    async with faults(says("one", usage=paid), says("two", usage=paid)) as talk:
        await talk.say()
        from kcode.providers import catalog

        model: Any = talk.conversation._agent.model
        model.become(catalog.lookup("kimi-k2.6", "https://api.moonshot.ai/v1"))
        ended = await talk.say()
        assert ended.stop_reason == "end_turn", ended.note
    by_model = talk.cost("models")
    assert by_model["kimi-k3"]["usd"] == pytest.approx(0.03)
    assert by_model["kimi-k2.6"]["usd"] == pytest.approx(0.0095)
    assert talk.conversation.cost()["usd"] == pytest.approx(0.0395)


async def test_row_81_the_first_request_after_a_compaction_is_legal(faults: Faults):
    thinks = says("", call("Bash", command="echo 1"), thinking="plan")
    steps = [
        thinks,
        says("", call("Bash", command="echo 2"), thinking="more"),
        says("one"),
        said("A summary."),
        says("two"),
    ]
    async with faults(*steps, says("three")) as talk:
        await talk.say("first")
        await talk.conversation.compact()
        ended = await talk.say("second")
    assert ended.stop_reason == "end_turn"
    assert talk.refused == []


_SUMMARY = "The summary of what was said and read so far."
_LEAK = (
    '<|tool_calls_section_begin|><|tool_call_begin|>functions.Bash:0<|tool_call_argument_begin|>{"command": "touch x"}'
    "<|tool_call_end|><|tool_calls_section_end|>"
)
_TRANSIENT = {
    "cut": sse(chunk(content="A summ"), done=False, end="cut"),
    "no answer": Wire([], status=0),
    "server": refuses(500, "server error", "server_error"),
    "gateway": Wire([b"<html>502 Bad Gateway</html>"], 502, {"content-type": "text/html"}),
    "rate": refuses(429, "reached organization max RPM: 3, please try again after 1 seconds", "rate_limit"),
    "overloaded": refuses(429, "The engine is currently overloaded", "engine_overloaded_error"),
    "overloaded in the middle": sse(
        chunk(content="A su"),
        {"error": {"message": "overloaded", "type": "engine_overloaded_error"}},
        done=False,
    ),
    "empty": sse(chunk("stop")),
    "thinking alone": sse(chunk(reasoning_content="hm"), chunk("stop")),
    "a leaked call alone": said(_LEAK),
}  # fmt: skip - one case in a line


def _read_much(faults: Faults) -> list[Wire]:
    for i in range(4):
        (faults.folder / f"{i}.txt").write_text(f"line {i} of a long text that fills the window\n" * 1_500)
    return [wired("Read", {"file_path": f"{i}.txt"}) for i in range(4)]


@pytest.mark.parametrize("fault", _TRANSIENT)
async def test_row_81_faults_hit_the_summary_too(faults: Faults, fault: str):
    reads = _read_much(faults)
    async with faults(*reads, says("one"), _TRANSIENT[fault], said(_SUMMARY), says("two")) as talk:
        await talk.say("first")
        await talk.conversation.compact()
        assert talk.retries
        ended = await talk.say("second")
    assert ended.stop_reason == "end_turn"
    assert [e.summary for e in talk.of(Compacted)] == [_SUMMARY]
    assert talk.bodies[-2]["tool_choice"] == "none"
    assert not (talk.folder / "x").exists()


async def test_row_81_markup_in_the_summary_is_left_out_and_never_run(faults: Faults):
    reads = _read_much(faults)
    proper = sse(
        chunk(content=_SUMMARY), tool_delta("Bash", '{"command": "touch x"}', id="a"), chunk("tool_calls")
    )
    for answer in (said(_SUMMARY + _LEAK), said(f"<think>hm</think>{_SUMMARY}<|im_end|>"), proper):
        async with faults(*reads, says("one"), answer, says("two")) as talk:
            await talk.say("first")
            await talk.conversation.compact()
            assert (await talk.say("second")).stop_reason == "end_turn"
        assert [e.summary for e in talk.of(Compacted)] == [_SUMMARY]
        assert not (talk.folder / "x").exists()


@pytest.mark.parametrize("finish", ["length", "content_filter"])
async def test_row_81_a_summary_that_was_cut_off_is_asked_for_again_with_more_room(
    faults: Faults, finish: str
):
    reads = _read_much(faults)
    cut = said("The summ", finish=finish)
    async with faults(*reads, says("one"), cut, said(_SUMMARY), says("two")) as talk:
        await talk.say("first")
        await talk.conversation.compact()
        await talk.say("second")
    assert [e.summary for e in talk.of(Compacted)] == [_SUMMARY]
    first, second = (body["max_completion_tokens"] for body in talk.bodies[5:7])
    assert second == 2 * first
    async with faults(*reads, says("one"), cut, cut, says("two")) as talk:
        await talk.say("first")
        await talk.conversation.compact()
        assert (await talk.say("second")).stop_reason == "end_turn"
    assert [e.fallback for e in talk.of(Compacted)] == [True]
    assert "The summ" not in talk.of(Compacted)[0].summary


async def test_row_81_a_summary_that_is_too_long_to_ask_for_is_written_without_the_model(faults: Faults):
    reads = _read_much(faults)
    over = refuses(400, "Your request exceeded model token limit: 262144 (requested: 274613)")
    async with faults(*reads, says("one"), over, says("two")) as talk:
        await talk.say("first")
        await talk.conversation.compact()
        assert (await talk.say("second")).stop_reason == "end_turn"
    assert [e.fallback for e in talk.of(Compacted)] == [True]


async def test_row_81_nothing_is_replaced_where_the_account_is_refused(faults: Faults):
    reads = _read_much(faults)
    quota = refuses(
        429, "Your account is suspended due to insufficient balance", "exceeded_current_quota_error"
    )
    async with faults(*reads, says("one"), quota, says("two")) as talk:
        await talk.say("first")
        said_ = await talk.conversation.command("/compact")
        assert said_ is not None
        assert said_.is_error
        assert "Nothing was replaced" in said_.text
        assert (await talk.say("second")).stop_reason == "end_turn"
    assert talk.of(Compacted) == []
    assert len(talk.bodies) == 7


async def test_row_82_the_summary_costs_too(faults: Faults):
    reads = _read_much(faults)
    summary = says("The summary.", usage=Usage(input=100_000, output=100))
    async with faults(*reads, says("one"), summary) as talk:
        await talk.say("first")
        before = talk.conversation.cost()["usd"]
        await talk.conversation.compact()
        after = talk.conversation.cost()["usd"]
    assert isinstance(before, float)
    assert after == pytest.approx(before + (100_000 * 3 + 100 * 15) / 1e6)


async def test_row_82_an_unknown_price_invents_no_dollars_and_cache_writes_are_billed(faults: Faults):
    used = Usage(input=1_000_000, cached=400_000, output=0)
    async with faults(
        says("ok", usage=used), model="some-model", base_url="https://vendor.example/v1"
    ) as talk:
        await talk.say()
        shown = await talk.conversation.command("/cost")
        assert talk.conversation.cost()["usd"] is None
    assert shown is not None
    assert "price unknown" in shown.text
    assert "1,000,000 tokens" in shown.text
    from kcode.providers import catalog

    price = catalog.lookup("kimi-k3.1-pro", "https://api.moonshot.ai/v1").price
    assert price is not None
    written = Usage(input=1_000_000, cached=500_000, cache_write=250_000)
    assert price.cost(written) == pytest.approx(0.25 * 2 + 0.5 * 0.2 + 0.25 * 2)


async def test_row_83_a_jump_of_the_clock_does_not_end_a_stream(
    faults: Faults, monkeypatch: pytest.MonkeyPatch
):
    slow = sse(chunk(content="a"), 0.3, chunk(content="b"), chunk("stop"))
    hangs = sse(chunk(content="x"), 30.0)
    async with faults(slow, hangs, said("ok"), patience=Patience(first=5, between=1)) as talk:
        turn = asyncio.create_task(talk.say())
        await until(lambda: talk.shown)
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + 86_400)
        assert (await turn).stop_reason == "end_turn"
        assert talk.retries == []
        assert (await talk.say()).stop_reason == "end_turn"
        assert talk.retries == ["timeout"]


async def test_the_budget_of_a_session_asks_before_it_goes_on(faults: Faults):
    from kcode.app.limits import GO_ON

    paid = Usage(input=50_000)
    steps = [says("", call("Bash", command=f"echo {i}"), usage=paid) for i in range(9)]
    async with faults(*steps, says("Done.", usage=paid), answers=[GO_ON, None]) as talk:
        answer = await talk.conversation.command("/budget 0.25")
        assert answer is not None
        assert "$0.25" in answer.text
        ended = await talk.say()
    assert ended.limit == "budget"
    assert len(talk.asked) == 2
    assert talk.conversation.cost()["usd"] == pytest.approx(0.6)


async def test_a_limit_counts_what_sub_agents_spend(faults: Faults):
    paid = Usage(input=1_000_000)
    steps = [
        says("", call("Agent", prompt="look"), usage=paid),
        says("", call("Glob", pattern="*"), usage=paid),
        says("found", usage=paid),
        says("never", usage=paid),
    ]
    async with faults(*steps, options={"max_budget_usd": 9.0}) as talk:
        ended = await talk.say()
    assert ended.limit == "budget"
    assert talk.cost("agents")["main/1"]["usd"] == pytest.approx(6)


async def test_what_is_learnt_in_one_run_is_known_in_the_next(faults: Faults, tmp_path: Path):
    environ = {k: v for k, v in os.environ.items() if not k.startswith("KCODE_")}
    environ |= {"KCODE_HOME": str(tmp_path / "home" / ".kcode"), "KCODE_MODEL": "vendor-model"}
    refused = refuses(400, "Unrecognized request argument supplied: stream_options")

    async with ScriptedServer([refused, said("one"), said("two")], model="vendor-model") as server:
        for word in ("one", "two"):
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "kcode", "-p", "go"),
                cwd=faults.folder,
                env=environ | {"KCODE_BASE_URL": server.base_url},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            out, err = await asyncio.wait_for(process.communicate(), 30)
            assert out.decode().strip() == word, err.decode()
        bodies = [r.json() for r in server.stats.requests if r.path.endswith("/chat/completions")]
    assert ["stream_options" in body for body in bodies] == [True, False, False]
