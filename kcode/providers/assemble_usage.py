"""Token counts, wherever a server puts them and whatever it calls them."""

import re
from collections.abc import Mapping
from typing import Any, cast

from kcode.types.messages import Usage


def read_usage(usage: Mapping[str, Any]) -> Usage | None:
    """Read the token counts of a response, wherever its server puts them; None if there are none."""
    prompt = _details(usage, "prompt_tokens_details", "input_tokens_details")
    completion = _details(usage, "completion_tokens_details", "output_tokens_details")
    total = _count(usage, "prompt_tokens", "input_tokens")
    output = _count(usage, "completion_tokens", "output_tokens")
    if not total and not output:
        return None
    cached = _count(usage, "cached_tokens", "prompt_cache_hit_tokens") or _count(prompt, "cached_tokens")
    written = _count(usage, "cache_write_tokens", "cache_creation_input_tokens")
    return Usage(
        input=total,
        cached=min(cached, total),
        cache_write=written or _count(prompt, "cache_write_tokens", "cache_creation_tokens"),
        output=output,
        reasoning=_count(completion, "reasoning_tokens") or _count(usage, "reasoning_tokens"),
    )


def _details(usage: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    for name in names:
        found: object = usage.get(name)
        if isinstance(found, dict):
            return cast("Mapping[str, Any]", found)
    return {}


def _count(usage: Mapping[str, Any], *names: str) -> int:
    for name in names:
        found: object = usage.get(name)
        if isinstance(found, str) and re.fullmatch(r"\d{1,12}", found):
            found = int(found)
        if isinstance(found, (int, float)) and found > 0:
            return int(found)
    return 0


def counted(usage: dict[str, Any]) -> dict[str, Any]:
    """Return what was counted: a zero says less than another number for the same."""
    return {name: count for name, count in usage.items() if count}
