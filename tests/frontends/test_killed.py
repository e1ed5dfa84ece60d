"""The installed program, killed at random moments while it works, always goes on with what it had."""

import asyncio
import itertools
import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from installed import Place

from kcode.providers.scripted import Step, call, says
from kcode.providers.scripted_rules import refusal
from kcode.providers.scripted_server import ScriptedServer
from kcode.session.fold import fold
from kcode.session.read import read_session

ROUNDS = int(os.environ.get("KCODE_KILLS_OF_PROGRAM", "50"))
EACH = 5


def work() -> Iterator[Step]:
    """Steps without an end: a command and a file, again and again."""
    for number in itertools.count():
        yield says(
            f"step {number}",
            call("Bash", command=f"echo {number} >> log.txt"),
            call("Write", file_path=f"new-{number}.txt", content="text\n" * 50),
        )


async def killed(place: Place, seed: int, prompt: str, *arguments: str) -> None:
    chance = random.Random(seed)
    async with ScriptedServer(work(), rules=refusal, keep=False) as server:
        process = await place.start(
            "-p", prompt, "--permission-mode", "bypassPermissions", *arguments, base_url=server.base_url
        )
        if chance.random() < 0.2:
            await asyncio.sleep(chance.uniform(0.0, 1.0))
        else:
            # In the middle of its work.
            while not server.stats.requests and process.returncode is None:
                await asyncio.sleep(0.01)
            await asyncio.sleep(chance.uniform(0.0, 0.5))
        if process.returncode is not None:
            _, err = await process.communicate()
            raise AssertionError(f"it ended by itself with {process.returncode}: {err.decode()}")
        process.send_signal(signal.SIGKILL)
        await process.wait()


def logs(place: Place) -> list[Path]:
    """The logs in which anything was said: killed between making a file and its first record, it is empty."""
    found = (place.home / ".kcode" / "sessions").glob("*/*.jsonl")
    return [path for path in found if path.stat().st_size]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("group", range(ROUNDS // EACH))
async def test_the_killed_program_is_resumed_with_a_legal_request(place: Place, group: int) -> None:
    place.environ["IS_SANDBOX"] = "1"
    for seed in range(group * EACH, (group + 1) * EACH):
        again = ["--continue"] if logs(place) else []
        await killed(place, seed, f"round {seed}", *again)

    if not logs(place):
        pytest.skip("every round was killed before anything was said")
    recorded = read_session(logs(place)[0])
    assert recorded.damaged <= 1
    said = len(fold(recorded.events).transcript)
    async with ScriptedServer([says("all there")], rules=refusal) as server:
        done = await place.run("-p", "go on", "--continue", base_url=server.base_url)
    assert (done.status, done.out.strip()) == (0, "all there"), done.err
    assert server.stats.requests[-1].json()["messages"][-1]["content"] is not None
    assert len(fold(read_session(logs(place)[0]).events).transcript) > said
