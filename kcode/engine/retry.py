"""When a failed request is sent again, and after how long."""

from dataclasses import dataclass
from random import Random

from kcode.types.errors import ModelError, ModelErrorKind


@dataclass(frozen=True, slots=True)
class Backoff:
    """`attempts` in all, the first wait in seconds, which doubles up to `longest`."""

    attempts: int
    first: float
    longest: float


@dataclass(frozen=True, slots=True)
class Patience:
    """How long failures are waited out, in seconds.

    Attributes:
        overloaded: in all, for a server that says that it is overloaded.
        asked: the longest single wait that a server may ask for; the person is asked about a longer one.
    """

    overloaded: float = 600.0
    asked: float = 120.0


_PLANS: dict[ModelErrorKind, Backoff] = {
    "network": Backoff(4, 0.5, 8),
    "timeout": Backoff(3, 1, 8),
    "broken_stream": Backoff(5, 0.5, 8),
    "empty": Backoff(3, 0.5, 2),
    "repetition": Backoff(2, 0.5, 2),
    "rate_limited": Backoff(8, 2, 60),
    "overloaded": Backoff(0, 4, 60),
    "server": Backoff(6, 1, 30),
}


def attempts(error: ModelError, patience: Patience | None = None) -> int:
    """How often a request that fails in this way is sent at most."""
    plan = _PLANS.get(error.kind)
    if plan is None:
        return 1
    return plan.attempts or _fitting(plan, (patience or Patience()).overloaded)


def wait(error: ModelError, attempt: int, random: Random, patience: Patience | None = None) -> float | None:
    """Return the seconds to wait before the next attempt; None to give up.

    `attempt` counts from 1. Jitter of a quarter keeps many clients apart.
    """
    plan = _PLANS.get(error.kind)
    if plan is None or attempt >= attempts(error, patience):
        return None
    if error.retry_after is not None:
        return error.retry_after if 0 <= error.retry_after <= (patience or Patience()).asked else None
    return _pause(plan, attempt) * random.uniform(0.75, 1.25)


def _pause(plan: Backoff, attempt: int) -> float:
    return min(plan.longest, plan.first * 2 ** min(attempt - 1, 30))


def _fitting(plan: Backoff, seconds: float) -> int:
    """How many attempts fit into a time, the first one at its beginning."""
    attempt = 1
    while (seconds := seconds - _pause(plan, attempt)) >= 0:
        attempt += 1
    return attempt
