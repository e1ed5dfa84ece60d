"""Children start fast, cannot ask anyone anything, and end as whole trees."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kcode.process import tree
from kcode.process.environ import clean_environment
from kcode.process.spawn import run, start

ROOT = Path("/")
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who descends from whom")


def _alive(pid: int) -> bool:
    process = tree.look(pid)
    return process is not None and not process.zombie


def _descriptors() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())


def _words(file: Path) -> list[str]:
    return file.read_text().split() if file.exists() else []


async def _pids(file: Path, count: int) -> list[int]:
    for _ in range(200):
        words = _words(file)
        if len(words) >= count:
            return [int(word) for word in words]
        await asyncio.sleep(0.01)
    raise AssertionError(f"{count} processes did not start")


async def test_both_streams_and_the_status_are_returned() -> None:
    result = await run(["sh", "-c", "echo out; echo err >&2; exit 3"], cwd=ROOT)

    assert (result.stdout, result.stderr, result.status) == (b"out\n", b"err\n", 3)


async def test_input_of_any_size_is_read_back() -> None:
    data = bytes(range(256)) * 4000

    assert (await run(["cat"], cwd=ROOT, stdin=data)).stdout == data


async def test_without_input_there_is_nothing_to_read() -> None:
    started = time.monotonic()

    result = await run(["cat"], cwd=ROOT)

    assert (result.status, result.stdout) == (0, b"")
    assert time.monotonic() - started < 5


async def test_a_child_has_no_terminal_to_ask_on() -> None:
    result = await run(["sh", "-c", "cat </dev/tty"], cwd=ROOT)

    assert result.status != 0


async def test_a_program_that_does_not_exist_is_an_error_and_leaks_nothing() -> None:
    before = _descriptors()

    with pytest.raises(FileNotFoundError):
        await run(["no-such-program"], cwd=ROOT)

    assert _descriptors() == before


async def test_time_ends_the_whole_tree_and_keeps_what_was_printed(tmp_path: Path) -> None:
    file = tmp_path / "pids"
    script = f"echo part; sleep 60 & echo $! >>{file}; (sleep 60 & echo $! >>{file}; wait) & wait"

    result = await run(["sh", "-c", script], cwd=ROOT, seconds=0.3)

    assert result.timed_out
    assert result.stdout == b"part\n"
    assert not any(map(_alive, await _pids(file, 2)))


@linux
async def test_a_daemon_that_left_the_group_is_ended_too(tmp_path: Path) -> None:
    file = tmp_path / "pids"
    daemon = f"setsid sh -c 'echo $$ >>{file}; exec sleep 60' &"

    result = await run(["sh", "-c", f"({daemon}) ; ({daemon}) ; sleep 60"], cwd=ROOT, seconds=0.4)

    assert result.timed_out
    assert not any(map(_alive, await _pids(file, 2)))


async def test_what_ignores_the_first_signal_gets_the_one_it_cannot_ignore() -> None:
    child = start(
        ["sh", "-c", "trap '' TERM; echo; while :; do sleep 1; done"], cwd=ROOT, env=dict(os.environ)
    )
    await asyncio.sleep(0.2)
    started = time.monotonic()

    gone = await child.end(grace=0.5)

    assert gone
    assert await child.wait() == -signal.SIGKILL
    assert 0.4 < time.monotonic() - started < 2


async def test_a_stopped_child_still_notices_that_it_has_to_end() -> None:
    child = start(["sh", "-c", "kill -STOP $$; sleep 60"], cwd=ROOT, env=dict(os.environ))
    await asyncio.sleep(0.2)
    started = time.monotonic()

    await child.end(grace=2)

    assert await child.wait() == -signal.SIGTERM
    assert time.monotonic() - started < 1.5


async def test_too_much_output_ends_the_child() -> None:
    result = await run(["yes"], cwd=ROOT, limit=1000)

    assert result.cut
    assert len(result.stdout) == 1000


async def test_someone_who_holds_the_output_open_does_not_hold_up_the_result() -> None:
    started = time.monotonic()

    result = await run(["sh", "-c", "sleep 3 & echo ok"], cwd=ROOT)

    assert result.left
    assert result.stdout == b"ok\n"
    assert time.monotonic() - started < 1.5


async def test_cancelling_at_any_moment_ends_the_child_and_never_hangs() -> None:
    before = set(tree.children(os.getpid()))
    pids: list[int] = []
    for round_ in range(60):
        task = asyncio.ensure_future(run(["sh", "-c", "echo $$; sleep 60"], cwd=ROOT))
        await asyncio.sleep(round_ % 20 / 4000)
        pids += tree.children(os.getpid())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 5)

    started = set(pids) - before
    assert started
    assert not any(map(_alive, started))


async def test_many_children_at_once_leave_no_descriptor_behind() -> None:
    await run(["true"], cwd=ROOT)
    before = _descriptors()

    results = await asyncio.gather(*(run(["sh", "-c", f"exit {n}"], cwd=ROOT) for n in range(40)))

    assert [result.status for result in results] == list(range(40))
    assert _descriptors() == before


async def test_waiting_may_be_cancelled_and_repeated() -> None:
    child = start(["sh", "-c", "sleep 0.2; exit 4"], cwd=ROOT, env=dict(os.environ))

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(child.wait(), 0.05)

    assert await child.wait() == 4


async def test_where_the_system_has_no_process_handles_a_thread_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)

    assert (await run(["sh", "-c", "sleep 0.05; exit 5"], cwd=ROOT)).status == 5


async def test_no_secret_reaches_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOONSHOT_API_KEY", "planted-secret")
    monkeypatch.setenv("KCODE_ANYTHING", "planted-secret")

    result = await run(["env"], cwd=ROOT)

    assert b"planted-secret" not in result.stdout
    assert b"GIT_TERMINAL_PROMPT=0" in result.stdout


@linux
def test_a_command_that_ends_everything_called_python_spares_one_that_took_a_title() -> None:
    script = (
        "import sys; from kcode.process.title import set_title; set_title('kcode'); print('ready', flush=True); "
        "sys.stdin.read()"
    )
    env = clean_environment(os.environ)
    victim = subprocess.Popen(
        [sys.executable, "-c", script, "marker-of-this-test"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**env, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert victim.stdout is not None
    assert victim.stdout.readline() == b"ready\n"

    found = subprocess.run(
        ["pgrep", "-f", "marker-of-this-test|python.*kcode.process.title"], capture_output=True, check=False
    )
    named = subprocess.run(["pgrep", "python"], capture_output=True, text=True, check=False).stdout.split()
    listed = Path(f"/proc/{victim.pid}/cmdline").read_bytes().rstrip(b"\0")
    victim.communicate(b"")

    assert str(victim.pid).encode() not in found.stdout.split()
    assert str(victim.pid) not in named
    assert listed == b"kcode"
    assert victim.returncode == 0
