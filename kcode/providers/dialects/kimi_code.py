"""The Kimi Code subscription."""

from kcode.providers import effort
from kcode.providers.dialect import Dialect, Target, indexed, on_host


def _matches(where: Target) -> bool:
    return on_host(where, "kimi.com", "kimi.ai")


DIALECT = Dialect(
    name="kimi_code",
    matches=_matches,
    rank=30,
    fields=effort.plan,
    no_text="omitted",
    call_ids=indexed,
    reasoning="required",
    reasoning_key="reasoning_content",
    session_key=True,
    moonshot_schemas=True,
    tool_images=True,
    videos=True,
)
