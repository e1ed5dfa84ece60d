import os
import time
from pathlib import Path

import pytest
from session_logs import turn, user

from kcode.session.blobs import Blobs
from kcode.session.retention import Limits, clean, clean_in_background
from kcode.session.store import Store

DAY = 86_400


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path, print)


def recorded(store: Store, name: str, days: float) -> Path:
    log = store.create(Path("/app"), name)
    for event in turn(name):
        log.append(event)
    log.close()
    assert log.path is not None
    return aged(log.path, days)


def aged(path: Path, days: float) -> Path:
    stamp = time.time() - days * DAY
    os.utime(path, (stamp, stamp))
    return path


def spilled(home: Path, name: str, size: int, days: float) -> Path:
    path = home / "spill" / "s1" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    return aged(path, days)


def test_sessions_that_nobody_touched_for_long_are_deleted(store: Store, tmp_path: Path) -> None:
    old, new = recorded(store, "old", 31), recorded(store, "new", 29)
    (old.parent / "old.jsonl.bak").write_text("torn")
    assert clean(tmp_path, Limits(days=30)) == 1
    assert (old.exists(), new.exists(), (old.parent / "old.jsonl.bak").exists()) == (False, True, False)


def test_a_session_that_is_open_or_to_be_kept_is_not_deleted(store: Store, tmp_path: Path) -> None:
    log = store.create(Path("/app"), "open")
    log.append(user())
    assert log.path is not None
    aged(log.path, 99)
    kept = recorded(store, "kept", 99)
    assert clean(tmp_path, Limits(days=1), keep=kept) == 0
    log.close()
    assert clean(tmp_path, Limits(days=1), keep=kept) == 1
    assert kept.exists()


def test_empty_folders_go_with_their_last_session(store: Store, tmp_path: Path) -> None:
    old = recorded(store, "old", 31)
    clean(tmp_path, Limits())
    assert not old.parent.exists()


def test_the_oldest_spilled_outputs_go_first_until_the_rest_fits(tmp_path: Path) -> None:
    files = [spilled(tmp_path, f"{n}", 100, days=10 - n) for n in range(5)]
    assert clean(tmp_path, Limits(spill_bytes=250)) == 3
    assert [path.exists() for path in files] == [False, False, False, True, True]


def test_what_was_written_within_the_hour_is_kept_whatever_its_size(tmp_path: Path) -> None:
    fresh = spilled(tmp_path, "fresh", 1000, days=0)
    assert clean(tmp_path, Limits(spill_bytes=10)) == 0
    assert fresh.exists()


def test_images_go_when_nobody_read_them_for_long(store: Store, tmp_path: Path) -> None:
    session = recorded(store, "s", 1)
    blobs = Blobs(session.parent / "blobs")
    old, used = blobs.put(b"old"), blobs.put(b"used")
    for name in (old, used):
        aged(blobs.path(name), 40)
    assert blobs.get(used) == b"used"
    assert clean(tmp_path, Limits()) == 1
    assert (blobs.get(old), blobs.get(used)) == (None, b"used")


def test_a_clock_that_was_set_back_deletes_nothing(store: Store, tmp_path: Path) -> None:
    recorded(store, "s", 1)
    assert clean(tmp_path, Limits(), now=time.time() - 365 * DAY) == 0


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    home, outside = tmp_path / "home", tmp_path / "outside"
    outside.mkdir()
    precious = outside / "precious.jsonl"
    precious.write_text("x")
    aged(precious, 99)
    (home / "sessions" / "app").mkdir(parents=True)
    (home / "sessions" / "app" / "link.jsonl").symlink_to(precious)
    clean(home, Limits())
    assert precious.exists()


def test_cleaning_runs_beside_everything_else_and_never_complains(store: Store, tmp_path: Path) -> None:
    old = recorded(store, "old", 31)
    thread = clean_in_background(tmp_path, Limits())
    thread.join(10)
    assert not old.exists()
    thread = clean_in_background(tmp_path / "absent", Limits())
    thread.join(10)
    assert not thread.is_alive()


def test_copies_of_folders_go_when_nobody_worked_there_for_long(tmp_path: Path) -> None:
    old, new = tmp_path / "checkpoints" / "old" / "git", tmp_path / "checkpoints" / "new" / "git"
    for place in (old, new):
        place.mkdir(parents=True)
        (place / "HEAD").write_text("ref: refs/heads/checkpoints\n")
        (place / "index.123").write_text("left by a session that was killed")
    month = time.time() - 40 * 86_400
    os.utime(old / "HEAD", (month, month))
    os.utime(new / "index.123", (month, month))

    clean(tmp_path, Limits(days=30))

    assert not old.parent.exists()
    assert [path.name for path in new.iterdir()] == ["HEAD"]
