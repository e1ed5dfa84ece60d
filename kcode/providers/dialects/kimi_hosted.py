"""Kimi models that somebody else serves: a vendor, vLLM, SGLang, llama.cpp."""

from kcode.providers import effort
from kcode.providers.dialect import Dialect, Target, indexed


def _matches(where: Target) -> bool:
    return where.kimi


DIALECT = Dialect(
    name="kimi_hosted",
    matches=_matches,
    rank=25,
    fields=effort.hosted,
    call_ids=indexed,
    reasoning="required",
    moonshot_schemas=True,
)
