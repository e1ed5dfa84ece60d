"""OpenAI itself, which refuses fields of a message that it does not know."""

from kcode.providers import effort
from kcode.providers.dialect import Dialect, Target, on_host


def _matches(where: Target) -> bool:
    return on_host(where, "openai.com", "openai.azure.com")


DIALECT = Dialect(name="openai", matches=_matches, rank=20, fields=effort.levels, reasoning="dropped")
