"""`--max-time` ends a turn in the middle of whatever it does, as it would end it between two steps."""

import asyncio
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fault_bench import Faults, Talk, assert_legal, chunk, said, sse, until, usage, wired

from kcode.app.start import open_conversation
from kcode.config.options import Options
from kcode.engine.ports import Clock
from kcode.providers.scripted import ScriptedModel, call, says
from kcode.providers.scripted_wire import Wire, failure
from kcode.types.errors import ModelError
from kcode.types.events import AgentFinished, MessageAdded, ResponseBroken, ToolStarted, TurnEnded
from kcode.types.frontend import Decision, PermissionRequest
from kcode.types.messages import ToolMessage, UserMessage
from kcode.types.questions import Question

LIMIT = 1.0
WORDS = f"Reached the limit of {LIMIT:g} s (--max-time)."
LATE = 6.0
"""Seconds until which a turn has ended on a busy machine."""
OPTIONS = {"max_time": LIMIT}
MARK = f"617.{os.getpid()}"


def running(mark: str) -> list[str]:
    found: list[str] = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if mark in words:
            found.append(" ".join(words))
    return found


async def ends(talk: Talk, *, steps: int = 1) -> TurnEnded:
    began = time.monotonic()
    ended = await talk.say()
    assert LIMIT <= time.monotonic() - began < LATE
    assert (ended.stop_reason, ended.limit, ended.note) == ("max_turn_requests", "time", WORDS)
    assert (ended.steps, ended.error) == (steps, None)
    assert [e for e in talk.of(TurnEnded) if e.agent == "main"] == [ended]
    last = talk.conversation.state.transcript[-1]
    assert isinstance(last, UserMessage)
    assert (last.origin, last.text) == ("harness", f"[kcode ended the turn here: {WORDS}]")
    return ended


async def goes_on(talk: Talk) -> None:
    """The next turn has all of its time again, and the server takes what is sent."""
    assert (await talk.say("and now?")).stop_reason == "end_turn"


async def test_a_running_command_is_killed_and_what_it_printed_is_kept(faults: Faults):
    command = f"echo begun; sleep 0.2; echo more; sleep {MARK} & sleep {MARK}"
    step = says(
        "I run it.", call("Bash", command=command, timeout=60_000), call("Bash", command="touch never")
    )
    async with faults(step, said("Back."), options=OPTIONS) as talk:
        await ends(talk)
        first, second = talk.results
        assert first.text.startswith("begun\nmore\n[Stopped while it ran: " + WORDS)
        assert second.text == f"Not run: {WORDS}"
        assert first.is_error
        assert second.is_error
        await until(lambda: not running(MARK))
        await goes_on(talk)
    assert not (faults.folder / "never").exists()


async def test_a_silent_stream_ends_and_its_words_are_kept_and_paid_for(faults: Faults):
    silent = sse(chunk(None, content="The answer is"), done=False, end="hang")
    async with faults(silent, said("42."), options=OPTIONS) as talk:
        await ends(talk)
        assert [m.text for m in talk.answers] == ["The answer is"]
        assert len(talk.of(ResponseBroken)) == 1
        assert talk.cost()["output"]
        await goes_on(talk)


async def test_a_server_that_says_nothing_at_all_ends(faults: Faults):
    async with faults(Wire([b": waiting\n\n"], end="hang"), said("Hi."), options=OPTIONS) as talk:
        await ends(talk)
        assert talk.answers == []
        await goes_on(talk)


async def test_a_wait_that_the_server_asked_for_ends(faults: Faults):
    busy = failure(ModelError("busy", kind="rate_limited", retry_after=600))
    settings = {"retries": {"longestWaitSeconds": 900}}
    async with faults(busy, said("Hi."), options=OPTIONS, settings=settings, sleep=asyncio.sleep) as talk:
        await ends(talk)
        assert talk.retries == ["rate_limited"]
        assert talk.waits == [600]
        await goes_on(talk)


async def test_sub_agents_end_with_it_and_say_why(faults: Faults):
    spawn = says("They look.", *(call("Agent", prompt=f"Look {n}", description="look") for n in (1, 2)))
    works = wired("Bash", {"command": f"echo in a sub-agent; sleep {MARK}", "timeout": 60_000})
    async with faults(spawn, works, works, said("Back."), options=OPTIONS) as talk:
        await ends(talk)
        below = [e for e in talk.of(TurnEnded) if e.agent != "main"]
        assert {(e.agent, e.stop_reason, e.note) for e in below} == {
            (f"main/{n}", "max_turn_requests", WORDS) for n in (1, 2)
        }
        assert {e.stop_reason for e in talk.of(AgentFinished)} == {"max_turn_requests"}
        words = [e.message.text for e in talk.of(MessageAdded) if isinstance(e.message, ToolMessage)]
        assert len(words) == 4
        assert all(WORDS in text and "user" not in text for text in words)
        await until(lambda: not running(MARK))
        await goes_on(talk)


async def test_what_finished_before_is_counted_to_the_token(faults: Faults):
    counted = usage(prompt_tokens=1000, completion_tokens=10, total_tokens=1010)
    first = wired("Bash", {"command": "true"})
    last = wired("Bash", {"command": f"sleep {MARK}"})
    pieces = [*first.body[:-1], *sse(counted).body]
    again = [*last.body[:-1], *sse(counted).body]
    async with faults(Wire(pieces), Wire(again), said("Back."), options=OPTIONS) as talk:
        ended = await ends(talk, steps=2)
        assert (talk.cost()["input"], talk.cost()["output"]) == (2000, 20)
        assert ended.api_ms >= 0
        assert talk.conversation.cost()["requests"] == 2


async def test_an_interrupt_that_came_first_stays_one(faults: Faults):
    async with faults(wired("Bash", {"command": "sleep 30"}), options={"max_time": 30}) as talk:
        turn = asyncio.create_task(talk.say())
        await until(lambda: talk.of(ToolStarted))
        talk.conversation.cancel()
        assert (await turn).stop_reason == "cancelled"
        assert talk.results[0].text.startswith("Interrupted by the user")


async def test_the_summary_ends_too_and_nothing_was_replaced(faults: Faults):
    long = [says(f"Part {n}. " + "many words of it. " * 900) for n in range(6)]
    silent = Wire([b": waiting\n\n"], end="hang")
    async with faults(*long, silent, said("Back."), window=24_000, options={"max_time": 3}) as talk:
        ended = await talk.say("go on, " + "with all of this. " * 100)
        while not ended.limit:
            ended = await talk.say("go on, " + "with all of this. " * 100)
        assert ended.note == "Reached the limit of 3 s (--max-time)."
        assert talk.bodies[-1]["messages"][-1]["content"] != talk.bodies[-2]["messages"][-1]["content"]
        assert talk.conversation.state.compacted is None
        await goes_on(talk)


@dataclass
class Slow:
    """A person who takes their time for every answer."""

    seconds: float
    events: list[object] = field(default_factory=list[object])
    closed: int = 0

    async def on_event(self, event: object) -> None:
        self.events.append(event)

    async def decide(self, request: PermissionRequest) -> Decision:
        del request
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.closed += 1
            raise
        return Decision("allow_once")

    async def ask(self, question: Question) -> str | None:
        await asyncio.sleep(self.seconds)
        return question.options[0].label if question.options else "yes"


async def asked(folder: Path, person: Slow, *, interactive: bool) -> TurnEnded:
    ask = call(
        "AskUserQuestion",
        questions=[{"question": "Which?", "options": [{"label": "this"}, {"label": "that"}]}],
    )
    model = ScriptedModel([says("", call("Bash", command="touch it"), ask), says("Done.")])
    options = Options(cwd=folder, persist=False, max_time=LIMIT, interactive=interactive)
    conversation = await open_conversation(options, person, model=model, clock=Clock())
    try:
        return await conversation.prompt("go")
    finally:
        await conversation.close()


async def test_the_time_that_a_person_takes_for_an_answer_does_not_count(faults: Faults):
    person = Slow(LIMIT)
    ended = await asked(faults.folder, person, interactive=True)
    assert (ended.stop_reason, person.closed) == ("end_turn", 0)
    assert (faults.folder / "it").exists()


async def test_a_run_without_a_person_ends_while_its_host_is_asked(faults: Faults):
    person = Slow(30)
    ended = await asked(faults.folder, person, interactive=False)
    assert (ended.limit, ended.note, person.closed) == ("time", WORDS, 1)
    assert not (faults.folder / "it").exists()
    assert_legal([e.message for e in person.events if isinstance(e, MessageAdded)])


async def test_after_the_answer_the_time_goes_on(faults: Faults):
    person = Slow(LIMIT)
    work = call("Bash", command=f"sleep {MARK}", timeout=60_000)
    model = ScriptedModel([says("", work), says("Never asked.")])
    options = Options(cwd=faults.folder, persist=False, max_time=LIMIT, interactive=True)
    conversation = await open_conversation(options, person, model=model, clock=Clock())
    began = time.monotonic()
    try:
        ended = await conversation.prompt("go")
    finally:
        await conversation.close()
    assert ended.limit == "time"
    assert 2 * LIMIT <= time.monotonic() - began < LATE


@pytest.mark.parametrize("seconds", [0.001, 0.02])
async def test_a_time_that_is_over_at_once_leaves_a_legal_conversation(faults: Faults, seconds: float):
    async with faults.over([said("Hi.")] * 9, options={"max_time": seconds}) as talk:
        for _ in range(3):
            ended = await talk.say()
            assert ended.limit == "time" or ended.stop_reason == "end_turn"
        assert len(talk.of(TurnEnded)) == 3
