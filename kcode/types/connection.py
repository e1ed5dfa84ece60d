"""Which model is asked, where, with which key, and who said so."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_SECRET_HEADER = re.compile(
    r"(?:^|[-_])(?:api-?)?(?:key|token|secret|auth|authorization|cookie|password|credentials?)(?:$|[-_])",
    re.IGNORECASE,
)
_SHORTEST = 8
"""Characters from which on a secret is looked for in texts: a shorter one would be found by chance."""


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

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be written down: the key, and headers named like one, also without their scheme ("Bearer")."""
        values = [self.api_key.strip()]
        for name, value in self.headers.items():
            if _SECRET_HEADER.search(name):
                values += [value.strip(), value.strip().rpartition(" ")[2]]
        return tuple(dict.fromkeys(value for value in values if len(value) >= _SHORTEST))
