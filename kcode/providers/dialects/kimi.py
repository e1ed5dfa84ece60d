"""Moonshot's own platform."""

from kcode.providers.dialect import Dialect, Target, indexed, on_host
from kcode.types.model import JsonObject


def _matches(where: Target) -> bool:
    return on_host(where, "moonshot.ai", "moonshot.cn")


def _thinking(where: Target) -> JsonObject:
    """Keep the thinking of earlier turns, so that a new question does not change the cached prefix."""
    if "k2.6" in where.model or "k2.7" in where.model:
        return {"thinking": {"type": "enabled", "keep": "all"}}
    return {}


DIALECT = Dialect(
    name="kimi",
    matches=_matches,
    rank=30,
    no_text="omitted",
    call_ids=indexed,
    reasoning="required",
    reasoning_key="reasoning_content",
    fields=_thinking,
    session_key=True,
    moonshot_schemas=True,
    tool_images=True,
    videos=True,
)
