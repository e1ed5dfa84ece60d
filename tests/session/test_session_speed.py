"""Budgets in processor time, so that a busy machine does not matter much; the best of several runs counts."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from session_logs import answer, ended, finished, header, result, started, user

from kcode.session.disk import Disk
from kcode.session.fold import fold
from kcode.session.log import SessionLog
from kcode.session.read import read_session
from kcode.session.store import Store


def best_of(runs: int, act: Callable[[], object]) -> float:
    """The shortest processor time of several runs, in seconds."""
    times: list[float] = []
    for _ in range(runs):
        start = time.process_time()
        act()
        times.append(time.process_time() - start)
    return min(times)


@pytest.fixture
def long_log(tmp_path: Path) -> Path:
    """A log of 3,700 messages and 8,000 events, some 7 MB."""
    log = Store(tmp_path, print, disk=Disk(sync=lambda _: None)).create(Path("/app"))
    for turn in range(370):
        log.append(user("what next? " * 20))
        for step in range(3):
            calls = [f"call-{turn}-{step}-{n}" for n in range(2)]
            log.append(answer("let me see " * 30, *calls))
            for call in calls:
                log.append(started(call))
                log.append(finished(call, f"/src/{call}.py"))
            for call in calls:
                log.append(result(call, "a line of output\n" * 100))
        log.append(ended())
    log.close()
    assert log.path is not None
    return log.path


def test_a_record_of_a_kilobyte_is_appended_within_60_microseconds(tmp_path: Path) -> None:
    log = SessionLog(tmp_path / "s.jsonl", header(), on_warning=print)
    log.append(user())
    event = answer("x" * 1000)
    assert best_of(5, lambda: [log.append(event) for _ in range(500)]) / 500 < 60e-6
    log.close()


def test_a_session_of_3700_messages_is_resumed_within_half_a_second(long_log: Path) -> None:
    assert len(fold(read_session(long_log).events).transcript) == 3700
    assert best_of(3, lambda: fold(read_session(long_log).events)) < 0.5


def test_a_long_session_is_listed_within_20_milliseconds(long_log: Path) -> None:
    store = Store(long_log.parents[2], print)
    assert best_of(3, lambda: store.list(Path("/app"))) < 0.02


def test_a_fold_costs_the_same_for_an_event_late_in_a_session_as_for_an_early_one() -> None:
    state = fold([])

    def grow() -> None:
        for _ in range(2000):
            for event in (user(), answer("", "a"), started("a"), finished("a"), result("a"), ended()):
                state.apply(event)

    early = best_of(1, grow)
    for _ in range(8):
        grow()
    assert best_of(3, grow) < 5 * early
