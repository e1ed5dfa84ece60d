"""One shell command: the child, what it printed so far, and what is shown of it while it runs."""

import asyncio
import math
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from kcode.process import tree
from kcode.process.limits import Limits, first_to_go, over_memory
from kcode.process.output import Output, Spill
from kcode.process.spawn import Enter, PipeReader, start

End: TypeAlias = Literal["ended", "detached", "timed out", "too much"]
OnText: TypeAlias = Callable[[bytes], Awaitable[None]]

QUIET = 0.1
"""Seconds before the first output of a command is shown, and between two times: quick ones just end."""
_SHOWN = 8192
_LOOK = 0.25
"""Seconds between looks at what a running command takes of the machine."""


class Job:
    """A running or finished command. Made within a running loop.

    Attributes:
        id: its name for people and the model.
        command: what was asked for.
        child: the shell.
    """

    def __init__(  # noqa: PLR0913 - one value, made in one place
        self,
        id_: str,
        command: str,
        *,
        argv: Sequence[str],
        cwd: Path,
        env: Mapping[str, str],
        spill: Spill,
        limit: int,
        on_bytes: OnText | None,
        enter: Enter | None = None,
    ) -> None:
        self.id = id_
        self.command = command
        self.cwd = cwd
        self.detached = asyncio.Event()
        self._limit = limit
        self._spill = spill
        self._output = Output(limit, self._spill)
        self._progress = Progress(on_bytes) if on_bytes is not None else None
        read_end, write_end = os.pipe()
        try:
            self.child = start(argv, cwd=cwd, env=env, stdout=write_end, stderr=write_end, enter=enter)
        except BaseException:
            os.close(read_end)
            raise
        finally:
            os.close(write_end)
        if enter is not None:
            # Without that a command says so itself, see `kcode.process.shell`.
            first_to_go(self.child.pid)
        self._reader = PipeReader(read_end, self._take)

    def _take(self, data: bytes) -> None:
        self._output.feed(data)
        if self._progress is not None:
            self._progress.feed(data)

    @property
    def output(self) -> Output:
        """What it printed since it started, or since output was last taken."""
        return self._output

    def take_output(self) -> Output:
        """Return the output so far and begin anew."""
        taken, self._output = self._output, Output(self._limit, self._spill)
        return taken

    async def watch(self, seconds: float | None, limits: Limits) -> tuple[End, str]:
        """Wait until it ends, is detached, takes too long or takes too much of the machine.

        Args:
            seconds: how long it may take; None for a command that nobody waits for.
            limits: what it may take.

        Returns:
            Which of these it was; and in words what it took, for "too much".
        """
        loop = asyncio.get_running_loop()
        ended = asyncio.ensure_future(self.child.wait())
        detached = asyncio.ensure_future(self.detached.wait())
        waited = {ended} if seconds is None else {ended, detached}
        deadline = math.inf if seconds is None else loop.time() + seconds
        try:
            while True:
                pause = max(min(deadline - loop.time(), _LOOK), 0)
                await asyncio.wait(waited, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
                if ended.done():
                    return "ended", ""
                if detached.done() and detached in waited:
                    return "detached", ""
                if loop.time() >= deadline:
                    return "timed out", ""
                if why := over_memory(limits, self.child.family):
                    return "too much", why
        finally:
            ended.cancel()
            detached.cancel()

    def left(self, *, alone: bool = False) -> list[tree.Process]:
        """Return what still runs of it."""
        return tree.members(self.child.family, alone=alone)

    def detach(self) -> None:
        """Let whoever waits for it go on; from now on nothing of it is shown."""
        self.detached.set()
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    async def settle(self) -> bool:
        """Read the rest after the shell's end; whether the end of the output came."""
        ended = await self._reader.drain()
        if self._progress is not None:
            await self._progress.finish()
            self._progress = None
        return ended

    async def show_rest(self) -> None:
        """Show what was printed until now, also where nothing was shown yet; raises what showing raises."""
        if self._progress is not None:
            self._reader.read()
            await self._progress.flush()

    def close(self) -> None:
        """Stop reading; whatever still writes gets SIGPIPE."""
        self._reader.close()
        self._spill.close()
        if self._progress is not None:
            self._progress.stop()


class Progress:
    """Shows output while it comes: the newest of it, a few times a second, whatever the speed."""

    def __init__(self, show: OnText) -> None:
        self._show = show
        self._pending = bytearray()
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def feed(self, data: bytes) -> None:
        """Take in the next bytes."""
        if not self._pending and self._task is None and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(QUIET, self._start)
        self._pending += data[-_SHOWN:]
        if len(self._pending) > 2 * _SHOWN:
            del self._pending[:-_SHOWN]

    def _start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._pump())

    async def _pump(self) -> None:
        while True:
            if self._pending:
                data, self._pending = bytes(self._pending), bytearray()
                await self._show(data)
            await asyncio.sleep(QUIET)

    async def finish(self) -> None:
        """Show the rest, if anything was shown yet; raises what showing raised."""
        self.stop()
        if self._task is None:
            return
        await asyncio.wait({self._task})
        if not self._task.cancelled():
            self._task.result()
        if self._pending:
            await self._show(bytes(self._pending))

    async def flush(self) -> None:
        """Show the rest at once, and nothing more; raises what showing raises."""
        self.stop()
        if self._pending:
            data, self._pending = bytes(self._pending), bytearray()
            await self._show(data)

    def stop(self) -> None:
        """Show nothing more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
