"""What safety costs: run `python tests/bench/bench_safety.py [--json]`.

The checker per command, the sandbox per command, a copy of a folder of 1,000 files before and after calls, and one
fsync of a log record. Each is the median and the best of many.
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from kcode.environment.guarded import look
from kcode.environment.partial import surrender
from kcode.environment.sandbox import Fence, confine, probe, probe_partial, wrap
from kcode.permissions.paths import Workspace
from kcode.permissions.policy import decide
from kcode.permissions.rules import RuleSet, parse_rule
from kcode.process.spawn import run
from kcode.session.shadow import Shadow
from kcode.types.tool import CommandNeed

COMMANDS = (
    "git status",
    "npm test",
    "ls -la src && cat README.md | head -20",
    "for f in *.py; do python -m py_compile $f; done",
    "rm -rf build",
    "find . -name '*.py' -exec grep -l main {} +",
    "cd sub && make -j4 2>&1 | tail -50",
)
CHAIN = " && ".join(f"grep -n 'name{n}' src/file{n}.py | head -{n}" for n in range(1, 16))
"""Thirty parts, no two of them alike."""
FILES = 1_000


def timed(work: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Return median and best in milliseconds."""
    times: list[float] = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times), min(times)


async def awaited(work: Callable[[], Awaitable[object]], rounds: int) -> tuple[float, float]:
    """As `timed`, for a coroutine."""
    times: list[float] = []
    for _ in range(rounds):
        began = time.perf_counter()
        await work()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times), min(times)


def checker() -> dict[str, tuple[float, float]]:
    """A verdict on each of some everyday commands, and one on a long chain."""
    rules = RuleSet().added(
        "allow", [parse_rule("Bash(npm test)", "user"), parse_rule("Bash(git status:*)", "user")]
    )
    workspace = Workspace("/ws", "/home/u")

    def each() -> None:
        for command in COMMANDS:
            decide(CommandNeed(command, Path("/ws")), "default", rules, workspace)

    def chain() -> None:
        decide(CommandNeed(CHAIN, Path("/ws")), "default", rules, workspace)

    each()
    median, best = (taken / len(COMMANDS) for taken in timed(each, 200))
    return {"verdict on a command": (median, best), "verdict on thirty in one": timed(chain, 200)}


async def sandbox(base: Path) -> dict[str, tuple[float, float]]:
    """A command that does nothing, bare, fenced in partially, and in full."""
    root, scratch = base / "work", base / "scratch"
    scratch.mkdir()
    bare = ["/bin/bash", "-c", "true"]
    found = {"command bare": await awaited(lambda: run(bare, cwd=root), 60)}
    fence = Fence([root], Path.home(), [], scratch)
    partial = await probe_partial()
    if partial.level == "partial":

        async def partially() -> None:
            how = confine(partial, fence, bare, root)
            await run(how.argv, cwd=root, enter=how.enter)

        found["command fenced in partially"] = await awaited(partially, 60)
        found["what may be done where"] = timed(lambda: surrender(fence, partial.landlock), 200)
    level = await probe(os.environ, [])
    if level.level == "full":
        found["command fenced in"] = await awaited(lambda: run(wrap(level, fence, bare, root), cwd=root), 60)
    found["look at what runs programs"] = timed(lambda: look([root]), 200)
    return found


async def snapshots(base: Path) -> dict[str, tuple[float, float]]:
    """The first copy, one where nothing changed, one where a file did."""
    root = base / "work"
    for number in range(FILES):
        place = root / f"folder{number % 40}" / f"file{number}.py"
        place.parent.mkdir(exist_ok=True)
        place.write_text(f"line of {number}\n" * 300)
    shadow = Shadow(base / "copies", root, "bench")
    found = {f"first copy of {FILES} files": await awaited(shadow.snapshot, 1)}
    found["copy, nothing changed"] = await awaited(shadow.snapshot, 30)
    numbers = iter(range(10_000))

    async def one_changed() -> None:
        (root / "folder1" / "file1.py").write_text(f"now {next(numbers)}\n")
        await shadow.snapshot()

    found["copy, one file changed"] = await awaited(one_changed, 30)
    return found


def fsync(base: Path) -> tuple[float, float]:
    """A record of 800 bytes, kept on disk."""
    descriptor = os.open(base / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def once() -> None:
        os.write(descriptor, b"x" * 800)
        (os.fdatasync if hasattr(os, "fdatasync") else os.fsync)(descriptor)

    try:
        return timed(once, 200)
    finally:
        os.close(descriptor)


async def measure(base: Path) -> dict[str, tuple[float, float]]:
    """Everything that is measured, in milliseconds: median and best."""
    await run(["git", "init", "-q", str(base / "work")], cwd=base)
    found = {**checker(), "fsync of a record": fsync(base)}
    return {**found, **await sandbox(base), **await snapshots(base)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object, in milliseconds")
    as_json = parser.parse_args().json
    with tempfile.TemporaryDirectory(dir=Path.home()) as name:
        base = Path(name).resolve()
        (base / "work").mkdir()
        found = asyncio.run(measure(base))
    if as_json:
        print(json.dumps({name: {"median": m, "best": b} for name, (m, b) in found.items()}, indent=1))
        return
    for name, (median, best) in found.items():
        print(f"{name:32} {median:9.3f} ms   best {best:9.3f} ms")


if __name__ == "__main__":
    main()
