"""What is paid for: each kind of tokens at its price, and responses that came to nothing."""

import asyncio

import pytest
from fault_bench import Faults, chunk, refuses, said, sse, until, usage

from kcode.providers.scripted import call, says
from kcode.types.errors import ModelError
from kcode.types.events import ResponseBroken, Retrying
from kcode.types.messages import Usage

CUT = sse(chunk(content="Half of an answer that nobody will see the end of. " * 40), done=False)


def _rows(text: str, word: str) -> list[str]:
    return [line for line in text.splitlines() if word in line]


async def test_a_response_that_broke_off_is_counted_with_an_estimate(faults: Faults):
    async with faults(CUT, said("ok")) as talk:
        assert (await talk.say()).stop_reason == "end_turn"
        broken = talk.of(ResponseBroken)
        cost = talk.conversation.cost()
        shown = await talk.conversation.command("/cost")
        state = talk.conversation.state.usage
    assert len(broken) == 1
    used = broken[0].usage
    assert used.estimated
    assert used.input > 1_000
    assert 300 < used.output < 600
    assert used.cost is not None
    assert isinstance(cost["usd"], float)
    assert cost["usd"] > used.cost
    assert state.cost == pytest.approx(cost["usd"])
    assert shown is not None
    assert "~$" in _rows(shown.text, "Cost:")[0]
    assert "1, ~" in _rows(shown.text, "Broken responses")[0]


async def test_the_arguments_of_a_call_that_broke_off_are_counted(faults: Faults):
    piece = {
        "index": 0,
        "id": "a",
        "function": {"name": "Write", "arguments": '{"content": "' + "word " * 2_000},
    }
    async with faults(sse(chunk(tool_calls=[piece]), done=False), said("ok")) as talk:
        await talk.say()
        broken = talk.of(ResponseBroken)
    assert 1_800 < broken[0].usage.output < 2_400


async def test_what_the_server_had_counted_of_a_broken_response_is_no_estimate(faults: Faults):
    counted = usage(
        prompt_tokens=10_000, completion_tokens=100, prompt_tokens_details={"cached_tokens": 9_000}
    )
    given_up = sse(chunk(content="Half of it"), chunk("error"), counted)
    async with faults(given_up, said("ok")) as talk:
        await talk.say()
        broken = talk.of(ResponseBroken)
    used = broken[0].usage
    assert (used.input, used.cached, used.output, used.estimated) == (10_000, 9_000, 100, False)
    assert used.cost == pytest.approx((1_000 * 3 + 9_000 * 0.3 + 100 * 15) / 1e6)


async def test_a_request_that_was_refused_costs_nothing(faults: Faults):
    async with faults(refuses(503, "overloaded"), said("ok")) as talk:
        await talk.say()
        assert not talk.of(ResponseBroken)
        shown = await talk.conversation.command("/cost")
    assert shown is not None
    assert "Broken" not in shown.text


async def test_an_interrupted_response_is_paid_for_too(faults: Faults):
    hangs = sse(chunk(content="I begin with this. "), 30.0)
    async with faults(hangs) as talk:
        turn = asyncio.create_task(talk.say())
        await until(lambda: talk.shown)
        talk.conversation.cancel()
        assert (await turn).stop_reason == "cancelled"
        assert talk.cost("broken")["requests"] == 1
        assert talk.conversation.cost()["usd"]


async def test_broken_responses_use_up_the_budget(faults: Faults):
    steps = [says("", call("Bash", command="echo 1"), usage=Usage(input=10, output=1)), says("never")]
    async with faults(CUT, CUT, *steps, options={"max_budget_usd": 0.01}) as talk:
        ended = await talk.say()
    assert ended.limit == "budget"


async def test_an_unknown_price_beside_a_budget_is_said_at_once(faults: Faults):
    vendor, limits = "https://vendor.example/v1", {"max_budget_usd": 1.0}
    async with faults(says("ok"), options=limits, model="some-model", base_url=vendor) as talk:
        assert (await talk.say()).stop_reason == "end_turn"
        said_so = _rows(talk.notices, "some-model is not known")
    assert len(said_so) == 1
    assert "--max-budget-usd cannot be kept to" in said_so[0]


async def test_the_budget_of_a_session_warns_before_it_asks(faults: Faults):
    paid = Usage(input=50_000)
    steps = [says("", call("Bash", command=f"echo {i}"), usage=paid) for i in range(3)]
    async with faults(*steps, says("Done.", usage=paid)) as talk:
        await talk.conversation.command("/budget 0.5")
        await talk.say()
        warned = _rows(talk.notices, "of the budget of $0.5")
    assert warned == ["90% of the budget of $0.5 for this session is used (/budget)."]


async def test_a_summary_that_was_of_no_use_is_paid_for_too(faults: Faults):
    large = Usage(input=1_000_000)
    asked = [says("", call("Bash", command="echo 1"), usage=large) for _ in range(3)]
    async with faults(*asked, says("Done.", usage=large)) as talk:
        await talk.say()
        paid = talk.conversation.cost()["usd"]
        broken = talk.cost("broken")
    assert len(talk.bodies) == 4
    assert broken["input"] == 2_000_000
    assert paid == pytest.approx(4 * 3)


LONG = [says("".join(f"Part {n} has {m} words. " for m in range(700))) for n in range(5)]


async def test_a_summary_that_is_interrupted_is_paid_for_too(faults: Faults):
    begins = sse(chunk(content="The summary begins. " * 50), done=False, end="hang")
    async with faults(*LONG, begins, window=200_000) as talk:
        for _ in LONG:
            await talk.say("go on, " + "with all of this. " * 100)
        asking = asyncio.create_task(talk.conversation.compact())
        await until(lambda: len(talk.bodies) > len(LONG))
        await asyncio.sleep(0.2)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        (broken,) = talk.of(ResponseBroken)
        assert talk.conversation.state.compacted is None
        assert talk.cost("broken")["requests"] == 1
        assert talk.conversation.state.usage.cost == pytest.approx(talk.conversation.cost()["usd"])
    assert broken.usage.input > 10_000
    assert broken.usage.output > 100


@pytest.mark.parametrize("end", ["refused", "interrupted"])
async def test_a_summary_that_was_cut_off_is_paid_for_whatever_becomes_of_the_next_one(
    faults: Faults, end: str
):
    counted = usage(prompt_tokens=20_000, completion_tokens=300, total_tokens=20_300)
    cut_off = sse(chunk(content="The summary begins"), chunk("length"), counted)
    then = refuses(401, "no more") if end == "refused" else sse(done=False, end="hang")
    async with faults(*LONG, cut_off, then, window=200_000) as talk:
        for _ in LONG:
            await talk.say("go on, " + "with all of this. " * 100)
        asking = asyncio.create_task(talk.conversation.compact())
        await until(lambda: len(talk.bodies) == len(LONG) + 2)
        if end == "interrupted":
            asking.cancel()
        with pytest.raises((ModelError, asyncio.CancelledError)):
            await asking
        used = [event.usage for event in talk.of(ResponseBroken)]
    assert [(u.input, u.output) for u in used] == [(20_000, 300)]


async def test_a_question_beside_the_conversation_is_asked_again_and_all_of_it_is_paid_for(faults: Faults):
    async with faults(*LONG[:1], CUT, said("An answer.")) as talk:
        await talk.say()
        assert await talk.conversation.complete("What is it?") == "An answer."
        (broken,) = talk.of(ResponseBroken)
        cost = talk.conversation.cost()
        (retrying,) = talk.of(Retrying)
    assert (retrying.agent, retrying.kind) == ("main", "broken_stream")
    assert (broken.agent, broken.usage.estimated) == ("main/aside", True)
    assert broken.usage.input < 100 < broken.usage.output
    agents = cost["agents"]
    assert isinstance(agents, dict)
    assert list(agents) == ["main/aside"]


async def test_a_question_beside_the_conversation_that_is_interrupted_is_paid_for(faults: Faults):
    begins = sse(chunk(content="It is " * 50), done=False, end="hang")
    async with faults(begins) as talk:
        asking = asyncio.create_task(talk.conversation.complete("What is it?"))
        await until(lambda: talk.bodies)
        await asyncio.sleep(0.2)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert talk.cost("broken")["requests"] == 1
