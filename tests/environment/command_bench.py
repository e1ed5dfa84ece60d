"""Shared by the tests of commands: real ones in a real folder, and whether what they started still runs."""

import asyncio
import time
from pathlib import Path

from kcode.environment.processes import LocalProcesses
from kcode.process import tree
from kcode.types.environment import CommandResult


class Bench:
    """Real commands in a real folder; what they show while they run is kept."""

    def __init__(self, processes: LocalProcesses, root: Path) -> None:
        self.processes = processes
        self.root = root
        self.shown: list[str] = []

    async def __call__(
        self, command: str, *, seconds: float = 20.0, background: bool = False
    ) -> CommandResult:
        return await self.processes.run(command, self._show, seconds=seconds, background=background)

    async def out(self, command: str) -> str:
        return (await self(command)).output.strip()

    async def rest(self, background: str) -> tuple[str, int | None]:
        """What a background command still prints until it has ended, and its status."""
        text = ""
        for _ in range(1_000):
            found = await self.processes.output(background)
            text += found.output
            if not found.running:
                return text, found.status
            await asyncio.sleep(0.02)
        raise AssertionError(f"it did not end; it printed {text!r}")

    async def _show(self, text: str) -> None:
        self.shown.append(text)


def alive(pid: int) -> bool:
    process = tree.look(pid)
    return process is not None and not process.zombie


async def gone(pid: int) -> bool:
    """Whether a process ends, or has ended, within a few seconds."""
    deadline = time.monotonic() + 3.0
    while alive(pid) and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    return not alive(pid)


async def pid_in(file: Path) -> int:
    """The number of a process that a command writes down."""
    for _ in range(500):
        if words := _words(file):
            return int(words[0])
        await asyncio.sleep(0.01)
    raise AssertionError("the process did not start")


def _words(file: Path) -> list[str]:
    return file.read_text().split() if file.exists() else []
