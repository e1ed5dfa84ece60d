import os
from pathlib import Path

import pytest
from session_logs import answer, objections, result, turn, user

from kcode.session.fold import fold
from kcode.session.log import SessionLog
from kcode.session.store import Store, slug
from kcode.types.errors import SessionError
from kcode.types.events import Event, MessageAdded
from kcode.types.messages import ImagePart, TextPart, UserMessage

HERE, THERE = Path("/home/me/app"), Path("/home/me-app")


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def store(tmp_path: Path, warnings: list[str]) -> Store:
    return Store(tmp_path / "home", warnings.append, "1.2.3")


def record(log: SessionLog, *events: Event) -> Path:
    for event in events:
        log.append(event)
    log.close()
    assert log.path is not None
    return log.path


def age(path: Path, seconds: float) -> None:
    stamp = path.stat().st_mtime - seconds
    os.utime(path, (stamp, stamp))


def test_a_session_lies_under_the_name_of_its_working_folder(store: Store, tmp_path: Path) -> None:
    path = record(store.create(HERE), *turn("hello"))
    assert path.parent == tmp_path / "home" / "sessions" / "-home-me-app"
    header = store.read(path).header
    assert (header.cwd, header.id, header.version) == (str(HERE), path.stem, "1.2.3")


def test_folders_with_one_name_are_told_apart(store: Store) -> None:
    assert slug(HERE) == slug(THERE)
    record(store.create(HERE), *turn("here"))
    record(store.create(THERE), *turn("there"))
    assert [s.title for s in store.list(HERE)] == ["here"]
    assert [s.title for s in store.list(THERE)] == ["there"]
    assert len(store.list()) == 2


def test_very_long_and_odd_folder_names_work(store: Store) -> None:
    for cwd in (Path("/" + "x" * 250) / ("y" * 250), Path("/tmp/ü \udcff\n"), Path("/")):
        record(store.create(cwd), *turn("odd"))
        assert [s.cwd for s in store.list(cwd)] == [str(cwd)]
    assert slug(Path("/" + "x" * 250 + "a")) != slug(Path("/" + "x" * 250 + "b"))


def test_the_list_shows_the_newest_first_with_title_and_size(store: Store) -> None:
    old = record(store.create(HERE), *turn("old  and\ncold"))
    record(store.create(HERE), *turn("new", "a", "b"))
    age(old, 100)
    summaries = store.list(HERE)
    assert [(s.title, s.messages) for s in summaries] == [("new", 5), ("old and cold", 2)]
    assert summaries[1].path == old
    latest = store.latest(HERE)
    assert latest is not None
    assert latest.title == "new"


def test_a_long_session_is_listed_without_reading_it(store: Store) -> None:
    events = [event for n in range(300) for event in turn(f"prompt {n} " + "x" * 500)]
    path = record(store.create(HERE), *events)
    assert path.stat().st_size > 200_000
    with path.open("r+b") as file:
        file.seek(100_000)
        file.write(b"\xff" * 20_000)
    (summary,) = store.list(HERE)
    assert summary.title.startswith("prompt 0 xxx")
    assert summary.messages == 600


def test_a_session_that_broke_off_in_its_first_turn_is_listed_too(store: Store) -> None:
    record(store.create(HERE), user("half done"), answer("", "a"))
    (summary,) = store.list(HERE)
    assert (summary.title, summary.messages) == ("half done", 2)


def test_files_that_are_no_sessions_are_not_listed(store: Store) -> None:
    path = record(store.create(HERE), *turn("good"))
    (path.parent / "foreign.jsonl").write_text('{"type":"user"}\n')
    (path.parent / "empty.jsonl").write_text("")
    (path.parent / "folder.jsonl").mkdir()
    os.mkfifo(path.parent / "pipe.jsonl")
    assert [s.title for s in store.list(HERE)] == ["good"]


def test_nothing_stored_is_an_empty_list(store: Store) -> None:
    assert list(store.list(HERE)) == []
    assert store.latest(HERE) is None


def test_a_session_is_found_by_its_id_its_beginning_or_words_of_its_title(store: Store) -> None:
    path = record(store.create(HERE, "abc-1"), *turn("Fix the parser"))
    record(store.create(THERE, "abd-2"), *turn("Fix the lexer"))
    for term in ("abc-1", "abc", "PARSER", " the par "):
        assert store.find(term, HERE).path == path
    assert store.find("abd", HERE).cwd == str(THERE)


def test_an_id_that_begins_another_one_is_found_itself(store: Store) -> None:
    record(store.create(HERE, "one"), *turn("a"))
    record(store.create(HERE, "one-more"), *turn("b"))
    assert store.find("one", HERE).title == "a"


@pytest.mark.parametrize("term", ["nothing", "", "  "])
def test_what_is_not_there_is_told(store: Store, term: str) -> None:
    record(store.create(HERE), *turn("a"))
    with pytest.raises(SessionError, match="No session fits"):
        store.find(term, HERE)


def test_several_that_fit_are_listed(store: Store) -> None:
    record(store.create(HERE, "s1"), *turn("fix one"))
    record(store.create(HERE, "s2"), *turn("fix two"))
    with pytest.raises(SessionError, match="2 sessions fit") as caught:
        store.find("fix", HERE)
    assert "s1  fix one" in str(caught.value)


@pytest.mark.parametrize("name", ["../up", "a/b", "", "-x", "x" * 81, "a\n", "ü"])
def test_an_id_that_is_no_file_name_is_refused(store: Store, name: str) -> None:
    with pytest.raises(SessionError, match="cannot be a session's id"):
        store.create(HERE, name)


def test_an_id_that_is_taken_is_refused_with_the_way_to_resume_it(store: Store) -> None:
    record(store.create(HERE, "mine"), *turn("a"))
    with pytest.raises(SessionError, match="--resume mine"):
        store.create(THERE, "mine")


def test_a_session_is_resumed_and_settled(store: Store) -> None:
    path = record(store.create(HERE), user(), answer("", "a"))
    recorded = store.read(path)
    state = fold(recorded.events)
    log = store.resume(recorded)
    for event in state.settlement():
        state.apply(event)
        log.append(event)
    record(log, *turn("next"))
    again = fold(store.read(path).events).transcript
    assert objections(again) == []
    assert list(again[:3]) == list(state.transcript)
    assert len(again) == 5


def test_a_fork_is_a_copy_that_names_its_parent_and_outlives_it(store: Store) -> None:
    original = record(store.create(HERE), *turn("one", "a"))
    before = original.read_bytes()
    recorded = store.read(original)
    copy = store.fork(recorded, HERE)
    assert [s.path for s in store.list(HERE)] == [original]
    path = record(copy, *turn("two"))
    original_text = original.read_bytes()
    original.unlink()
    again = store.read(path)
    assert original_text == before
    assert again.header.parent is not None
    assert (again.header.parent.id, again.header.parent.position) == (original.stem, len(recorded.lines))
    assert len(fold(again.events).transcript) == 6
    (summary,) = store.list(HERE)
    assert (summary.title, summary.messages) == ("one", 6)


def test_a_session_that_is_open_elsewhere_or_newer_can_be_forked(store: Store) -> None:
    log = store.create(HERE)
    log.append(user("open"))
    assert log.path is not None
    recorded = store.read(log.path)
    with pytest.raises(SessionError):
        store.resume(recorded)
    record(store.fork(recorded, HERE), answer())
    log.close()
    log.path.write_bytes(log.path.read_bytes().replace(b'"format":1', b'"format":9', 1))
    path = record(store.fork(store.read(log.path), HERE), answer())
    assert store.read(path).header.format == 1


def test_a_fork_into_another_folder_takes_its_images_along(store: Store) -> None:
    image = ImagePart(media_type="image/png", data="iVBORw0KGgo" * 40)
    said = MessageAdded(message=UserMessage(parts=(TextPart(text="look"), image)))
    recorded = store.read(record(store.create(HERE), said))
    path = record(store.fork(recorded, Path("/elsewhere")), result("x"))
    first = store.read(path).events[0]
    assert isinstance(first, MessageAdded)
    assert first.message == said.message


def test_without_a_home_everything_works_and_nothing_is_kept(warnings: list[str]) -> None:
    store = Store(None, warnings.append)
    log = store.create(HERE)
    for event in turn("a"):
        log.append(event)
    log.close()
    assert (log.path, list(store.list()), store.latest(HERE), warnings) == (None, [], None, [])


def test_a_home_that_cannot_be_written_is_told_once(tmp_path: Path, warnings: list[str]) -> None:
    (tmp_path / "home").write_text("a file")
    store = Store(tmp_path / "home", warnings.append)
    log = store.create(HERE)
    for event in [*turn("a"), *turn("b")]:
        log.append(event)
    log.close()
    assert len(warnings) == 1


def test_where_nothing_may_be_stored_old_sessions_can_still_be_gone_on_with(
    tmp_path: Path, store: Store
) -> None:
    path = record(store.create(HERE), *turn("a"))
    before = path.read_bytes()
    frozen = Store(tmp_path / "home", print, writable=False)
    recorded = frozen.read(frozen.find("a", HERE).path)
    for log in (frozen.resume(recorded), frozen.fork(recorded, HERE), frozen.create(HERE)):
        log.append(user("more"))
        log.close()
    assert path.read_bytes() == before
    assert len(frozen.list(HERE)) == 1
