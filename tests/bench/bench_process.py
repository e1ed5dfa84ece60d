"""What a command costs: time of its own beyond the shell, memory under a flood, how fast a flood passes.

Run: python tests/bench/bench_process.py [--gigabytes N]
"""

import argparse
import asyncio
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from kcode.environment.processes import LocalProcesses
from kcode.process.spawn import run
from kcode.screen.sanitise import sanitise

ROUNDS = 300


async def _quiet(text: str) -> None:
    del text


def _resident() -> float:
    """Return this process's memory in MiB, now where the system tells, at most so far elsewhere."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return (
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            / 1024
            / (1024 if sys.platform == "darwin" else 1)
        )
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


async def _timed(once: Callable[[], Awaitable[object]], rounds: int = ROUNDS) -> tuple[float, float]:
    """Return the median and the best of many rounds, in milliseconds."""
    times: list[float] = []
    for _ in range(rounds):
        started = time.perf_counter()
        await once()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times), min(times)


def _line(name: str, times: tuple[float, float]) -> None:
    print(f"{name:<44} {times[0]:7.2f} ms median {times[1]:7.2f} ms best")


def _bare() -> None:
    process = subprocess.Popen(["/bin/bash", "-c", "true"], stdin=subprocess.DEVNULL, start_new_session=True)
    process.wait()


async def _commands(folder: Path) -> None:
    processes = LocalProcesses(folder)
    env = {"PATH": os.environ["PATH"]}

    async def bare() -> None:
        _bare()

    async def with_asyncio() -> None:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec("/bin/bash", "-c", "true", stdout=pipe, stderr=pipe)
        await process.communicate()

    async def command() -> None:
        await processes.run("true", _quiet, seconds=10)

    await command()
    _line("bash -c true, bare Popen", await _timed(bare))
    _line("bash -c true, asyncio", await _timed(with_asyncio))
    _line("spawn.run bash -c true", await _timed(lambda: run(["bash", "-c", "true"], cwd=folder, env=env)))
    before = _resident()
    _line("LocalProcesses.run true", await _timed(command))
    _line("LocalProcesses.run true, again", await _timed(command))
    print(f"{'memory after those 600 commands':<44} {_resident() - before:+7.2f} MiB")
    await processes.close()


async def _flood(folder: Path, gigabytes: float) -> None:
    processes = LocalProcesses(folder)
    await processes.run("yes | head -c 80M", _quiet, seconds=60)
    before = _resident()
    started = time.perf_counter()
    result = await processes.run(
        f"yes 'a line of output' | head -c {int(gigabytes * 2**30)}", _quiet, seconds=600
    )
    took = time.perf_counter() - started
    print(
        f"{f'{gigabytes:g} GiB of output':<44} {took:7.2f} s, {gigabytes * 1024 / took:,.0f} MiB/s, "
        f"memory {_resident() - before:+.2f} MiB, shown {len(result.output):,} characters"
    )
    await processes.close()


async def _sanitise() -> None:
    plain = "a line of plain output\n" * 4500

    async def once() -> None:
        sanitise(plain)

    _line(f"sanitise {len(plain) // 1000} KB of plain text", await _timed(once))


async def _all(folder: Path, gigabytes: float) -> None:
    await _commands(folder)
    await _sanitise()
    await _flood(folder, gigabytes)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=1.0, help="size of the flood")
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(_all(Path(os.path.realpath(name)), parser.parse_args().gigabytes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
