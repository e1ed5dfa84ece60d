"""The Kimi Code subscription: Moonshot's platform with efforts of its own."""

from dataclasses import replace

from kcode.providers import effort
from kcode.providers.dialect import Target, on_host
from kcode.providers.dialects.kimi import DIALECT as MOONSHOT


def _matches(where: Target) -> bool:
    return on_host(where, "kimi.com", "kimi.ai")


DIALECT = replace(MOONSHOT, name="kimi_code", matches=_matches, fields=effort.plan)
