"""What is known of models, by whatever name their vendor gives them."""

from collections.abc import Callable
from typing import Any

import pytest

from kcode.providers import catalog
from kcode.types.messages import Usage
from kcode.types.model import ModelInfo, Price

_MOONSHOT = "https://api.moonshot.ai/v1"


@pytest.mark.parametrize(
    ("model", "label"),
    [
        ("kimi-k3", "Kimi K3"),
        ("kimi-k3.1-pro", "Kimi K3.1 Pro"),
        ("kimi-k3.1-pro-highspeed", "Kimi K3.1 Pro Highspeed"),
        ("moonshotai/kimi-k2.6", "Kimi K2.6"),
        ("moonshotai/Kimi-K2.7-Code", "Kimi K2.7 Code"),
        ("accounts/fireworks/models/kimi-k2p5", "Kimi K2.5"),
        ("accounts/fireworks/models/kimi-k2p7-code", "Kimi K2.7 Code"),
        ("global.moonshotai.kimi-k3", "Kimi K3"),
        ("moonshot.kimi-k2-thinking", "Kimi K2 Thinking"),
        ("hf:moonshotai/Kimi-K3", "Kimi K3"),
        ("moonshotai/Kimi-K3-TEE", "Kimi K3"),
        ("@cf/moonshotai/kimi-k2.6", "Kimi K2.6"),
        ("moonshotai/chat-completion/models/Kimi-K2_6", "Kimi K2.6"),
        ("kimi-k2-6:free", "Kimi K2.6"),
        ("databricks-kimi-k2-7", "Kimi K2.7 Code"),
        ("moonshotai/Kimi-K2-Instruct-0905", "Kimi K2 0905"),
        ("Moonshot-Kimi-K2-Instruct", "Kimi K2"),
        ("kimi-for-coding", "Kimi for Coding"),
        ("moonshot-v1-32k", "Moonshot v1 32k"),
    ],
)
def test_a_model_is_known_by_every_name(model: str, label: str):
    info = catalog.lookup(model)
    assert (info.id, info.label) == (model, label)


def test_the_short_ids_of_the_plan_are_kimi_only_there():
    assert catalog.lookup("k3", "https://api.kimi.com/coding/v1").label == "Kimi K3"
    assert catalog.lookup("k3-256k", "https://api.kimi.ai/coding/v1").window == 262_144
    assert not catalog.lookup("k3", "https://models.example/v1").label


def test_an_unknown_model_gets_safe_assumptions_and_no_price():
    info = catalog.lookup("qwen3-coder", "http://localhost:11434/v1")
    assert info == ModelInfo("qwen3-coder")
    assert info.price is None


def test_prices_are_moonshots_only_at_moonshot():
    assert catalog.lookup("kimi-k3", _MOONSHOT).price == Price(3, 0.3, 15, 3)
    assert catalog.lookup("moonshotai/Kimi-K3", "https://api.deepinfra.com/v1/openai").price == Price(
        2.85, 0.285, 14.25
    )
    assert catalog.lookup("kimi-k3", "https://models.example/v1").price is None
    assert catalog.lookup("k3", "https://api.kimi.com/coding/v1").price is None
    assert (
        catalog.lookup(
            "accounts/fireworks/routers/kimi-k3-fast", "https://api.fireworks.ai/inference/v1"
        ).price
        is None
    )


def test_output_leaves_most_of_the_window_to_the_input():
    for model in ("kimi-k2", "kimi-k2.6", "kimi-k2.7-code", "kimi-k3", "moonshot-v1-8k", "whatever"):
        info = catalog.lookup(model, _MOONSHOT)
        assert info.max_output <= info.window // 4


def test_what_a_vendor_lists_wins_over_the_table():
    row = {
        "id": "kimi-k3",
        "context_length": 500_000,
        "supports_image_in": False,
        "display_name": "K3 (house)",
    }
    info = catalog.listed(row, _MOONSHOT)
    assert (info.window, info.images, info.label, info.thinking) == (500_000, False, "K3 (house)", True)
    assert info.price == Price(3, 0.3, 15, 3)


@pytest.mark.parametrize(
    "row",
    [
        {"max_model_len": 40_000},
        {"context_window": 40_000},
        {"max_context_length": 40_000},
        {"meta": {"n_ctx_train": 40_000}},
        {"context_length": None, "max_model_len": 40_000},
    ],
)
def test_the_window_is_found_where_each_server_puts_it(row: dict[str, Any]):
    info = catalog.listed({"id": "some-model", **row})
    assert info.window == 40_000
    assert info.max_output <= 20_000


def test_a_router_states_price_output_and_senses():
    row = {
        "id": "moonshotai/kimi-k3",
        "context_length": 1_000_000,
        "top_provider": {"max_completion_tokens": 65_536},
        "architecture": {"input_modalities": ["text"]},
        "pricing": {"prompt": "0.000003", "completion": "0.000015", "input_cache_read": "0.0000003"},
    }
    info = catalog.listed(row, "https://openrouter.ai/api/v1")
    assert info.price == Price(3.0, 0.3, 15.0)
    assert (info.max_output, info.images, info.vendor) == (65_536, False, "OpenRouter")


def test_rows_with_odd_values_do_no_harm():
    odd: dict[str, Any] = {
        "id": 3,
        "context_length": "many",
        "pricing": {"prompt": "free"},
        "meta": [],
        "name": None,
    }
    assert catalog.listed(odd) == ModelInfo("3")


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["kimi-k2.6", "kimi-k3", "kimi-k3.1-pro", "kimi-k3.1-pro-highspeed"], "kimi-k3.1-pro"),
        (["kimi-k3", "kimi-k2.7-code"], "kimi-k3"),
        (
            ["accounts/fireworks/routers/kimi-k3-fast", "accounts/fireworks/models/kimi-k3"],
            "accounts/fireworks/models/kimi-k3",
        ),
        (["kimi-k3.1-pro-highspeed"], "kimi-k3.1-pro-highspeed"),
        (["kimi-k2.7-code", "gpt-5"], None),
        ([], None),
    ],
)
def test_the_newest_of_the_k3_family_is_chosen(offered: list[str], chosen: str | None):
    found = catalog.newest([catalog.lookup(model, _MOONSHOT) for model in offered])
    assert (found and found.id) == chosen


def test_the_plan_offers_k3_under_its_short_id():
    rows = [catalog.lookup(m, "https://api.kimi.com/coding/v1") for m in ("kimi-for-coding", "k3-256k", "k3")]
    found = catalog.newest(rows)
    assert found is not None
    assert found.id == "k3"


def test_cost_counts_cached_and_written_tokens_apart():
    usage = Usage(input=1_000_000, cached=500_000, cache_write=100_000, output=100_000)
    assert catalog.cost(usage, Price(2, 0.2, 10, 4)) == pytest.approx(
        0.4 * 2 + 0.5 * 0.2 + 0.1 * 4 + 0.1 * 10
    )
    assert catalog.cost(usage, Price(2, 0.2, 10)) == pytest.approx(0.5 * 2 + 0.5 * 0.2 + 0.1 * 10)
    assert catalog.cost(usage, None) is None


def test_every_kimi_id_that_vendors_use_is_known(wire_corpus: Callable[[str], Any]):
    rows = wire_corpus("models.json")
    ids = {str(r["id"]) for r in [*rows["litellm"], *rows["models_dev"]]}
    unknown = sorted(i for i in ids if not catalog.lookup(i).label)
    assert len(ids) > 200
    assert all("latest" in i or i.startswith("k3") for i in unknown)


def test_windows_agree_with_what_most_vendors_say(wire_corpus: Callable[[str], Any]):
    rows = [r for r in wire_corpus("models.json")["models_dev"] if catalog.lookup(r["id"]).label]
    near = [0.75 < catalog.lookup(r["id"]).window / r["limit"]["context"] < 1.34 for r in rows]
    assert sum(near) / len(near) > 0.93
