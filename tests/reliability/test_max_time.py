"""The installed program when its time is over: it ends in whatever it does, and the session can be gone on with."""

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from kcode.providers.scripted import call, says
from kcode.providers.scripted_rules import refusal
from kcode.providers.scripted_server import ScriptedServer
from kcode.providers.scripted_wire import Wire, WireStep
from tests.frontends.installed import Done, Place
from tests.reliability.provoke import PATIENCE, in_terminal, processes, recorded, unanswered

LIMIT = 2.5
WORDS = f"Reached the limit of {LIMIT:g} s (--max-time)."
LATE = 12.0
"""Seconds until which the program has ended, start and end of it included, on a busy machine."""
MARK = f"613.{os.getpid()}"
RUNS = call("Bash", command=f"echo begun; trap '' TERM; sleep {MARK} & sleep {MARK}", timeout=60_000)
BEGINS = b'data: {"choices": [{"index": 0, "delta": {"content": "The answer is"}}]}\n\n'
STATES: dict[str, Sequence[WireStep]] = {
    "running a command that does not want to end": [says("I run it.", RUNS)],
    "streaming": [Wire([BEGINS], end="hang")],
    "waiting for the first token": [Wire([b": waiting\n\n"], end="hang")],
    "waiting as long as the server asked to": [
        Wire([b'{"error": {"message": "slow down"}}'], 429, {"retry-after": "600"})
    ],
    "waiting for sub-agents": [
        says("They look.", *(call("Agent", prompt=f"Look {n}", description="look") for n in (1, 2))),
        says("I run it.", RUNS),
        Wire([BEGINS], end="hang"),
    ],
}
FLAGS = ("--output-format", "json", "--dangerously-skip-permissions", "--max-time", str(LIMIT))


async def answered(place: Place, steps: Sequence[WireStep], *flags: str) -> tuple[Done, float]:
    place.environ["IS_SANDBOX"] = "1"
    async with ScriptedServer(steps, rules=refusal) as server:
        began = time.monotonic()
        done = await place.run("-p", "go", *flags, base_url=server.base_url)
        return done, time.monotonic() - began


@pytest.mark.timeout(120)
@pytest.mark.parametrize("state", STATES)
async def test_a_run_ends_in_whatever_it_does_and_its_session_goes_on(place: Place, state: str) -> None:
    settings = json.dumps({"retries": {"longestWaitSeconds": 900}})
    done, took = await answered(place, STATES[state], *FLAGS, "--settings", settings)
    assert (done.status, done.json["subtype"], done.json["errors"]) == (3, "error_max_time", [WORDS]), done
    assert LIMIT < took < LATE
    assert processes(MARK) == []
    assert unanswered(recorded(place.home)) == []
    again, _ = await answered(place, [says("Here I am.")], "-c", "--output-format", "json")
    assert (again.status, again.json["result"]) == (0, "Here I am."), again


@pytest.mark.timeout(120)
async def test_words_go_to_stderr_and_the_status_is_that_of_a_limit(place: Place) -> None:
    done, _ = await answered(place, [Wire([BEGINS], end="hang")], "--max-time", str(LIMIT))
    assert (done.status, done.out, done.err) == (3, "The answer is\n", f"kcode: {WORDS}\n")


@pytest.mark.timeout(200)
def test_a_question_at_the_terminal_outlives_the_time(tmp_path: Path) -> None:
    steps = [says("May I?", call("Bash", command="touch allowed")), says("Thank you.")]
    program = ("-m", "kcode", "--max-time", str(LIMIT))
    with in_terminal(tmp_path, steps, program=program) as (terminal, _):
        terminal.line("go")
        terminal.wait_for("Run this command?", PATIENCE)
        terminal.settle(2 * LIMIT)
        assert "Run this command?" in terminal.text
        terminal.send("\r")
        terminal.wait_for("Thank you.", PATIENCE)
        assert WORDS not in terminal.everything
    assert (tmp_path / "work" / "allowed").exists()
