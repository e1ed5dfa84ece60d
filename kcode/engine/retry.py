"""When a failed request is sent again, and after how long."""

from dataclasses import dataclass
from random import Random

from kcode.types.errors import ModelError, ModelErrorKind

MAX_WAIT = 120.0
"""Seconds; a server that asks for more is not waited for."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """`attempts` in all, the first wait in seconds, which doubles up to `longest`."""

    attempts: int
    first: float
    longest: float


_PLANS: dict[ModelErrorKind, Backoff] = {
    "network": Backoff(6, 0.5, 16),
    "timeout": Backoff(3, 1, 8),
    "broken_stream": Backoff(5, 0.5, 8),
    "empty": Backoff(3, 0.5, 2),
    "rate_limited": Backoff(8, 2, 60),
    "overloaded": Backoff(10, 4, 60),
    "server": Backoff(6, 1, 30),
}


def attempts(error: ModelError) -> int:
    """How often a request that fails in this way is sent at most."""
    plan = _PLANS.get(error.kind)
    return plan.attempts if plan else 1


def wait(error: ModelError, attempt: int, random: Random) -> float | None:
    """Return the seconds to wait before the next attempt; None to give up.

    `attempt` counts from 1. Jitter of a quarter keeps many clients apart.
    """
    plan = _PLANS.get(error.kind)
    if plan is None or attempt >= plan.attempts:
        return None
    if error.retry_after is not None:
        return error.retry_after if 0 <= error.retry_after <= MAX_WAIT else None
    return min(plan.longest, plan.first * 2 ** (attempt - 1)) * random.uniform(0.75, 1.25)
