"""What endpoints taught is kept for the next run, and a broken file is no trouble."""

from pathlib import Path

import pytest

from kcode.app.profiles import FILE, Profiles
from kcode.app.spending import Spending
from kcode.config.home import Home
from kcode.providers.profile import Profile
from kcode.types.events import MessageAdded, TurnStarted
from kcode.types.messages import AssistantMessage, Usage

_URL = "https://vendor.example/v1"


def test_a_profile_comes_back_for_its_endpoint_and_model_only(tmp_path: Path):
    profiles = Profiles(Home(tmp_path))
    profiles.keep(_URL, "one", Profile({"no_text": "omitted"}, 100_000))
    assert Profiles(Home(tmp_path)).of(f"{_URL}/", "one") == Profile({"no_text": "omitted"}, 100_000)
    assert profiles.of(_URL, "two") == Profile()
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("text", ["", "{", "[]", '{"https://vendor.example/v1 one": 3}', "\0"])
def test_a_broken_file_counts_as_empty_and_is_replaced(tmp_path: Path, text: str):
    (tmp_path / FILE).write_text(text)
    profiles = Profiles(Home(tmp_path))
    assert profiles.of(_URL, "one") == Profile()
    profiles.keep(_URL, "one", Profile({}, 50_000))
    assert profiles.of(_URL, "one").window == 50_000


def test_nothing_is_kept_where_nothing_can_be_written(tmp_path: Path):
    profiles = Profiles(Home(tmp_path, problem="no room"))
    profiles.keep(_URL, "one", Profile({}, 50_000))
    assert not (tmp_path / FILE).exists()
    assert Profiles(Home(None)).of(_URL, "one") == Profile()


def test_the_oldest_profiles_go_first(tmp_path: Path):
    profiles = Profiles(Home(tmp_path))
    for i in range(210):
        profiles.keep(_URL, f"model-{i}", Profile({}, 10_000 + i))
    assert profiles.of(_URL, "model-0") == Profile()
    assert profiles.of(_URL, "model-209").window == 10_209


def test_spending_is_counted_by_turn_model_and_agent():
    spending = Spending()
    for agent, model, cost in (("main", "a", 0.1), ("main/1", "a", 0.2), ("main", "b", None)):
        usage = Usage(input=10, cost=cost)
        spending.count(
            MessageAdded(agent=agent, message=AssistantMessage(parts=(), usage=usage, model=model))
        )
    assert spending.total.cost == pytest.approx(0.3)
    assert spending.by_agent["main/1"].cost == 0.2
    assert spending.by_model["b"].cost is None
    spending.count(TurnStarted())
    assert (spending.turn.input, spending.total.input, spending.requests) == (0, 30, 3)
