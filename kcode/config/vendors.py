"""The endpoints that kcode knows by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Vendor:
    """An endpoint, the variables that hold its key in the order in which they are looked at, and its host."""

    name: str
    base_url: str
    variables: tuple[str, ...]
    label: str

    @property
    def host(self) -> str:
        """The host that its key may be sent to."""
        return urlsplit(self.base_url).hostname or ""


_ALL = (
    Vendor(
        "moonshot",
        "https://api.moonshot.ai/v1",
        ("MOONSHOT_API_KEY", "KIMI_API_KEY"),
        "Moonshot (api.moonshot.ai)",
    ),
    Vendor(
        "moonshot-cn",
        "https://api.moonshot.cn/v1",
        ("MOONSHOT_API_KEY", "KIMI_API_KEY"),
        "Moonshot China (api.moonshot.cn)",
    ),
    Vendor("kimi-code", "https://api.kimi.com/coding/v1", ("KIMI_CODE_API_KEY",), "Kimi Code (api.kimi.com)"),
    Vendor("openai", "https://api.openai.com/v1", ("OPENAI_API_KEY",), "OpenAI (api.openai.com)"),
    Vendor(
        "openrouter", "https://openrouter.ai/api/v1", ("OPENROUTER_API_KEY",), "OpenRouter (openrouter.ai)"
    ),
)
VENDORS: Mapping[str, Vendor] = {vendor.name: vendor for vendor in _ALL}
DEFAULT = "moonshot"


def vendor_of(base_url: str) -> Vendor | None:
    """The vendor whose host an address names."""
    host = urlsplit(base_url).hostname
    return next((vendor for vendor in _ALL if vendor.host == host), None)
