"""A hundred sub-agents at once: bounded, ended together, and one that fails hurts no other."""

import asyncio
import os
from pathlib import Path

import pytest

from kcode.app.start import open_conversation
from kcode.config.options import Options
from kcode.providers.scripted import ScriptedModel, call, says
from kcode.types.errors import ModelError
from kcode.types.events import AgentFinished, AgentStarted, Event
from kcode.types.messages import AssistantMessage, ToolMessage, UserMessage
from kcode.types.model import Request
from tests.app.app_bench import Person
from tests.reliability.provoke import processes

MANY = 100
MARK = f"613.{os.getpid()}"


def handles() -> int:
    return len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0


class Crowd(Person):
    """Counts how many sub-agents there are at the same time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = self.tasks = self.handles = 0

    async def on_event(self, event: Event) -> None:
        await super().on_event(event)
        self.now += isinstance(event, AgentStarted) - isinstance(event, AgentFinished)
        self.most = max(self.most, self.now)
        self.tasks = max(self.tasks, len(asyncio.all_tasks()))
        self.handles = max(self.handles, handles())


async def answer(request: Request) -> AssistantMessage:
    """The parent starts them all; each runs a command, number 7 fails, and a word stops them in their work."""
    words = next(m.text for m in request.messages if isinstance(m, UserMessage) and m.origin == "user")
    last = request.messages[-1]
    if words.startswith("start"):
        if isinstance(last, ToolMessage):
            return says("All are back.")
        how = words.removeprefix("start")
        return says(
            "", *(call("Agent", prompt=f"part {n}{how}", description=f"part {n}") for n in range(MANY))
        )
    if words == "part 7":
        raise ModelError("it broke", kind="forbidden")
    if isinstance(last, ToolMessage):
        return says(f"Did {words}.")
    return says("", call("Bash", command=f"sleep {MARK}" if words.endswith("for long") else "echo ok"))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KCODE_HOME", str(tmp_path / "kcode"))
    folder = tmp_path / "work"
    folder.mkdir()
    return folder.resolve()


@pytest.mark.timeout(300)
async def test_a_hundred_sub_agents_run_a_few_at_a_time_and_one_that_fails_hurts_no_other(root: Path) -> None:
    crowd, before = Crowd(), handles()
    conversation = await open_conversation(Options(cwd=root), crowd, model=ScriptedModel([answer] * 400))
    ended = await conversation.prompt("start")
    assert ended.stop_reason == "end_turn", ended.note
    results = [m for m in conversation.state.transcript if isinstance(m, ToolMessage)]
    await conversation.close()
    assert len(results) == MANY
    assert sum("Did part" in m.text for m in results) == MANY - 1
    assert "it broke" in results[7].text
    assert crowd.most <= 10
    # One for each call that waits, and a few for each that runs.
    assert crowd.tasks < MANY + 80
    assert crowd.handles < before + 100
    assert handles() <= before + 2


@pytest.mark.timeout(300)
async def test_all_of_them_end_with_the_parent_and_leave_no_process(root: Path) -> None:
    crowd, before = Crowd(), len(asyncio.all_tasks())
    conversation = await open_conversation(Options(cwd=root), crowd, model=ScriptedModel([answer] * 400))
    turn = asyncio.create_task(conversation.prompt("start for long"))
    async with asyncio.timeout(100):
        while len(processes(MARK)) < 10:
            await asyncio.sleep(0.02)
    conversation.cancel()
    ended = await asyncio.wait_for(turn, 20)
    assert ended.stop_reason == "cancelled"
    assert processes(MARK) == []
    results = [m for m in conversation.state.transcript if isinstance(m, ToolMessage)]
    assert len(results) == MANY
    assert crowd.now == 0
    await conversation.close()
    assert len(asyncio.all_tasks()) <= before
