"""Rows 1 to 20 of the fault matrix: streams and transport."""

import asyncio
import json
import os
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from fault_bench import Faults, chunk, other_choice, refuses, said, sse, tool_delta, until, usage, wired

from kcode.engine.step import WAIT
from kcode.providers.reading import Patience
from kcode.providers.scripted import call, says
from kcode.providers.scripted_wire import Wire
from kcode.types.events import CallDelta, MessageAdded, Retrying, TextDelta
from kcode.types.messages import UserMessage

_COUNTS = {"prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 105, "cached_tokens": 64}


async def test_row_01_usage_in_the_choice_is_counted(faults: Faults):
    last = chunk("stop")
    last["choices"][0]["usage"] = _COUNTS
    async with faults(sse(chunk(content="hi"), last)) as talk:
        await talk.say()
        cost = talk.cost()
    assert talk.answers[0].usage.cached == 64
    assert (cost["input"], cost["cached"]) == (100, 64)


async def test_row_02_usage_in_both_places_is_counted_once_and_the_top_level_wins(faults: Faults):
    last = chunk("stop")
    last["choices"][0]["usage"] = {"prompt_tokens": 7, "completion_tokens": 7, "cached_tokens": 7}
    async with faults(sse(chunk(content="hi"), last, usage(**_COUNTS))) as talk:
        await talk.say()
    assert (talk.answers[0].usage.input, talk.answers[0].usage.output) == (100, 5)


async def test_row_03_without_usage_the_meter_moves_by_estimate(faults: Faults):
    async with faults(said("A short answer.")) as talk:
        await talk.say()
        shown = await talk.conversation.command("/cost")
    used = talk.answers[0].usage
    assert used.estimated
    assert used.input > 500
    assert 1 <= used.output <= 20
    assert used.cost is not None
    assert shown is not None
    assert "~$" in shown.text


async def test_row_04_chunks_without_choices_or_deltas_are_ignored(faults: Faults):
    broken: list[Any] = [None, [], [{"index": 0, "delta": None}], [None]]
    odd = [{"choices": choices} for choices in broken]
    async with faults(sse(*odd, chunk(content="hi"), *odd, chunk("stop"))) as talk:
        ended = await talk.say()
    assert (ended.stop_reason, talk.answers[0].text) == ("end_turn", "hi")


async def test_row_05_comments_alone_do_not_keep_a_request_alive(faults: Faults):
    alive = Wire([p for _ in range(40) for p in (b": keep-alive\n\n", 0.05)])
    async with faults(alive, said("ok"), patience=Patience(first=0.4, between=0.4)) as talk:
        ended = await talk.say()
    assert (ended.stop_reason, talk.retries) == ("end_turn", ["timeout"])


async def test_row_06_a_long_prefill_is_waited_for(faults: Faults):
    patience = Patience(first=5, between=0.3)
    async with faults(sse(0.8, chunk(content="ok"), chunk("stop")), patience=patience) as talk:
        ended = await talk.say()
    assert (ended.stop_reason, talk.retries) == ("end_turn", [])
    assert Patience().first >= 180
    assert Patience().between >= 180


async def test_row_07_arguments_that_come_late_and_at_once_work_and_are_announced(faults: Faults):
    late = sse(
        tool_delta("Bash", "", id="bash_0"),
        0.4,
        tool_delta(None, '{"command": "echo late"}'),
        chunk("tool_calls"),
    )
    async with faults(late, said("ok")) as talk:
        await talk.say()
    assert "late" in talk.results[0].text
    assert [e.name for e in talk.of(CallDelta)] == ["Bash"]


async def test_row_08_a_socket_cut_before_any_event_is_tried_again(faults: Faults):
    async with faults(Wire([], status=0), said("ok")) as talk:
        ended = await talk.say()
    assert (ended.stop_reason, len(talk.bodies)) == ("end_turn", 2)
    assert talk.bodies[0] == talk.bodies[1]


async def test_row_09_a_cut_after_text_is_retried_from_the_same_history(faults: Faults):
    async with faults(sse(chunk(content="Let me"), done=False, end="cut"), said("Done.")) as talk:
        ended = await talk.say()
    assert ended.stop_reason == "end_turn"
    assert talk.retries == ["broken_stream"]
    assert talk.bodies[0]["messages"] == talk.bodies[1]["messages"]
    assert [m.text for m in talk.answers] == ["Done."]
    order = [type(e) for e in talk.events if isinstance(e, TextDelta | Retrying)]
    assert order == [TextDelta, Retrying, TextDelta]


async def test_row_10_a_call_that_was_cut_is_never_run(faults: Faults):
    part = sse(tool_delta("Bash", '{"command": "touch made"', id="a"), done=False, end="cut")
    async with faults(part, said("ok")) as talk:
        await talk.say()
    assert talk.results == []
    assert not (talk.folder / "made").exists()
    assert talk.retries == ["broken_stream"]


async def test_row_11_a_complete_call_without_any_ending_runs_once(faults: Faults):
    part = sse(tool_delta("Bash", '{"command": "echo x >> made"}', id="0"), done=False)
    async with faults(part, said("ok")) as talk:
        await talk.say()
    assert talk.file("made") == "x\n"
    assert talk.repairs["wire:no_finish"] >= 1


async def test_row_12_an_error_in_the_stream_is_of_its_kind(faults: Faults):
    error = {"error": {"message": "The engine is currently overloaded, please try again later",
                       "type": "engine_overloaded_error"}}  # fmt: skip
    async with faults(sse(chunk(content="ab"), error, done=False), said("ok")) as talk:
        ended = await talk.say()
    assert (ended.stop_reason, talk.retries) == ("end_turn", ["overloaded"])
    assert talk.waits[0] >= 3
    assert [m.text for m in talk.answers] == ["ok"]


async def test_row_13_a_line_that_is_no_json_is_skipped_and_counted(faults: Faults):
    async with faults(sse(chunk(content="a"), "{nonsense", chunk(content="b"), chunk("stop"))) as talk:
        await talk.say()
    assert talk.answers[0].text == "ab"
    assert sum(n for kind, n in talk.repairs.items() if kind.startswith("wire:")) == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("<html><title>Sign in</title></html>", "Sign in"),
        ('{"error": {"message": "no such deployment"}}', "no such"),
    ],
)
async def test_row_14_a_page_or_an_error_with_status_200_is_quoted(faults: Faults, body: str, words: str):
    async with faults(
        *[Wire([body.encode()], headers={"content-type": "text/html"}) for _ in range(9)]
    ) as talk:
        ended = await talk.say()
    assert ended.stop_reason == "error"
    assert words in ended.note


async def test_row_14_a_whole_completion_instead_of_a_stream_is_read(faults: Faults):
    whole = {
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "whole"}, "finish_reason": "stop"}
        ]
    }
    wire = Wire([json.dumps(whole).encode()], headers={"content-type": "application/json"})
    async with faults(wire) as talk:
        await talk.say()
    assert talk.answers[0].text == "whole"


async def test_row_15_a_second_finish_or_choice_changes_nothing(faults: Faults):
    stream = sse(
        chunk(content="x"), other_choice(content="y"), chunk("stop"), chunk("stop"), other_choice("length")
    )
    async with faults(stream) as talk:
        await talk.say()
    assert [m.text for m in talk.answers] == ["x"]
    assert talk.answers[0].finish == "stop"


@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_row_16_packets_and_line_ends_change_nothing(faults: Faults, size: int):
    lines = [chunk(content="naïve 你好 "), chunk(content="🙂"), chunk("stop")]
    raw = (
        b"".join(b"data:" + json.dumps(c, ensure_ascii=False).encode() + b"\r\n\r\n" for c in lines)
        + b"data:[DONE]\r\n\r\n"
    )
    async with faults(Wire([raw[i : i + size] for i in range(0, len(raw), size)])) as talk:
        await talk.say()
    assert talk.answers[0].text == "naïve 你好 🙂"


async def test_row_17_an_interrupt_in_a_stream_is_quick_and_keeps_what_was_said(faults: Faults):
    async with faults(sse(chunk(content="Half an answ"), 30.0), said("ok")) as talk:
        turn = asyncio.create_task(talk.say())
        await until(lambda: talk.shown)
        began = time.monotonic()
        talk.conversation.cancel()
        ended = await turn
        assert time.monotonic() - began < 0.2
        assert ended.stop_reason == "cancelled"
        assert talk.answers[-1].text == "Half an answ"
        assert (await talk.say()).stop_reason == "end_turn"


async def test_row_18_an_interrupt_kills_the_running_command_and_says_so(faults: Faults):
    sleeping = wired("Bash", {"command": "sleep 60 & echo $! > pid; sleep 60"})
    async with faults(sleeping, said("ok")) as talk:
        turn = asyncio.create_task(talk.say())
        await until(lambda: (talk.folder / "pid").exists() and talk.file("pid").strip())
        talk.conversation.cancel()
        assert (await turn).stop_reason == "cancelled"
        assert "nterrupted" in talk.results[0].text
        assert not _alive(int(talk.file("pid")))
        assert (await talk.say()).stop_reason == "end_turn"


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:  # noqa: PTH123 - a line of the kernel's
            return file.read().split()[2] != "Z"
    except FileNotFoundError:
        return False
    except OSError:
        os.kill(pid, 0)
        return True


async def test_row_19_a_wait_is_honoured_in_seconds_and_as_a_date(faults: Faults):
    words = "reached organization max RPM: 3"
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    limit = "rate_limit_reached_error"
    steps = (
        refuses(429, words, limit, **{"retry-after": "7"}),
        refuses(429, words, limit, **{"retry-after": soon}),
    )
    async with faults(*steps, said("ok")) as talk:
        ended = await talk.say()
    assert ended.stop_reason == "end_turn"
    assert talk.waits[0] == 7
    assert 20 < talk.waits[1] <= 30
    assert [e.delay for e in talk.of(Retrying)] == [pytest.approx(w, abs=0.01) for w in talk.waits]


async def test_row_19_an_absurd_wait_is_a_question(faults: Faults):
    late = refuses(
        429, "reached organization max RPM: 3", "rate_limit_reached_error", **{"retry-after": "3600"}
    )
    async with faults(late, said("ok"), answers=[WAIT]) as talk:
        assert (await talk.say()).stop_reason == "end_turn"
        assert "60 minutes" in talk.asked[0].text
        assert talk.waits == [3600]
    async with faults(late, said("ok")) as talk:
        ended = await talk.say()
        assert (ended.stop_reason, talk.waits) == ("error", [])


async def test_row_20_a_server_out_of_reach_is_tried_briefly_and_then_explained(faults: Faults):
    async with faults() as talk:
        await talk.server.stop()
        ended = await talk.say()
        assert talk.retries == ["network"] * 3
        assert sum(talk.waits) < 6
        assert talk.server.base_url in ended.note
        assert "Is the server running?" in ended.note
        assert ended.error is not None
        assert ended.error.transient


async def test_nothing_of_a_broken_stream_reaches_the_history(faults: Faults):
    broken = sse(chunk(reasoning_content="hm"), chunk(content="part"), done=False, end="cut")
    async with faults(broken, broken, says("Good.", call("Bash", command="echo 1")), said("Done.")) as talk:
        await talk.say()
    kept = [e.message for e in talk.of(MessageAdded) if not isinstance(e.message, UserMessage)]
    assert kept[0].text == "Good."
    assert all("part" not in json.dumps(body) for body in talk.bodies)
