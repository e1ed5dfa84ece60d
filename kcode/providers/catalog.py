"""What is known of models: Moonshot's own from K2 to K3.1, wherever they are served.

Settings win over what GET /models says, and that over this table. `max_output` is what kcode asks for, not
what a model could write at most: input and output share the window, and for some models they are equal.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast
from urllib.parse import urlsplit

from kcode.types.messages import Usage
from kcode.types.model import ModelInfo, Price

_128K, _256K, _1M = 131_072, 262_144, 1_048_576
_SHORT, _LONG = 32_768, 131_072


@dataclass(frozen=True, slots=True)
class _Family:
    """One model under all its names; `pattern` finds it in an id without vendor's decorations."""

    pattern: str
    label: str
    window: int
    output: int = _SHORT
    thinking: bool = True
    images: bool = True
    price: Price | None = None


_FAMILIES: tuple[_Family, ...] = (
    _Family(r"k3\.1.*(highspeed|fast)", "Kimi K3.1 Pro Highspeed", _1M, _LONG, price=Price(4, 0.2, 20, 4)),
    _Family(r"k3\.1", "Kimi K3.1 Pro", _1M, _LONG, price=Price(2, 0.2, 10, 2)),
    _Family(r"k3-256k", "Kimi K3 (256k)", _256K),
    _Family(r"k3", "Kimi K3", _1M, _LONG, price=Price(3, 0.3, 15, 3)),
    _Family(r"k2\.8", "Kimi K2.8", 1_000_000),
    _Family(r"k2\.7.*(highspeed|fast)", "Kimi K2.7 Code Highspeed", _256K, price=Price(1.9, 0.38, 8)),
    _Family(r"k2\.7", "Kimi K2.7 Code", _256K, price=Price(0.95, 0.19, 4)),
    _Family(r"k2\.6", "Kimi K2.6", _256K, price=Price(0.95, 0.16, 4)),
    _Family(r"k2\.5", "Kimi K2.5", _256K, price=Price(0.6, 0.1, 3)),
    _Family(r"k2-thinking-turbo", "Kimi K2 Thinking Turbo", _256K, images=False, price=Price(1.15, 0.15, 8)),
    _Family(r"k2-thinking", "Kimi K2 Thinking", _256K, images=False, price=Price(0.6, 0.15, 2.5)),
    _Family(r"k2-turbo", "Kimi K2 Turbo", _256K, thinking=False, images=False, price=Price(2.4, 2.4, 10)),
    _Family(r"k2.*0905", "Kimi K2 0905", _256K, thinking=False, images=False, price=Price(0.6, 0.15, 2.5)),
    _Family(r"k2", "Kimi K2", _128K, thinking=False, images=False, price=Price(0.6, 0.15, 2.5)),
    _Family(r"for-coding-highspeed", "Kimi for Coding Highspeed", _256K),
    _Family(r"for-coding", "Kimi for Coding", _256K),
    _Family(r"v1-8k", "Moonshot v1 8k", 8_192, 2_048, thinking=False, images=False, price=Price(0.2, 0.2, 2)),
    _Family(r"v1-32k", "Moonshot v1 32k", 32_768, 8_192, thinking=False, images=False, price=Price(1, 1, 3)),
    _Family(r"v1", "Moonshot v1", _128K, thinking=False, images=False, price=Price(2, 2, 5)),
)

_VENDORS: Mapping[str, str] = {
    "moonshot.ai": "Moonshot", "moonshot.cn": "Moonshot", "kimi.com": "Kimi Code", "kimi.ai": "Kimi Code",
    "openrouter.ai": "OpenRouter", "fireworks.ai": "Fireworks", "together.xyz": "Together",
    "together.ai": "Together", "deepinfra.com": "DeepInfra", "novita.ai": "Novita", "baseten.co": "Baseten",
    "siliconflow.cn": "SiliconFlow", "siliconflow.com": "SiliconFlow", "nvidia.com": "NVIDIA",
    "gmi-serving.com": "GMI", "groq.com": "Groq", "azure.com": "Azure", "amazonaws.com": "Bedrock",
    "googleapis.com": "Vertex", "cloudflare.com": "Cloudflare", "githubcopilot.com": "GitHub Copilot",
    "aliyuncs.com": "Alibaba", "synthetic.new": "Synthetic", "chutes.ai": "Chutes", "opencode.ai": "OpenCode",
    "volces.com": "Volcengine", "wandb.ai": "W&B", "nebius.com": "Nebius", "huggingface.co": "Hugging Face",
    "openai.com": "OpenAI", "ollama.com": "Ollama",
}  # fmt: skip

_PRICES: Mapping[str, Mapping[str, Price]] = {
    "DeepInfra": {
        "Kimi K2.5": Price(0.45, 0.07, 2.25), "Kimi K2.6": Price(0.75, 0.15, 3.5),
        "Kimi K2.7 Code": Price(0.68, 0.136, 3.4), "Kimi K3": Price(2.85, 0.285, 14.25),
    },
    "Fireworks": {
        "Kimi K2.5": Price(0.6, 0.1, 3), "Kimi K2.6": Price(0.95, 0.16, 4), "Kimi K2.7 Code": Price(0.95, 0.19, 4),
        "Kimi K2.7 Code Highspeed": Price(1.9, 0.38, 8), "Kimi K3": Price(3, 0.3, 15),
    },
    "Together": {
        "Kimi K2.6": Price(1.2, 0.2, 4.5), "Kimi K2.7 Code": Price(0.95, 0.19, 4), "Kimi K3": Price(3, 0.3, 15),
    },
    "Novita": {
        "Kimi K2 Thinking": Price(0.6, 0.15, 2.5), "Kimi K2.5": Price(0.6, 0.1, 3), "Kimi K2.6": Price(0.8, 0.16, 3.4),
        "Kimi K2.7 Code": Price(0.95, 0.19, 4), "Kimi K3": Price(3, 0.3, 15),
    },
    "Baseten": {
        "Kimi K2.6": Price(0.95, 0.16, 4), "Kimi K2.7 Code": Price(0.95, 0.16, 4), "Kimi K3": Price(3, 0.3, 15),
    },
    "Azure": {
        "Kimi K2.5": Price(0.6, 0.1, 3), "Kimi K2.6": Price(0.95, 0.16, 4), "Kimi K2.7 Code": Price(0.95, 0.19, 4),
    },
    "W&B": {
        "Kimi K2.5": Price(0.6, 0.1, 3), "Kimi K2.6": Price(0.65, 0.15, 3.41), "Kimi K2.7 Code": Price(0.71, 0.15, 3.5),
    },
    "Cloudflare": {"Kimi K2.6": Price(0.95, 0.16, 4), "Kimi K2.7 Code": Price(0.95, 0.19, 4)},
    "OpenCode": {
        "Kimi K3.1 Pro": Price(2, 0.2, 10, 2), "Kimi K3": Price(3, 0.3, 15, 3), "Kimi K2.7 Code": Price(0.95, 0.19, 4),
    },
}  # fmt: skip

_OUTPUTS: Mapping[str, int] = {
    "Nebius": 8_000,
    "Bedrock": 16_000,
    "Alibaba": 16_384,
    "GMI": 16_384,
    "DeepInfra": 16_384,
}
"""Vendors that allow less output than kcode would ask for."""

_VARIANT = re.compile(r"[-:](fast|spot|us|free|nitro|flex)$")
"""Offers with a price of their own."""

_VERSION = re.compile(r"(?<=k)(\d)[p_-](\d)(?![\d])")


def lookup(model: str, base_url: str = "") -> ModelInfo:
    """Return what the table knows of a model; safe assumptions, and no price, for one that it does not."""
    vendor = _vendor(base_url)
    family = _family(model, vendor)
    if family is None:
        return ModelInfo(model, vendor=vendor)
    price = family.price if vendor == "Moonshot" else _PRICES.get(vendor, {}).get(family.label)
    if _VARIANT.search(model.lower()) and "Highspeed" not in family.label:
        price = None
    return ModelInfo(
        model,
        window=family.window,
        max_output=min(family.output, _OUTPUTS.get(vendor, family.output)),
        price=price,
        images=family.images or "vision" in model.lower(),
        thinking=family.thinking,
        label=family.label,
        vendor=vendor,
    )


def listed(row: Mapping[str, Any], base_url: str = "") -> ModelInfo:
    """Return what is known of a model of GET /models: what its row says, and the table for the rest."""
    known = lookup(str(row.get("id", "")), base_url)
    names = ("context_length", "max_model_len", "context_window", "max_context_length", "max_input_tokens")
    window = next((n for n in map(_count, map(row.get, names)) if n), 0)
    # llama.cpp: what it was started with counts, not what the model was trained for.
    meta = _mapping(row.get("meta"))
    window = window or _count(meta.get("n_ctx")) or _count(meta.get("n_ctx_train")) or known.window
    output = _count(_mapping(row.get("top_provider")).get("max_completion_tokens"))
    output = output or _count(row.get("max_output_tokens"))
    inputs = _mapping(row.get("architecture")).get("input_modalities")
    images = row.get("supports_image_in")
    if isinstance(inputs, list):
        images = "image" in cast("list[object]", inputs)
    thinking = row.get("supports_reasoning")
    label = row.get("display_name") or row.get("name")
    return replace(
        known,
        window=window,
        max_output=min(known.max_output, output or known.max_output, max(1_024, window // 2)),
        images=images if isinstance(images, bool) else known.images,
        thinking=thinking if isinstance(thinking, bool) else known.thinking,
        label=label if isinstance(label, str) and label else known.label,
        price=_price(_mapping(row.get("pricing"))) or known.price,
    )


def newest(models: list[ModelInfo]) -> ModelInfo | None:
    """Return the newest of the Kimi K3 family, in its ordinary speed where there is a choice."""
    k3 = [(m, f) for m in models if (f := _family(m.id, m.vendor)) and f.pattern.startswith("k3")]
    ordinary = [(m, f) for m, f in k3 if not re.search("highspeed|fast|spot|free", m.id.lower())]
    ranked = sorted(
        ordinary or k3, key=lambda p: (not p[1].pattern.startswith(r"k3\.1"), -p[0].window, len(p[0].id))
    )
    return ranked[0][0] if ranked else None


def cost(usage: Usage, price: Price | None) -> float | None:
    """Return what a request cost in US dollars; None where the price is unknown."""
    return None if price is None else price.cost(usage)


def _vendor(base_url: str) -> str:
    host = (urlsplit(base_url).hostname or "").lower()
    return next(
        (name for domain, name in _VENDORS.items() if host == domain or host.endswith(f".{domain}")), ""
    )


def _family(model: str, vendor: str) -> _Family | None:
    name = model.lower()
    if "kimi" not in name and "moonshot" not in name and vendor not in {"Moonshot", "Kimi Code"}:
        return None
    name = name.split("/")[-1].split(":")[0].split("@")[0]
    name = _VERSION.sub(r"\1.\2", re.sub(r"moonshot(ai)?[.-]|kimi-?", " ", name))
    return next((f for f in _FAMILIES if re.search(rf"(?<![a-z0-9]){f.pattern}", name)), None)


def _price(row: Mapping[str, Any]) -> Price | None:
    """Read prices in dollars per token."""
    try:
        prompt, output = float(row["prompt"]) * 1e6, float(row["completion"]) * 1e6
        cached = float(row.get("input_cache_read") or prompt / 1e6) * 1e6
    except (KeyError, TypeError, ValueError):
        return None
    return Price(round(prompt, 6), round(cached, 6), round(output, 6))


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}
