"""How long a turn may work: looked at between steps, and kept to in the middle of one."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Generator

from kcode.engine.ports import Clock
from kcode.types.events import Event
from kcode.types.frontend import Decision, Frontend, PermissionRequest
from kcode.types.questions import Question


class Deadline:
    """The time of the turn that runs, with its sub-agents.

    Where a person is there, the time in which a question waits for them does not count, so that no question goes
    away under their hands. Where nobody is, all time counts: whoever set a limit wants the run to end.
    """

    def __init__(self, clock: Clock, limit: float | None = None, *, person: bool = False) -> None:
        """`limit` is in seconds; `person` says whether one answers questions."""
        self._clock = clock
        self._limit = limit
        self._person = person
        self._began = clock.monotonic()
        self._open = 0
        self._asked_at = 0.0
        self._answered = asyncio.Event()

    def begin(self) -> None:
        """A turn of the main agent begins."""
        self._began = self._clock.monotonic()

    @property
    def used(self) -> float:
        """Seconds that the turn has worked."""
        now = self._asked_at if self._open else self._clock.monotonic()
        return now - self._began

    @contextlib.contextmanager
    def asking(self) -> Generator[None]:
        """While a question is open, the time stands still."""
        if not self._person:
            yield
            return
        if not self._open:
            self._asked_at = self._clock.monotonic()
            self._answered.clear()
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1
            if not self._open:
                self._began += self._clock.monotonic() - self._asked_at
                self._answered.set()

    @contextlib.asynccontextmanager
    async def kept(self, end: Callable[[], None]) -> AsyncGenerator[None]:
        """Call `end` when the time is over, unless what is done meanwhile ends before."""
        self.begin()
        if self._limit is None:
            yield
            return
        watching = asyncio.create_task(self._watch(self._limit, end))
        try:
            yield
        finally:
            watching.cancel()

    async def _watch(self, limit: float, end: Callable[[], None]) -> None:
        while (left := limit - self.used) > 0:
            if self._open:
                await self._answered.wait()
            else:
                # Not the sleep of the clock: that one waits for servers, and this one waits while they are waited for.
                await asyncio.sleep(left)
        end()


class Patient:
    """A front end whose questions stop the time."""

    def __init__(self, frontend: Frontend, deadline: Deadline) -> None:
        self._frontend = frontend
        self._deadline = deadline

    async def on_event(self, event: Event) -> None:
        """Show what happened."""
        await self._frontend.on_event(event)

    async def decide(self, request: PermissionRequest) -> Decision:
        """Ask whether a call may run."""
        with self._deadline.asking():
            return await self._frontend.decide(request)

    async def ask(self, question: Question) -> str | None:
        """Ask something else."""
        with self._deadline.asking():
            return await self._frontend.ask(question)
