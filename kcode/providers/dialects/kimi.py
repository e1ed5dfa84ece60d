"""Moonshot's own platform."""

from kcode.providers import effort
from kcode.providers.dialect import Dialect, Target, indexed, on_host


def _matches(where: Target) -> bool:
    return on_host(where, "moonshot.ai", "moonshot.cn")


DIALECT = Dialect(
    name="kimi",
    matches=_matches,
    rank=30,
    fields=effort.moonshot,
    no_text="omitted",
    call_ids=indexed,
    reasoning="required",
    reasoning_key="reasoning_content",
    session_key=True,
    moonshot_schemas=True,
    tool_images=True,
    videos=True,
)
