"""Kimi models behind OpenRouter: what Kimi models need, in the words of the door."""

from dataclasses import replace

from kcode.providers import effort
from kcode.providers.dialect import Target
from kcode.providers.dialects.kimi_hosted import DIALECT as HOSTED
from kcode.providers.dialects.openrouter import DIALECT as DOOR


def _matches(where: Target) -> bool:
    return where.kimi and DOOR.matches(where)


DIALECT = replace(HOSTED, name="kimi_routed", matches=_matches, rank=26, fields=effort.routed)
