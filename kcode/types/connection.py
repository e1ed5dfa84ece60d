"""Which model is asked, where, with which key, and who said so."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Connection:
    """An OpenAI-compatible endpoint.

    `base_url` ends with its version part ("https://host/v1"). `model` is empty where the endpoint's newest
    suitable model is to be chosen from GET /models. `source` says in words where the settings came from
    ("KCODE_BASE_URL", "~/.kcode/settings.json", "MOONSHOT_API_KEY", ...), `key_source` where the key did.
    `window` overrides what is known of the model, in tokens.
    """

    base_url: str
    api_key: str = field(default="", repr=False)
    model: str = ""
    source: str = ""
    vendor: str = ""
    window: int | None = None
    temperature: float | None = None
    """Sent with every request where the model takes one; Kimi models have theirs fixed."""
    effort: str = ""
    """How much the model is to think: off, low, medium, high, max; empty for what the endpoint does by itself."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    key_source: str = ""
