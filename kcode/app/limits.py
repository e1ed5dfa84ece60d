"""What a turn and a session may use: steps, money, time."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from kcode.app.deadline import Deadline
from kcode.engine.guards import PlainHooks
from kcode.engine.ports import Clock
from kcode.types.events import Limit
from kcode.types.hooks import Continue, Stop
from kcode.types.questions import Ask, Option, Question
from kcode.types.state import State

WARNED_AT = 0.8
"""The part of a limit at which the person is warned."""
GO_ON, STOP = "Go on", "Stop here"
_WORDS: dict[Limit, str] = {
    "turns": "{:g} steps (--max-turns)",
    "budget": "${:g} (--max-budget-usd)",
    "time": "{:g} s (--max-time)",
}


def reached(name: Limit, limit: float) -> Stop:
    """End a turn at one of its limits."""
    return Stop("max_turn_requests", f"Reached the limit of {_WORDS[name].format(limit)}.", limit=name)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one turn may use: steps, US dollars, seconds; None where there is no limit."""

    steps: int | None = None
    usd: float | None = None
    seconds: float | None = None


@dataclass(slots=True)
class Meter:
    """What all agents of a conversation spent together; sub-agents count in.

    Attributes:
        spent: US dollars of the session so far, None where the price is unknown.
        ask: asks the person whether to go on past `ceiling`.
        ceiling: US dollars of the session at which the person is asked; None for never.
        portion: by how much the ceiling rises each time that the person says to go on.
        unpriced: names the model in use if its price is not known, else "".
        deadline: how long the turn has worked.
    """

    spent: Callable[[], float | None]
    ask: Ask | None = None
    ceiling: float | None = None
    portion: float = 0.0
    unpriced: Callable[[], str] | None = None
    base: float = 0.0
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    deadline: Deadline = field(default_factory=lambda: Deadline(Clock()))

    def begin(self) -> None:
        """A turn of the main agent begins."""
        self.base = self.spent() or 0.0


class LimitGuard(PlainHooks):
    """Ends a turn that has used what it may, and warns before."""

    def __init__(self, limits: Limits, clock: Clock, meter: Meter | None = None) -> None:
        """With a `meter`, whoever prompts the main agent begins it; without one, each first step does."""
        self._limits = limits
        self._clock = clock
        self._meter = meter
        self._began = 0.0
        self._base = 0.0
        self._warned: set[str] = set()

    async def before_step(self, state: State, step: int) -> Stop | Continue | None:
        """Check each limit."""
        spent = self._meter.spent() if self._meter else state.usage.cost
        if step == 1:
            self._warned.clear()
            self._began, self._base = self._clock.monotonic(), spent or 0.0
        seconds = self._meter.deadline.used if self._meter else self._clock.monotonic() - self._began
        if self._meter:
            self._base = self._meter.base
            stop = await self._ceiling(self._meter)
            if stop is not None:
                return stop
        limits = self._limits
        used: tuple[tuple[Limit, float | None, float], ...] = (
            ("turns", limits.steps, step - 1),
            ("budget", limits.usd, (spent or 0.0) - self._base),
            ("time", limits.seconds, seconds),
        )
        for name, limit, amount in used:
            if limit is not None and amount >= limit:
                return reached(name, limit)
        notes = [
            f"{amount / limit:.0%} of the limit of {_WORDS[name].format(limit)} is used."
            for name, limit, amount in used
            if limit is not None and amount >= WARNED_AT * limit and self._first(name)
        ]
        notes += self._of_budget(spent or 0.0)
        unpriced = self._unpriced(spent, step) if limits.usd is not None else ""
        if unpriced and self._first("price"):
            notes.append(
                f"The price of {unpriced} is not known, so --max-budget-usd cannot be kept to: what it costs is not "
                "counted, and the turn goes on. --max-turns and --max-time hold."
            )
        return Continue("", note="\n".join(notes)) if notes else None

    def _unpriced(self, spent: float | None, step: int) -> str:
        if self._meter and self._meter.unpriced:
            return self._meter.unpriced()
        return "this model" if spent is None and step > 1 else ""

    def _of_budget(self, spent: float) -> list[str]:
        ceiling = self._meter.ceiling if self._meter else None
        if ceiling is None or spent < WARNED_AT * ceiling or not self._first("ceiling"):
            return []
        return [f"{spent / ceiling:.0%} of the budget of ${ceiling:g} for this session is used (/budget)."]

    def _first(self, name: str) -> bool:
        if name in self._warned:
            return False
        self._warned.add(name)
        return True

    async def _ceiling(self, meter: Meter) -> Stop | None:
        """Ask the person before going on past the session's budget."""
        async with meter.asking:
            spent = meter.spent() or 0.0
            if meter.ceiling is None or spent < meter.ceiling:
                return None
            words = f"The budget of ${meter.ceiling:g} for this session is used up (${spent:.2f})."
            options = (Option(GO_ON, f"up to another ${meter.portion:g}"), Option(STOP))
            question = Question(words, options, header="Budget", closed=True)
            answer = await meter.ask(question) if meter.ask else None
            if answer != GO_ON:
                return Stop("max_turn_requests", f"{words} Raise it with /budget.", limit="budget")
            meter.ceiling = spent + meter.portion
            self._warned.discard("ceiling")
        return None
