"""Finding and ending everything that a child started, also what left its process group.

On Linux this process becomes the reaper of its orphans, so that a daemon whose parents are gone becomes its
child and is found in /proc. Elsewhere only the process group is known.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from kcode.process.environ import MARK

_PR_SET_CHILD_SUBREAPER = 36
_PAUSE = 0.01
_SCANS = 20
_UNKILLABLE = 1.0
"""Seconds after SIGKILL that a process may take to vanish; one that hangs in the kernel takes longer."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process as /proc shows it; `started` in clock ticks since boot, `memory` resident, in bytes."""

    pid: int
    parent: int
    group: int
    session: int
    zombie: bool
    started: int
    name: str
    memory: int


@dataclass(frozen=True, slots=True)
class Family:
    """A child and what it started.

    `poll` reaps the child and returns its status, None while it runs. `since` is the child's start, in clock
    ticks since boot.
    """

    pid: int
    mark: str
    since: int
    poll: Callable[[], int | None]


@cache
def adopt_orphans() -> bool:
    """Become the parent of descendants whose own parent ends; whether the system can do that."""
    if sys.platform != "linux":
        return False
    import ctypes  # noqa: PLC0415 - 6 ms that only the first child pays

    return ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def ticks() -> int:
    """Return the clock that processes' starts are told by, in ticks since boot; 0 where there is none."""
    if sys.platform != "linux":
        return 0
    return int(time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK"))


def look(pid: int) -> Process | None:
    """Return what /proc says of a process, None if there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:  # noqa: PTH123 - half the time of pathlib
            data = file.read()
    except OSError:
        return None
    before, _, after = data.rpartition(b")")
    fields = after.split()
    return Process(
        pid=pid,
        parent=int(fields[1]),
        group=int(fields[2]),
        session=int(fields[3]),
        zombie=fields[0] in {b"Z", b"X"},
        started=int(fields[19]),
        name=before.partition(b"(")[2].decode("utf-8", "replace"),
        memory=int(fields[21]) * os.sysconf("SC_PAGE_SIZE"),
    )


def children(pid: int) -> list[int]:
    """Return the ids of a process's children; empty where the system does not tell."""
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - names, not paths
            with (
                suppress(OSError),
                open(f"/proc/{pid}/task/{thread}/children", "rb", buffering=0) as file,  # noqa: PTH123 - speed
            ):
                found += map(int, file.read().split())
    return found


def descendants(roots: Iterable[int]) -> list[int]:
    """Return processes and everything below them."""
    found: dict[int, None] = {}
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found[pid] = None
            waiting += children(pid)
    return list(found)


def mark_of(pid: int) -> str:
    """Return the mark that a process inherited, "" if it has none or that cannot be known."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123 - speed
            data = b"\0" + file.read()
    except OSError:
        return ""
    _, _, rest = data.partition(f"\0{MARK}=".encode())
    return rest.partition(b"\0")[0].decode("ascii", "replace")


def members(family: Family, *, alone: bool = False) -> list[Process]:
    """Return everything of a family that lives: the child itself, its descendants, and orphans of theirs.

    Args:
        family: whose.
        alone: no other family lives, so an orphan without any mark is this one's.
    """
    before: set[int] = set()
    living, ended = _scan(family, alone=alone)
    for _ in range(_SCANS):
        if ended <= before:
            break
        # What ended while it was looked at may just have handed its children to this process.
        before |= ended
        living, ended = _scan(family, alone=alone)
    return living


def _scan(family: Family, *, alone: bool) -> tuple[list[Process], set[int]]:
    """Look at a family once; return who lives and the numbers of those that were found ended."""
    roots = [family.pid] if family.poll() is None else []
    ended: set[int] = set()
    for pid in children(os.getpid()):
        process = look(pid)
        if process is None or pid == family.pid:
            continue
        if process.zombie:
            if process.session == family.pid:
                ended.add(pid)
                reap(pid)
        elif _belongs(process, family, alone=alone):
            roots.append(pid)
    living: list[Process] = []
    for pid in descendants(roots):
        process = look(pid)
        if process is None or process.zombie:
            ended.add(pid)
        else:
            living.append(process)
    return living, ended


def _belongs(process: Process, family: Family, *, alone: bool) -> bool:
    if process.session == family.pid:
        return True
    mark = mark_of(process.pid)
    if mark:
        return mark == family.mark
    # A child that cleaned its environment. Libraries' children stay in this process's own session.
    return alone and process.started >= family.since and process.session != os.getsid(0)


def lives(family: Family, *, alone: bool = False) -> bool:
    """Whether anything of a family lives, as far as the system tells."""
    return bool(members(family, alone=alone)) or (sys.platform != "linux" and _signal_group(family, 0))


def reap(pid: int) -> None:
    """Take the status of an orphan that ended, so that it does not stay as a zombie."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


async def end(family: Family, grace: float, *, alone: bool = False) -> bool:
    """End a family: SIGTERM, and SIGKILL after `grace` seconds; whether nothing is left of it."""
    try:
        if await _asked(family, grace, alone=alone):
            return True
    except asyncio.CancelledError:
        kill(family, alone=alone)
        raise
    deadline = time.monotonic() + _UNKILLABLE
    while _signal(family, signal.SIGKILL, members(family, alone=alone)):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_PAUSE)
    return True


async def _asked(family: Family, seconds: float, *, alone: bool) -> bool:
    """Ask every member once to end; whether all did in time.

    A member that was just being forked, or had not yet become the program it was forked for, may have missed it:
    whoever shows up under a new number or name is asked too.
    """
    deadline = time.monotonic() + seconds
    asked: set[tuple[int, str]] = set()
    pause = 0.001
    while True:
        found = members(family, alone=alone)
        new = [process for process in found if (process.pid, process.name) not in asked]
        known = bool(asked)
        asked.update((process.pid, process.name) for process in new)
        if known:
            _signal_each(new, signal.SIGTERM)
            grouped = sys.platform != "linux" and _signal_group(family, 0)
        else:
            grouped = _signal(family, signal.SIGTERM, new)
        if not found and not grouped:
            return True
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        await asyncio.sleep(min(pause, left))
        pause = min(pause * 2, 0.05)


def kill(family: Family, *, alone: bool = False) -> bool:
    """Kill a family without waiting for the event loop; whether nothing is left of it."""
    for _ in range(20):
        if not _signal(family, signal.SIGKILL, members(family, alone=alone)):
            return True
        time.sleep(_PAUSE / 5)
    return False


def _signal(family: Family, number: int, found: Sequence[Process]) -> bool:
    """Send a signal to every member; whether there was any."""
    # The whole group at once first: a member that is just forking cannot slip through.
    grouped = (family.poll() is None or sys.platform != "linux") and _signal_group(family, number)
    _signal_each([process for process in found if not (grouped and process.group == family.pid)], number)
    return bool(found) or grouped


def _signal_each(processes: Sequence[Process], number: int) -> None:
    for process in processes:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process.pid, number)
            # A stopped process would not notice that it is asked to end.
            os.kill(process.pid, signal.SIGCONT)


def _signal_group(family: Family, number: int) -> bool:
    try:
        os.killpg(family.pid, number)
        if number:
            os.killpg(family.pid, signal.SIGCONT)
    except (ProcessLookupError, PermissionError):
        return False
    return True
