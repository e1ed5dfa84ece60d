"""Servers on this machine or in the house: Ollama, llama.cpp, LM Studio, vLLM."""

from kcode.providers import effort
from kcode.providers.dialect import Dialect, Target


def _matches(where: Target) -> bool:
    return where.host in {"localhost", "127.0.0.1", "::1", "0.0.0.0", "host.docker.internal"}  # noqa: S104 - compared


# Not all of them know max_completion_tokens, and an unknown field is silently ignored there.
DIALECT = Dialect(
    name="local", matches=_matches, rank=5, fields=effort.template, no_text="empty", limit_key="max_tokens"
)
