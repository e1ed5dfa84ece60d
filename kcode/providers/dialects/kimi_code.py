"""The Kimi Code subscription."""

from kcode.providers.dialect import Dialect, Target, indexed, on_host
from kcode.types.model import JsonObject


def _matches(where: Target) -> bool:
    return on_host(where, "kimi.com", "kimi.ai")


def _thinking(_where: Target) -> JsonObject:
    return {"thinking": {"type": "enabled", "keep": "all"}}


DIALECT = Dialect(
    name="kimi_code",
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
