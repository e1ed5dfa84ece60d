"""A runaway command is ended; the machine and the agent go on."""

import asyncio
import os
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from kcode.environment.processes import LocalProcesses
from kcode.process.limits import Limits

linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is watched through /proc")


async def _quiet(text: str) -> None:
    del text


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@linux
async def test_a_command_that_eats_memory_is_ended_with_a_reason(tmp_path: Path) -> None:
    processes = LocalProcesses(tmp_path, limits=Limits(memory=200 << 20))

    result = await processes.run('a=$(yes | head -c 3000000000 | tr "\\n" x); echo never', _quiet, seconds=60)
    await processes.close()

    assert "of memory" in result.notes[0]
    assert "never" not in result.output
    assert result.status


@linux
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="no setpriv to become an ordinary user")
@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become another user")
def test_a_fork_bomb_of_an_ordinary_user_is_contained_and_ended(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    for folder in tmp_path.parents:
        if folder.stat().st_uid == os.geteuid() and folder.name.startswith("pytest-"):
            folder.chmod(folder.stat().st_mode | 0o011)
    script = textwrap.dedent(
        """
        import asyncio, os, sys, time
        from pathlib import Path
        from kcode.environment.processes import LocalProcesses
        from kcode.process.limits import Limits

        async def quiet(text): ...

        async def main():
            processes = LocalProcesses(Path(sys.argv[1]), limits=Limits(processes=150))
            started = time.monotonic()
            bomb = await processes.run("b() { b | b & }; b; sleep 30", quiet, seconds=1.5)
            took = time.monotonic() - started
            after = await processes.run("echo alive", quiet, seconds=10)
            mine = sum(1 for p in Path("/proc").iterdir() if p.name.isdigit() and alive(p))
            await processes.close()
            print(bomb.timed_out, after.output.strip(), mine, f"{took:.1f}")

        def alive(process):
            # Whoever is root's child and not waited for stays as a zombie of this user: nothing of it runs.
            try:
                state = (process / "stat").read_text().rpartition(")")[2].split()[0]
                return process.stat().st_uid == os.geteuid() and state not in "ZX"
            except OSError:
                return False

        asyncio.run(main())
        """
    )
    (tmp_path / "bomb.py").write_text(script)
    # The capability lets an ordinary user read a Python that lies in root's home; it lifts no limit.
    reads = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *reads]

    done = subprocess.run(
        [*user, sys.executable, str(tmp_path / "bomb.py"), str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "HOME": str(tmp_path),
        },
        cwd=tmp_path,
    )

    assert done.returncode == 0, done.stderr
    timed_out, after, mine, took = done.stdout.split()
    assert (timed_out, after) == ("True", "alive")
    assert int(mine) == 1
    assert float(took) < 8


async def test_a_flood_of_output_leaves_memory_flat(tmp_path: Path) -> None:
    processes = LocalProcesses(tmp_path, scratch=None)
    await processes.run("yes | head -c 50M", _quiet, seconds=60)
    before = _resident() if sys.platform == "linux" else 0

    result = await processes.run("yes 'some line of output' | head -c 1G", _quiet, seconds=60)

    assert result.total_bytes == 1 << 30
    assert len(result.output) < 35_000
    assert result.spill is not None
    assert result.spill.stat().st_size <= 64 << 20
    assert any("Not all output was kept" in note for note in result.notes)
    if sys.platform == "linux":
        assert _resident() - before < 8 << 20
    await processes.close()


async def test_a_flood_does_not_keep_others_from_running(tmp_path: Path) -> None:
    processes = LocalProcesses(tmp_path)
    flood = asyncio.ensure_future(processes.run("yes", _quiet, seconds=1.5))
    worst, ticks = 0.0, 0
    while not flood.done():
        started = time.monotonic()
        await asyncio.sleep(0.01)
        worst, ticks = max(worst, time.monotonic() - started), ticks + 1
    await processes.close()

    assert (await flood).timed_out
    assert ticks > 20
    assert worst < 0.5
