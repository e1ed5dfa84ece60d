"""What a step costs does not depend on how many there were: calls, writes, bytes and memory are counted, not time."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from kcode.providers.scripted import call, says
from kcode.providers.scripted_server import ScriptedServer

PROBE = Path(__file__).with_name("probe.py")
EVERY = 10
STEPS = 40


@dataclass
class Walked:
    """A run of many steps: what the server saw, and what was counted by every 10th step."""

    connections: int
    sizes: Sequence[int]
    marks: Sequence[Any]

    def between(self, kind: str, name: str) -> list[int]:
        """Return how often something happened between two marks, leaving out the start."""
        counts = [mark[kind].get(name, 0) for mark in self.marks]
        return [after - before for before, after in pairwise(counts)]


async def walk(mode: str, folder: Path) -> Walked:
    steps = [says("", call("Bash", command=f"true {i:04}")) for i in range(1000, 1000 + STEPS)]
    (folder / "home").mkdir()
    (folder / "work").mkdir()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("KCODE_", "OPENAI_", "KIMI_"))}
    async with ScriptedServer([*steps, says("Done.")], keep=False) as server:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            str(PROBE),
            mode,
            str(EVERY),
            cwd=folder / "work",
            env={
                **kept,
                "HOME": str(folder / "home"),
                "KCODE_BASE_URL": server.base_url,
                "KCODE_MODEL": "scripted",
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(child.communicate(), 100)
        assert child.returncode == 0, err.decode()
        seen = json.loads(out)
        assert seen["stop"] == "end_turn", seen["note"]
        return Walked(server.connections, [r.size for r in server.requests], seen["marks"])


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Walked:
    return asyncio.run(walk("calls", tmp_path_factory.mktemp("walk")))


def test_all_requests_of_a_conversation_share_one_connection(walked: Walked) -> None:
    assert len(walked.sizes) == STEPS + 1
    assert walked.connections == 1


def test_every_step_adds_the_same_number_of_bytes_to_a_request(walked: Walked) -> None:
    added = [after - before for before, after in pairwise(walked.sizes)]
    # Ids of calls and the room that is left for the answer change their lengths now and then.
    assert max(added) - min(added) <= 8
    assert max(added) < 400


def test_every_step_tells_the_same_events(walked: Walked) -> None:
    for name in walked.marks[-1]["events"]:
        assert len(set(walked.between("events", name))) == 1, name
    assert sum(walked.marks[1]["events"].values()) - sum(walked.marks[0]["events"].values()) <= 10 * EVERY


def test_a_command_is_kept_on_disk_before_it_runs_and_with_its_result_and_not_more_often(
    walked: Walked,
) -> None:
    both = zip(
        walked.between("calls", "posix:fdatasync"), walked.between("calls", "posix:fsync"), strict=True
    )
    assert {sum(pair) for pair in both} == {2 * EVERY}


def test_a_request_costs_what_is_new_in_it(walked: Walked) -> None:
    assert set(walked.between("calls", "encode:_remember")) == {2 * EVERY}


def test_tools_are_described_once(walked: Walked) -> None:
    assert walked.marks[0]["calls"]["encode:_tool"] > 0
    assert set(walked.between("calls", "encode:_tool")) == {0}
    assert set(walked.between("calls", "prepare:_lean")) == {0}
    # The schema that a call is checked against is made with the first call of its tool.
    assert set(walked.between("calls", "prepare:_whole")) == {0}


def test_one_process_is_started_for_a_command(walked: Walked) -> None:
    assert set(walked.between("calls", "_posixsubprocess:fork_exec")) == {EVERY}


def test_later_steps_make_hardly_more_calls_than_early_ones(walked: Walked) -> None:
    first, *_, last = walked.between("calls", "all")
    assert last <= 1.1 * first


async def test_later_steps_keep_no_more_memory_than_early_ones(tmp_path: Path) -> None:
    kept = [mark["kept"] for mark in (await walk("memory", tmp_path)).marks]
    first, *_, last = [after - before for before, after in pairwise(kept)]
    assert last <= 1.3 * first
    assert last / EVERY < 10_000
