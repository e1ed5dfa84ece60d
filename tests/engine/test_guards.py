"""Turns that go in circles, make mistakes or end without an answer."""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest
from engine_bench import MakeBench, Words, assert_legal, tool

from kcode.app.endings import EndingGuard, Endings
from kcode.app.limits import GO_ON, LimitGuard, Limits, Meter
from kcode.engine import retry
from kcode.engine.guards import Chain
from kcode.engine.loops import LoopGuard, MistakeGuard, Mistakes, Repeats
from kcode.engine.ports import Clock
from kcode.engine.retry import Patience
from kcode.providers.scripted import call, says
from kcode.screen.repetition import RepetitionWatch
from kcode.types.errors import ModelError
from kcode.types.events import Notice, Retrying, TurnEnded
from kcode.types.messages import AssistantMessage, Repair, ToolCall, Usage, UserMessage
from kcode.types.questions import Question
from kcode.types.tool import ToolContext, ToolOutput, text_output


async def echo(args: Words, _: ToolContext) -> ToolOutput:
    return text_output(args.text)


async def no_wait(_: float) -> None:
    return


def notes(events: list[Any]) -> list[str]:
    return [e.text for e in events if isinstance(e, Notice)]


async def test_the_same_call_gets_its_result_each_time_then_reminders_then_a_turn_in_words(
    bench: MakeBench,
) -> None:
    steps = [says("", call("Echo", text="same")) for _ in range(12)]
    b = bench([*steps, says("I am stuck.")], tool("Echo", echo), hooks=LoopGuard)
    ended = await b.agent.prompt("go")
    assert len(b.results) == 12
    assert all(m.text.startswith("same") for m in b.results)
    reminded = [i for i, m in enumerate(b.results, 1) if "[kcode:" in m.text]
    assert reminded == [3, 5, 8]
    assert [r.calls for r in b.model.requests] == [True] * 12 + [False]
    assert ended.stop_reason == "max_turn_requests"
    assert "same Echo call 12 times" in ended.note
    assert_legal(b.agent.state.transcript)


async def test_a_model_that_goes_on_calling_in_the_answer_in_words_is_stopped(bench: MakeBench) -> None:
    steps = (says("", call("Echo", text="same")) for _ in range(40))
    b = bench(steps, tool("Echo", echo), hooks=LoopGuard)
    ended = await b.agent.prompt("go")
    assert ended.steps == 13
    assert "Not run" in b.results[-1].text
    assert_legal(b.agent.state.transcript)


async def test_alternating_calls_are_found_whatever_their_spelling(bench: MakeBench) -> None:
    spelt = ['{"text": "a  b"}', '{ "text":"a b" }', '{"text": "c"}']
    calls = (ToolCall(id=f"call_{i}", name="Echo", arguments=spelt[i % 3]) for i in count())

    async def fixed(args: Words, _: ToolContext) -> ToolOutput:
        return text_output("c" if args.text == "c" else "ab")

    b = bench((says("", c) for c in calls), tool("Echo", fixed), hooks=LoopGuard)
    ended = await b.agent.prompt("go")
    assert "12 times" in ended.note
    assert ended.steps < 22


async def test_a_call_whose_result_changes_is_no_loop(bench: MakeBench) -> None:
    numbers = count()

    async def poll(args: Words, _: ToolContext) -> ToolOutput:
        return text_output(f"{args.text} {next(numbers)} % done")

    steps = [says("", call("Poll", text="status")) for _ in range(40)]
    b = bench([*steps, says("Done.")], tool("Poll", poll), hooks=LoopGuard)
    ended = await b.agent.prompt("go")
    assert (ended.stop_reason, ended.steps) == ("end_turn", 41)
    assert not any("[kcode:" in m.text for m in b.results)


async def test_failing_calls_count_too_and_the_guard_can_be_switched_off(bench: MakeBench) -> None:
    async def fail(_: Words, __: ToolContext) -> ToolOutput:
        raise RuntimeError("no")

    b = bench((says("", call("Fail")) for _ in range(30)), tool("Fail", fail), hooks=LoopGuard)
    assert "12 times" in (await b.agent.prompt("go")).note

    steps = [says("", call("Fail")) for _ in range(30)]
    b = bench([*steps, says("ok")], tool("Fail", fail), hooks=lambda: LoopGuard(Repeats((), 0)))
    assert (await b.agent.prompt("go")).stop_reason == "end_turn"


async def test_each_turn_counts_anew(bench: MakeBench) -> None:
    steps = [says("", call("Echo", text="x")) for _ in range(7)]
    b = bench([*steps, says("ok"), *steps, says("ok")], tool("Echo", echo), hooks=LoopGuard)
    for _ in range(2):
        assert (await b.agent.prompt("go")).stop_reason == "end_turn"


async def test_unusable_calls_are_shown_the_schema_and_then_end_the_turn(bench: MakeBench) -> None:
    bad = (ToolCall(id=f"call_{i}", name="Echo", arguments='{"text": {"a": 1}}') for i in count())
    b = bench((says("", c) for c in bad), tool("Echo", echo), hooks=MistakeGuard)
    ended = await b.agent.prompt("go")
    assert [("The schema of Echo" in m.text) for m in b.results] == [False, False, True, True, True]
    assert ended.stop_reason == "max_turn_requests"
    assert "last 5 calls" in ended.note
    assert_legal(b.agent.state.transcript)


async def test_a_good_call_ends_the_row_of_mistakes(bench: MakeBench) -> None:
    bad = [says("", call("Nope")), says("", call("Nope"))]
    steps = [*bad, says("", call("Echo")), *bad, says("ok")]
    b = bench(steps, tool("Echo", echo), hooks=lambda: MistakeGuard(Mistakes(last=3)))
    assert (await b.agent.prompt("go")).stop_reason == "end_turn"


@pytest.mark.parametrize(
    "text",
    [
        "Let me run the tests now.",
        "I found the bug in app.py.\n\nNow I'll fix it:",
        "OK. Next, let me look at the config.",
        "I\u2019m going to edit src/app.py to add the flag",
        "接下来我来修改这个文件。",
        "好的。让我先查看一下目录。",
    ],
)
async def test_an_announced_call_that_does_not_come_is_asked_for(bench: MakeBench, text: str) -> None:
    b = bench(
        [says(text), says("", call("Echo", text="x")), says("Done.")], tool("Echo", echo), hooks=EndingGuard
    )
    ended = await b.agent.prompt("go")
    assert ended.steps == 3
    assert ["announced" in n for n in notes(b.events)] == [True]


@pytest.mark.parametrize(
    "text",
    [
        "Done. Let me know if you want me to run the tests.",
        "I'll run the tests once you confirm.",
        "Shall I edit the file?",
        "The function will read the file and write it back.",
        "You should run the tests now.",
        "I will remember that.",
        "All tests pass.",
        "已经修改完成。",
    ],
)
async def test_an_answer_is_not_taken_for_an_announcement(bench: MakeBench, text: str) -> None:
    b = bench([says(text)], hooks=EndingGuard)
    ended = await b.agent.prompt("go")
    assert (ended.stop_reason, ended.steps, ended.note) == ("end_turn", 1, "")


async def test_announcements_are_answered_a_few_times_only_and_never_while_planning(bench: MakeBench) -> None:
    b = bench((says("Let me run it.") for _ in range(9)), hooks=EndingGuard)
    assert (await b.agent.prompt("go")).steps == 3
    b = bench((says("Let me run it.") for _ in range(9)), hooks=lambda: EndingGuard(acting=lambda: False))
    assert (await b.agent.prompt("go")).steps == 1
    b = bench((says("Let me run it.") for _ in range(9)), hooks=lambda: EndingGuard(Endings(announced=0)))
    assert (await b.agent.prompt("go")).steps == 1


async def test_a_call_that_the_server_announced_is_asked_for(bench: MakeBench) -> None:
    mended = Repair(place="wire", kind="finish", detail="tool_calls->stop")
    empty = AssistantMessage(parts=(), repairs=(mended,))
    b = bench([empty, says("Done.")], hooks=EndingGuard)
    ended = await b.agent.prompt("go")
    assert (ended.stop_reason, ended.steps) == ("end_turn", 2)
    b = bench([empty] * 9, hooks=EndingGuard)
    assert "announced a call" in (await b.agent.prompt("go")).note


async def test_a_cut_off_answer_gets_twice_the_room_once(bench: MakeBench) -> None:
    b = bench([says("a", finish="length"), says("b", finish="length"), says("c")], hooks=EndingGuard)
    await b.agent.prompt("go")
    first, second, third = [r.max_output for r in b.model.requests]
    assert first is not None
    assert second is not None
    assert second >= 2 * first - 64
    assert third == pytest.approx(second, abs=64)


async def test_thinking_up_to_the_output_limit_is_asked_to_be_brief(bench: MakeBench) -> None:
    b = bench([says(thinking="hm", finish="length"), says("short")], hooks=EndingGuard)
    assert (await b.agent.prompt("go")).stop_reason == "end_turn"
    last = b.model.requests[-1].messages[-1]
    assert isinstance(last, UserMessage)
    assert "while thinking" in last.text


async def test_text_that_repeats_itself_is_stopped_not_stored_and_asked_for_once_more(
    bench: MakeBench,
) -> None:
    garbage = says("AX - BX - " * 2_000)
    b = bench([garbage, says("Fine.")], sleep=no_wait)
    assert (await b.agent.prompt("go")).stop_reason == "end_turn"
    assert [m.text for m in b.agent.state.transcript if isinstance(m, AssistantMessage)] == ["Fine."]
    assert [e.kind for e in b.of(Retrying)] == ["repetition"]

    b = bench([garbage] * 9, sleep=no_wait)
    ended = await b.agent.prompt("go")
    assert len(b.model.requests) == 4
    assert "repeated the same text" in ended.note


async def test_a_model_that_cannot_help_repeating_itself_is_told(bench: MakeBench) -> None:
    garbage = says("AX - BX - " * 2_000)
    b = bench([garbage, garbage, says("Fine.")], sleep=no_wait)
    assert (await b.agent.prompt("go")).stop_reason == "end_turn"
    last = b.model.requests[-1].messages[-1]
    assert isinstance(last, UserMessage)
    assert (last.origin, "was dropped" in last.text) == ("harness", True)
    assert "AX - BX" not in str(b.model.requests[-1].messages)


@pytest.mark.parametrize(
    "unit",
    [
        "ha ",
        "AX - BX - CX - ",
        "I will now check the file again, since the earlier attempt did not show the error. ",
        "def f():\n    return 1\n\n" + "x = compute(1, 2, 3)  # a comment\n" * 3,
        "检查文件是否存在。然后再次检查文件。",
        "".join(f"sentence number {i} of a long paragraph, " for i in range(30)),
    ],
)
def test_what_repeats_is_found_whatever_its_unit(unit: str) -> None:
    watch, text = RepetitionWatch(), "A beginning that makes sense. " + unit * (20_000 // len(unit))
    assert any(watch.feed(text[i : i + 37]) for i in range(0, len(text), 37))


def _table() -> str:
    rows = "\n".join(f"| {i} | name_{i} | {i * 37 % 101} | ok |" for i in range(400))
    return f"| a | b | c | d |\n|---|---|---|---|\n{rows}"


def _tests() -> str:
    return "\n\n".join(
        f"def test_case_{i}() -> None:\n    value = compute({i}, {i * 7})\n    assert value == {i * 8}\n"
        f"    assert value is not None, 'the value of case {i} must be there'"
        for i in range(200)
    )


@pytest.mark.parametrize(
    "make",
    [
        _table,
        _tests,
        lambda: "\n".join(f"{'-' * 78}\nsection {i}: something else is written here" for i in range(200)),
        lambda: "\n".join(f"- [x] item {Random(i).random()}" for i in range(500)),
        lambda: Path(retry.__file__).read_text(encoding="utf-8") * 2,
    ],
)
def test_regular_text_is_no_repetition(make: Callable[[], str]) -> None:
    watch, text = RepetitionWatch(), make()
    assert not any(watch.feed(text[i : i + 37]) for i in range(0, len(text), 37))


async def test_the_person_is_warned_once_before_a_limit(bench: MakeBench) -> None:
    paid = Usage(input=1, output=1, cost=0.125)
    steps = (says("", call("Echo", text=str(i)), usage=paid) for i in range(99))
    b = bench(steps, tool("Echo", echo), hooks=lambda: Chain([LimitGuard(Limits(usd=1.0), Clock())]))
    ended = await b.agent.prompt("go")
    assert (ended.limit, ended.steps) == ("budget", 8)
    assert notes(b.events) == ["88% of the limit of $1 (--max-budget-usd) is used."]


async def test_a_budget_without_a_price_says_that_it_cannot_be_kept(bench: MakeBench) -> None:
    steps = [says("", call("Echo", text=str(i))) for i in range(5)]
    hooks = lambda: LimitGuard(Limits(usd=1.0), Clock(), Meter(lambda: None))  # noqa: E731 - one line
    b = bench([*steps, says("Done.")], tool("Echo", echo), hooks=hooks)
    assert (await b.agent.prompt("go")).stop_reason == "end_turn"
    assert len(notes(b.events)) == 1
    assert "price" in notes(b.events)[0]


async def test_past_the_budget_of_the_session_the_person_is_asked(bench: MakeBench) -> None:
    asked: list[str] = []
    answers = iter([GO_ON, None])
    spent = 0.0

    async def ask(question: Question) -> str | None:
        asked.append(question.text)
        return next(answers)

    async def spend(args: Words, _: ToolContext) -> ToolOutput:
        nonlocal spent
        spent += 0.4
        return text_output(args.text)

    meter = Meter(lambda: spent, ask, ceiling=1.0, portion=1.0)
    steps = (says("", call("Spend", text=str(i))) for i in range(99))
    b = bench(steps, tool("Spend", spend), hooks=lambda: LimitGuard(Limits(), Clock(), meter))
    ended = await b.agent.prompt("go")
    assert len(asked) == 2
    assert ended.limit == "budget"
    assert spent == pytest.approx(2.4)


def test_an_overloaded_server_is_waited_for_in_steps_of_a_minute_for_as_long_as_set() -> None:
    busy, patience = ModelError("busy", kind="overloaded"), Patience(overloaded=1200)
    waits: list[float] = []
    while (delay := retry.wait(busy, len(waits) + 1, Random(1), patience)) is not None:
        waits.append(delay)
    assert 900 < sum(waits) < 1500
    assert max(waits) <= 75
    assert len(waits) + 1 == retry.attempts(busy, patience)
    assert retry.attempts(busy, Patience(overloaded=0)) == 1


async def test_a_long_wait_is_a_question_to_the_person(bench: MakeBench) -> None:
    late = ModelError("busy", kind="rate_limited", retry_after=3_600)
    b = bench([late, says("Done.")], sleep=no_wait)
    ended = await b.agent.prompt("go")
    assert (ended.stop_reason, len(b.model.requests)) == ("error", 1)
    assert b.of(Retrying) == []
    assert isinstance(b.events[-1], TurnEnded)
