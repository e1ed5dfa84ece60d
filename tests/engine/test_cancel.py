"""Cancellation at any moment: the turn ends, nothing hangs, the transcript stays legal."""

import asyncio
import os
import random

import pytest
from engine_bench import MakeBench, Words, assert_legal, file_access, tool

from kcode.engine.settle import uninterrupted
from kcode.providers.scripted import call, says
from kcode.types.events import TurnEnded
from kcode.types.messages import AssistantMessage, UserMessage
from kcode.types.tool import ToolContext, ToolOutput, text_output

ROUNDS = int(os.environ.get("KCODE_CANCEL_ROUNDS", "150"))


async def wait(args: Words, _: ToolContext) -> ToolOutput:
    await asyncio.sleep(float(args.text or 0))
    return text_output("waited")


async def test_interrupting_a_running_call_settles_every_call(bench: MakeBench) -> None:
    b = bench([says("Wait.", call("Wait", text="60"), call("Wait", text="61"))], tool("Wait", wait))
    turn = asyncio.create_task(b.agent.prompt("go"))
    while not any(isinstance(m, AssistantMessage) for m in b.agent.state.transcript):
        assert not turn.done(), turn.result()
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.01)
    b.agent.cancel()
    ended = await asyncio.wait_for(turn, 2)
    assert ended.stop_reason == "cancelled"
    assert [m.is_error for m in b.results] == [True, True]
    assert "unknown" in b.results[0].text
    assert b.results[1].text.startswith("Not run")
    assert_legal(b.agent.state.transcript)


async def test_words_that_were_already_shown_are_kept(bench: MakeBench) -> None:
    b = bench([says("A long story. " * 400)])
    turn = asyncio.create_task(b.agent.prompt("go"))
    while len(b.events) < 20:
        await asyncio.sleep(0)
    b.agent.cancel()
    assert (await turn).stop_reason == "cancelled"
    said = [m for m in b.agent.state.transcript if isinstance(m, AssistantMessage)]
    assert said[0].text.startswith("A long story.")
    last = b.agent.state.transcript[-1]
    assert isinstance(last, UserMessage)
    assert last.origin == "harness"


async def test_the_agent_can_be_asked_again_after_a_cancel(bench: MakeBench) -> None:
    b = bench([says("", call("Wait", text="60")), says("Back.")], tool("Wait", wait))
    turn = asyncio.create_task(b.agent.prompt("go"))
    await asyncio.sleep(0.02)
    b.agent.cancel()
    await turn
    ended = await b.agent.prompt("again")
    assert ended.stop_reason == "end_turn"
    assert_legal(b.agent.state.transcript)


async def test_cancels_at_random_moments_never_hang_and_keep_the_transcript_legal(bench: MakeBench) -> None:
    chance = random.Random(20261125)
    for round_ in range(ROUNDS):
        steps = [
            says("text " * 5, *(call("Wait", text=str(chance.choice([0, 0.001, 0.003]))) for _ in range(3)))
            for _ in range(4)
        ]
        access = file_access if round_ % 2 else None
        b = bench([*steps, says("Done.")], tool("Wait", wait, access=access))
        turn = asyncio.create_task(b.agent.prompt("go"))
        await asyncio.sleep(chance.uniform(0, 0.02))
        for _ in range(chance.choice([1, 1, 2, 3])):
            b.agent.cancel()
            await asyncio.sleep(0)
        ended = await asyncio.wait_for(turn, 5)
        assert ended.stop_reason in {"cancelled", "end_turn"}
        assert len(b.of(TurnEnded)) == 1
        assert_legal(b.agent.state.transcript)
        assert len(asyncio.all_tasks()) == 1, "a task was left behind"


async def test_cancelling_the_caller_cancels_the_turn(bench: MakeBench) -> None:
    b = bench([says("", call("Wait", text="60"))], tool("Wait", wait))
    caller = asyncio.create_task(b.agent.prompt("go"))
    await asyncio.sleep(0.02)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert_legal(b.agent.state.transcript)
    assert not b.agent.busy


async def test_uninterrupted_work_ends_before_the_cancel_is_told() -> None:
    done: list[int] = []

    async def work() -> int:
        await asyncio.sleep(0.02)
        done.append(1)
        return 7

    task = asyncio.create_task(uninterrupted(work()))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == [1]
    assert await uninterrupted(work()) == 7
