"""OpenRouter: thinking goes by the name of `reasoning`, and many vendors stand behind one door."""

from kcode.providers import effort
from kcode.providers.dialect import Dialect, Target, on_host


def _matches(where: Target) -> bool:
    return on_host(where, "openrouter.ai")


DIALECT = Dialect(
    name="openrouter",
    matches=_matches,
    rank=20,
    fields=effort.routed,
    reasoning_key="reasoning",
)
