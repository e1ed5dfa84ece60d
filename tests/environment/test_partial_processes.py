"""Commands in the partial fence end, carry over and go to the background like all others."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import command_bench
import pytest
from command_bench import gone, pid_in

from kcode.environment.fence import Confined, Fence
from kcode.environment.processes import LocalProcesses
from kcode.environment.sandbox import Sandbox, confine, probe_partial

SIGNALS = 6


class Fencing:
    """Fences every command in, as long as it is told to."""

    def __init__(self, sandbox: Sandbox, root: Path) -> None:
        self.sandbox = sandbox
        self.root = root
        self.on = True

    def fences(self, command: str) -> bool:
        return self.on and bool(command)

    def confine(self, command: str, argv: Sequence[str], cwd: Path, scratch: Path) -> Confined:
        if not self.fences(command):
            return Confined(argv)
        return confine(self.sandbox, Fence([self.root], self.root.parent, [], scratch), argv, cwd)


class Bench(command_bench.Bench):
    def __init__(self, processes: LocalProcesses, fencing: Fencing) -> None:
        super().__init__(processes, fencing.root)
        self.fencing = fencing


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "work"
    folder.mkdir()
    return folder


@pytest.fixture
async def shell(root: Path) -> AsyncIterator[Bench]:
    sandbox = await probe_partial()
    if sandbox.level != "partial":
        pytest.skip(f"NOT TESTED: {sandbox.shown}")
    processes = LocalProcesses(root)
    processes.fencing = fencing = Fencing(sandbox, root)
    yield Bench(processes, fencing)
    await processes.close()


async def test_what_takes_too_long_is_ended_with_everything_it_started(shell: Bench) -> None:
    command = "setsid -f sh -c 'echo $$ > far; sleep 60'; sleep 60 & echo $! > near; echo early; sleep 60"
    result = await shell(command, seconds=2)
    assert (result.timed_out, result.output) == (True, "early\n")
    assert await gone(await pid_in(shell.root / "near"))
    assert await gone(await pid_in(shell.root / "far"))


async def test_cancelling_ends_it(shell: Bench) -> None:
    task = asyncio.ensure_future(shell("echo $$ > own; sleep 60"))
    pid = await pid_in(shell.root / "own")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await gone(pid)


async def test_a_background_command_runs_on_tells_its_output_and_is_killed(shell: Bench) -> None:
    started = await shell("echo $$ > own; echo up; touch ../outside; sleep 60", background=True)
    assert started.background is not None
    pid = await pid_in(shell.root / "own")
    output = await shell.processes.output(started.background)
    while not output.output:
        await asyncio.sleep(0.01)
        output = await shell.processes.output(started.background)
    assert output.running
    assert output.output.startswith("up\n")
    assert not (shell.root.parent / "outside").exists()
    assert await shell.processes.kill(started.background)
    assert await gone(pid)


async def test_what_a_command_leaves_running_is_known_and_ends_with_the_session(shell: Bench) -> None:
    result = await shell("sleep 60 >/dev/null 2>&1 & echo $! > own")
    assert "Still running in the background" in " ".join(result.notes)
    await shell.processes.close()
    assert await gone(await pid_in(shell.root / "own"))


async def test_folder_and_variables_carry_over_but_not_those_of_the_fence(shell: Bench) -> None:
    before = dict(shell.processes.env)
    (shell.root / "sub").mkdir()
    inside = await shell("cd sub; export WORD=carried; echo $TMPDIR")
    assert str(shell.processes.scratch) in inside.output
    shell.fencing.on = False
    after = await shell(
        'pwd; echo "$WORD"; echo "${TMPDIR-none}"; echo "${GOCACHE-none}"; touch ../../outside'
    )
    default = before.get("TMPDIR", "none")
    assert after.output.split() == [
        str(shell.root / "sub"),
        "carried",
        default,
        before.get("GOCACHE", "none"),
    ]
    assert (shell.root.parent / "outside").exists()


async def test_a_tmpdir_that_a_command_chose_itself_does_carry_over(shell: Bench) -> None:
    await shell("mkdir own; export TMPDIR=$PWD/own")
    shell.fencing.on = False
    assert (await shell("echo $TMPDIR")).output == f"{shell.root}/own\n"


async def test_exit_statuses_and_signals_are_told(shell: Bench) -> None:
    assert (await shell("exit 7")).status == 7
    assert (await shell("kill -TERM $$")).status == -15
    assert (await shell("no-such-program")).status == 127


async def test_it_is_the_first_to_go_when_memory_runs_out(shell: Bench) -> None:
    score = await shell("sleep 0.2; cat /proc/self/oom_score_adj")
    assert score.output == "1000\n"


def threads() -> int:
    return len([*Path("/proc/self/task").iterdir()])


async def test_no_thread_stays_behind(shell: Bench) -> None:
    before = threads()
    for _ in range(5):
        await shell("true")
    assert threads() <= before


async def test_one_command_cannot_end_another_but_kcode_can(shell: Bench) -> None:
    if shell.fencing.sandbox.landlock < SIGNALS:
        pytest.skip(f"NOT TESTED: Landlock {shell.fencing.sandbox.landlock} does not know signals")
    started = await shell("echo $$ > own; sleep 60", background=True)
    pid = await pid_in(shell.root / "own")
    assert (await shell(f"kill -KILL {pid}")).status == 1
    assert shell.processes.background() == [started.background]
    await shell.processes.close()
    assert await gone(pid)
