"""Rows 48 to 60 of the fault matrix: how turns end, and turns that lead nowhere."""

import json
from itertools import count

import pytest
from fault_bench import Faults, chunk, refuses, said, sse, tool_delta, wired

from kcode.providers.scripted import call, says
from kcode.providers.scripted_wire import Wire
from kcode.types.messages import Usage

_EMPTY = sse(chunk("stop"))
_THINKS = sse(chunk(reasoning_content="I should edit."), chunk("stop"))


async def test_row_48_an_empty_response_is_asked_for_again_then_nudged_then_told(faults: Faults):
    async with faults(_EMPTY, _EMPTY, said("Done.")) as talk:
        ended = await talk.say()
        assert (ended.stop_reason, talk.retries) == ("end_turn", ["empty", "empty"])
        assert talk.bodies[0] == talk.bodies[2]
    async with faults(*[_EMPTY] * 3, said("Done.")) as talk:
        ended = await talk.say()
        assert "no answer and no tool call" in talk.bodies[-1]["messages"][-1]["content"]
        assert "empty" in talk.notices
    async with faults(*[_EMPTY] * 20) as talk:
        ended = await talk.say()
        assert ended.note == "The model stopped without an answer."
        assert len(talk.bodies) == 9


async def test_row_48_signs_that_nobody_sees_are_no_answer(faults: Faults):
    async with faults(said("\u200b\ufeff \n"), said("Done.")) as talk:
        assert (await talk.say()).stop_reason == "end_turn"
    assert talk.retries == ["empty"]
    assert [m.text for m in talk.answers] == ["Done."]


async def test_row_49_thinking_alone_is_no_answer(faults: Faults):
    claimed = said("(Empty response: {'content': [{'type': 'thinking', 'thinking': 'hm'}]})")
    async with faults(_THINKS, claimed, said("Done.")) as talk:
        ended = await talk.say()
    assert (ended.stop_reason, talk.retries) == ("end_turn", ["empty", "empty"])
    assert "Empty response" not in talk.shown
    assert talk.answers[-1].text == "Done."


@pytest.mark.parametrize("mode", ["default", "plan"])
async def test_row_50_an_announced_call_is_asked_for_twice_at_most_and_not_in_plan_mode(
    faults: Faults, mode: str
):
    steps = [said("Let me run the tests.") for _ in range(9)]
    async with faults(*steps, options={"permission_mode": mode}) as talk:
        ended = await talk.say()
    assert ended.steps == (1 if mode == "plan" else 3)


async def test_row_51_a_cut_off_answer_goes_on_with_more_room(faults: Faults):
    async with faults(said("Part one", finish="length"), said(" and two.")) as talk:
        ended = await talk.say()
    assert (ended.stop_reason, ended.steps) == ("end_turn", 2)
    first, second = (body["max_completion_tokens"] for body in talk.bodies)
    assert second == 2 * first
    assert "cut off" in talk.notices


async def test_row_51_an_answer_that_never_ends_ends_in_words(faults: Faults):
    async with faults(*[said("more", finish="length") for _ in range(9)]) as talk:
        ended = await talk.say()
    assert (ended.stop_reason, ended.steps) == ("max_tokens", 4)
    assert "output limit" in ended.note


async def test_row_52_a_call_that_was_cut_off_is_not_run_and_gets_advice(faults: Faults):
    cut = wired("Write", '{"file_path": "a", "content": "x', finish="length")
    reading = wired("Read", '{"file_path": "a.txt"', finish="length")
    (faults.folder / "a.txt").write_text("content")
    async with faults(cut, reading, said("ok")) as talk:
        await talk.say()
    assert not (talk.folder / "a").exists()
    assert all(m.is_error and "several parts" in m.text for m in talk.results)
    first, second, third = (body["max_completion_tokens"] for body in talk.bodies)
    assert second == third == 2 * first


async def test_row_53_the_content_filter_is_told_in_words(faults: Faults):
    async with faults(said("I can", finish="content_filter")) as talk:
        ended = await talk.say()
        assert ended.stop_reason == "refusal"
        assert "content filter" in ended.note
    risky = refuses(400, "The request was rejected because it was considered high risk", "content_filter")
    async with faults(risky, said("ok")) as talk:
        ended = await talk.say()
        assert (ended.stop_reason, talk.retries) == ("error", [])
        assert "content filter" in ended.note
        assert (await talk.say()).stop_reason == "end_turn"


async def test_row_53_the_content_filter_in_the_middle_of_a_stream_is_not_asked_again(faults: Faults):
    risky = {"error": {"message": "filtered: high risk", "type": "content_filter"}}
    async with faults(sse(chunk(content="I can"), risky), said("ok")) as talk:
        ended = await talk.say()
        assert (ended.stop_reason, talk.retries) == ("error", [])
        assert "content filter" in ended.note
        assert (await talk.say()).stop_reason == "end_turn"


async def test_row_53_the_words_of_a_refusal_are_the_answer(faults: Faults):
    words = "I cannot help with that."
    pieces = [chunk(content=None, refusal=piece) for piece in (words[:8], words[8:])]
    async with faults(sse(*pieces, chunk("stop"))) as talk:
        assert (await talk.say()).stop_reason == "end_turn"
        assert (talk.shown, talk.retries) == (words, [])
    assert talk.answers[-1].text == words


async def test_row_54_a_repeated_call_gets_reminders_a_summary_and_an_end(faults: Faults):
    (faults.folder / "a.txt").write_text("the same\n")
    reads = [wired("Read", {"file_path": "a.txt"}) for _ in range(12)]
    async with faults(*reads, said("I read it many times.")) as talk:
        ended = await talk.say()
    assert [i for i, m in enumerate(talk.results, 1) if "[kcode:" in m.text] == [3, 5, 8]
    assert all("the same" in m.text for m in talk.results)
    assert talk.bodies[-1]["tool_choice"] == "none"
    assert talk.bodies[-1]["tools"] == talk.bodies[0]["tools"]
    assert "12 times" in ended.note
    assert talk.answers[-1].text == "I read it many times."


async def test_row_55_alternating_calls_in_any_spelling_are_a_loop(faults: Faults):
    (faults.folder / "a.txt").write_text("one\ntwo\n")
    spelt = [
        '{"file_path": "a.txt", "offset": 1}',
        '{"offset":1,"file_path":"a.txt"}',
        '{"file_path": " a.txt", "offset": 2}',
    ]
    steps = (wired("Read", spelt[i % 3]) for i in count())
    async with faults.over(steps) as talk:
        ended = await talk.say()
    assert "12 times" in ended.note
    assert ended.steps <= 20


async def test_row_56_an_unchanged_file_is_shown_in_full_again(faults: Faults):
    (faults.folder / "a.txt").write_text("line of the file\n" * 20)
    async with faults(*[wired("Read", {"file_path": "a.txt"})] * 2, said("ok")) as talk:
        await talk.say()
    assert [m.text.count("line of the file") for m in talk.results] == [20, 20]
    assert "unchanged" not in talk.results[1].text


async def test_row_57_polling_with_changing_output_is_no_loop(faults: Faults):
    poll = wired("Bash", {"command": "echo tick >> log; wc -l < log"})
    async with faults(*[poll] * 15, said("Done.")) as talk:
        ended = await talk.say()
    assert (ended.stop_reason, ended.steps) == ("end_turn", 16)
    assert not any("[kcode:" in m.text for m in talk.results)


async def test_row_58_an_edit_that_fails_again_shows_the_real_text(faults: Faults):
    (faults.folder / "a.py").write_text("def f():\n    return compute(1)\n\n\ndef g():\n    return 2\n")
    wrong = {"file_path": "a.py", "old_string": "def f():\n    return computed(1, 2, 3)\n", "new_string": "x"}
    steps = [
        wired("Read", {"file_path": "a.py"}),
        wired("Edit", wrong),
        wired("Edit", wrong),
        said("ok"),
    ]
    async with faults(*steps) as talk:
        await talk.say()
    assert all(m.is_error for m in talk.results[1:])
    assert all("return compute(1)" in m.text for m in talk.results[1:])
    assert "def g" in talk.file("a.py")


async def test_row_59_text_that_repeats_itself_is_stopped_and_not_kept(faults: Faults):
    garbage = sse(*(chunk(content="AX - BX - " * 40) for _ in range(100)), chunk("length"))
    async with faults(garbage, said("Done.")) as talk:
        ended = await talk.say()
        assert (ended.stop_reason, talk.retries) == ("end_turn", ["repetition"])
        assert "AX - BX" not in json.dumps(talk.bodies[-1]["messages"])
    async with faults(garbage, garbage, garbage, garbage, said("never")) as talk:
        ended = await talk.say()
        assert (ended.stop_reason, len(talk.bodies)) == ("error", 4)
        assert "was dropped" in talk.bodies[-1]["messages"][-1]["content"]
        assert "repeated the same text" in ended.note


async def test_row_60_three_hundred_calls_in_a_row_keep_ids_and_costs_right(faults: Faults):
    paid = Usage(input=1_000, cached=900, output=10)
    (faults.folder / "a.txt").write_text("line\n" * 400)
    steps = [says("", call("Read", file_path="a.txt", offset=i, limit=1), usage=paid) for i in range(1, 301)]
    async with faults(*steps, says("Done.", usage=paid)) as talk:
        ended = await talk.say()
        cost = talk.cost()
    assert (ended.stop_reason, ended.steps) == ("end_turn", 301)
    ids = [c.id for c in talk.calls()]
    assert len(set(ids)) == 300
    assert cost["usd"] == pytest.approx(301 * (100 * 3 + 900 * 0.3 + 10 * 15) / 1e6)


async def test_a_turn_that_ends_without_an_answer_always_says_why(faults: Faults):
    endings: list[list[Wire]] = [
        [_EMPTY] * 20,
        [said("more", finish="length")] * 9,
        [said("x", finish="content_filter")],
        [wired("Write", "{}")] * 9,
        [wired("Glob", {"pattern": "*.none"})] * 20,
        [refuses(401, "Invalid Authentication")],
        [refuses(500, "server error")] * 20,
        [sse(tool_delta("Bash", "{", id="a"), done=False, end="cut")] * 20,
    ]
    for steps in endings:
        async with faults(*steps) as talk:
            ended = await talk.say()
            assert len(ended.note) > 20, steps[0]
            assert talk.events[-1] == ended
