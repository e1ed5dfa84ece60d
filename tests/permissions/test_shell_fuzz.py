"""Random scripts, really run by bash in a sandbox: what would run unasked must not run the marker."""

import fuzz_arena
import pytest
from shell_fuzz import allowed, fragments, search, smallest

SEEDS = range(7001, 7009)
EACH = 250


@pytest.fixture(autouse=True, scope="module")
def sandbox() -> None:
    if why := fuzz_arena.missing():
        if fuzz_arena.required():
            pytest.fail(why)
        pytest.skip(why)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_script_that_would_run_unasked_runs_the_marker(seed: int) -> None:
    found = search(EACH, seed)
    assert found.holes == []
    assert found.missed == [], "a rule against the marker must stop what runs it"
    assert found.ran >= 0.3 * EACH, "too few scripts run the marker for this to prove anything"
    assert found.allowed >= 0.2 * EACH, "too few scripts are allowed for this to prove anything"
    assert found.denied >= 0.5 * found.ran, "a rule against the marker is to be found, not merely suspected"


@pytest.mark.parametrize("part", range(6))
def test_each_way_to_run_the_marker_by_itself_is_stopped(part: int) -> None:
    scripts = [each.replace("•", "evil") for each in (*fragments("runs"), *fragments("names"))][part::6]
    ran = fuzz_arena.run(scripts)
    assert sum(map(bool, ran)) > 0.7 * len(scripts)
    assert [text for text, marked in zip(scripts, ran, strict=True) if marked and allowed(text)] == []


def test_the_sandbox_notices_a_late_marker_and_outlives_scripts_that_attack_it() -> None:
    scripts = [
        "(sleep 0.05; evil) &",
        "kill -9 $PPID",
        "while :; do :; done",
        "rm -rf /; evil",
        "exit 3",
        "evil",
    ]
    assert fuzz_arena.run(scripts) == ["named", "", "", "named", "", "named"]


def test_a_hole_is_shown_in_its_smallest_form() -> None:
    def wrong(text: str) -> bool:
        return "evil" in text

    assert smallest("ls -la a | head -3; cat 'b' && evil x # evil", wrong) == "evil"
