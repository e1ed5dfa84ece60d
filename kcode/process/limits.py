"""What a command may take of the machine, so that a runaway one cannot stop the person's work."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kcode.process import tree

_LEAST_LEFT = 256 * 1024 * 1024
_LEAST_SHARE = 0.03


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one command and everything it starts.

    `processes` is how many more processes the user may have than ran at the start; the system does not hold the
    superuser to it. `memory` is the most that all of them may take together, in bytes; None ends a command
    only where the machine's memory runs out and the command holds much of it.
    """

    processes: int = 4096
    memory: int | None = None


def process_limit(limits: Limits) -> int:
    """Return the limit to set for a command that starts now; 0 where the system does not tell how many run."""
    try:
        running = Path("/proc/loadavg").read_text(encoding="ascii").split()[3].partition("/")[2]
    except (OSError, IndexError):
        return 0
    return int(running) + limits.processes if limits.processes else 0


def first_to_go(pid: int) -> None:
    """Let the system end a process before others when memory runs out."""
    with suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_bytes(b"1000")


def over_memory(limits: Limits, family: tree.Family) -> str:
    """Say why a command has to end for the memory it takes; empty if it may go on."""
    if limits.memory is None:
        left, total = _memory()
        least = max(_LEAST_LEFT, int(total * _LEAST_SHARE))
        if left >= least:
            return ""
        # A small command is not what fills the machine: ending it would help nobody.
        most, why = least, "the machine ran out of memory"
    else:
        most, why = limits.memory, f"more than {limits.memory >> 20:,} MiB"
    used = sum(process.memory for process in tree.members(family))
    return f"it took {used >> 20:,} MiB of memory ({why})" if used > most else ""


def _memory() -> tuple[int, int]:
    """Return the machine's available and total memory in bytes; much of both where that is not known."""
    try:
        with open("/proc/meminfo", "rb") as file:  # noqa: PTH123 - read four times a second
            lines = file.read(512).split(b"\n")
    except OSError:
        return 1 << 62, 0
    values = {
        name: int(rest.split()[0]) * 1024
        for name, _, rest in (line.partition(b":") for line in lines[:4])
        if rest
    }
    return values.get(b"MemAvailable", 1 << 62), values.get(b"MemTotal", 0)
