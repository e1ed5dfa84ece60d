import json
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from session_logs import answer, ended, finished, header, result, started, turn, user

from kcode.session.disk import Disk
from kcode.session.fold import fold
from kcode.session.log import SessionLog
from kcode.session.read import read_session
from kcode.types.errors import SessionError
from kcode.types.events import (
    Event,
    MessageAdded,
    Notice,
    PromptSet,
    StepStarted,
    TextDelta,
    TurnStarted,
)
from kcode.types.messages import ImagePart, TextPart, ToolMessage, UserMessage


class FaultyDisk:
    """A disk that fails as it is told to, and counts what it is asked."""

    def __init__(self) -> None:
        self.write_error: OSError | None = None
        self.sync_error: OSError | None = None
        self.room: int | None = None
        self.writes = 0
        self.syncs = 0

    def write(self, descriptor: int, data: bytes) -> int:
        self.writes += 1
        if self.write_error:
            raise self.write_error
        if self.room is not None:
            data = data[: self.room]
        return os.write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        self.syncs += 1
        if self.sync_error:
            raise self.sync_error

    def disk(self) -> Disk:
        return Disk(write=self.write, sync=self.sync, now=lambda: 5.0)


def new(path: Path, warnings: list[str], disk: Disk | None = None) -> SessionLog:
    return SessionLog(path, header(path.stem), on_warning=warnings.append, disk=disk)


def write(path: Path, events: list[Event]) -> None:
    warnings: list[str] = []
    log = new(path, warnings)
    for event in events:
        log.append(event)
    log.close()
    assert warnings == []


def reopen(path: Path) -> SessionLog:
    warnings: list[str] = []
    return SessionLog.reopen(read_session(path), on_warning=warnings.append)


def without_times(events: list[Event]) -> list[Event]:
    return [event.model_copy(update={"at": 0.0}) for event in events]


def test_what_was_appended_is_what_is_read(tmp_path: Path) -> None:
    events: list[Event] = [PromptSet(system="s", tools=()), *turn("hello", "a", "b")]
    write(tmp_path / "s.jsonl", events)
    recorded = read_session(tmp_path / "s.jsonl")
    assert without_times(list(recorded.events)) == events
    assert recorded.header.cwd == "/project"
    assert (recorded.title, recorded.messages) == ("hello", 5)
    assert (recorded.damaged, recorded.unknown, recorded.strange) == (0, 0, 0)


def test_an_event_is_stamped_with_the_time_unless_it_has_one(tmp_path: Path) -> None:
    log = new(tmp_path / "s.jsonl", [], FaultyDisk().disk())
    log.append(user())
    log.append(user().model_copy(update={"at": 3.0}))
    assert [event.at for event in read_session(tmp_path / "s.jsonl").events] == [5.0, 3.0]
    log.close()


def test_live_only_events_are_not_stored(tmp_path: Path) -> None:
    write(tmp_path / "s.jsonl", [user(), TextDelta(text="x"), StepStarted(step=1), Notice(text="n")])
    assert len(read_session(tmp_path / "s.jsonl").events) == 1


def test_a_session_without_a_message_leaves_no_file(tmp_path: Path) -> None:
    write(tmp_path / "deep" / "s.jsonl", [PromptSet(system="s", tools=()), TurnStarted()])
    assert list(tmp_path.iterdir()) == []


def test_files_and_folders_are_for_their_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "home" / "sessions" / "p" / "s.jsonl"
    write(path, turn("x"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    folders = [path.parent, path.parent.parent, path.parent.parent.parent]
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in folders] == [0o700] * 3


def test_every_record_is_one_write(tmp_path: Path) -> None:
    faulty = FaultyDisk()
    log = new(tmp_path / "s.jsonl", [], faulty.disk())
    for event in turn("x", "a"):
        log.append(event)
    assert faulty.writes == len(turn("x", "a")) - 1
    log.close()


@pytest.mark.parametrize(
    ("event", "syncs"),
    [(user(), 1), (answer(), 0), (started("b"), 1), (started("b", side_effects=False), 0), (ended(), 1)],
)
def test_the_disk_is_asked_to_keep_what_must_not_be_lost(tmp_path: Path, event: Event, syncs: int) -> None:
    faulty = FaultyDisk()
    log = new(tmp_path / "s.jsonl", [], faulty.disk())
    log.append(user())
    before = faulty.syncs
    log.append(event)
    assert faulty.syncs - before == syncs
    log.close()


def test_the_result_of_a_call_with_side_effects_is_kept_too(tmp_path: Path) -> None:
    faulty = FaultyDisk()
    log = new(tmp_path / "s.jsonl", [], faulty.disk())
    for event in (user(), answer("", "a", "b"), started("a"), started("b", side_effects=False)):
        log.append(event)
    before = faulty.syncs
    counts: list[int] = []
    for event in (finished("a"), finished("b"), result("a"), result("b")):
        log.append(event)
        counts.append(faulty.syncs - before)
    assert counts == [0, 0, 1, 1]
    log.close()


def test_a_second_writer_is_refused_with_a_hint_and_may_read(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    log = new(path, [])
    log.append(user())
    with pytest.raises(SessionError, match="--fork-session"):
        reopen(path)
    assert len(read_session(path).events) == 1
    log.close()
    reopen(path).close()


def test_a_log_that_grew_since_it_was_read_is_not_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    write(path, turn("a"))
    recorded = read_session(path)
    log = reopen(path)
    log.append(user("meanwhile"))
    log.close()
    with pytest.raises(SessionError, match="Try again"):
        SessionLog.reopen(recorded, on_warning=print)


def test_every_torn_last_record_is_cut_before_the_next_one_is_written(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    write(path, [user("first"), answer("second")])
    whole = path.read_bytes()
    last = whole.rstrip(b"\n").rfind(b"\n") + 1
    for cut in range(last, len(whole) + 1):
        torn = tmp_path / f"{cut}.jsonl"
        torn.write_bytes(whole[:cut])
        log = reopen(torn)
        assert torn.read_bytes() == whole[:cut]
        log.append(user("third"))
        log.close()
        recorded = read_session(torn)
        assert recorded.damaged == 0
        texts = [e.message.text for e in recorded.events if isinstance(e, MessageAdded)]
        complete = cut >= len(whole) - 1
        assert texts == (["first", "second", "third"] if complete else ["first", "third"])
        backup = torn.with_name(torn.name + ".bak")
        assert backup.exists() == (last < cut < len(whole) - 1)
        if backup.exists():
            assert backup.read_bytes() == whole[last:cut] + b"\n"


@pytest.mark.parametrize("garbage", [b"\0" * 300, b"\xff" * 300, b"\n" * 300, b'{"type":' * 40])
def test_garbage_in_the_middle_costs_only_the_records_it_hit(tmp_path: Path, garbage: bytes) -> None:
    path = tmp_path / "s.jsonl"
    write(path, [user(f"{n} " + "x" * 200) for n in range(10)])
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + len(garbage)] = garbage
    path.write_bytes(bytes(data))
    recorded = read_session(path)
    texts = [e.message.text.split()[0] for e in recorded.events if isinstance(e, MessageAdded)]
    assert texts[:3] == ["0", "1", "2"]
    assert texts[-3:] == ["7", "8", "9"]
    assert recorded.damaged >= 1
    assert "skipped" in " ".join(recorded.remarks)


def test_a_block_of_nuls_before_a_whole_record_does_not_hide_it(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    write(path, [user("a"), user("b")])
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([*lines[:2], b"\0" * 100 + lines[2], *lines[3:]]))
    assert len(read_session(path).events) == 2


def test_unknown_records_and_fields_are_ignored_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    write(path, [user("a")])
    with path.open("a", encoding="ascii") as file:
        file.write('{"type":"telepathy","agent":"main","thought":1}\n')
        file.write('{"type":"turn_started","agent":"main","mood":"good"}\n')
    recorded = read_session(path)
    assert (len(recorded.events), recorded.unknown, recorded.strange, recorded.damaged) == (2, 1, 1, 0)


def test_a_newer_format_can_be_read_but_not_continued(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    write(path, turn("a"))
    newer = path.read_bytes().replace(b'"format":1', b'"format":2', 1)
    path.write_bytes(newer)
    recorded = read_session(path)
    assert len(recorded.events) == 4
    with pytest.raises(SessionError, match="newer kcode"):
        SessionLog.reopen(recorded, on_warning=print)
    assert path.read_bytes() == newer


@pytest.mark.parametrize(
    "content", [b"", b"hello\n", b'{"type":"user","uuid":"1"}\n', b"[1]\n", b'{"type":"se']
)
def test_a_foreign_file_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s.jsonl"
    path.write_bytes(content)
    with pytest.raises(SessionError, match="not a kcode session"):
        read_session(path)
    assert path.read_bytes() == content


def test_a_session_whose_header_was_destroyed_is_still_read(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    write(path, turn("a"))
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([b"\0" * len(lines[0]), *lines[1:]]))
    recorded = read_session(path)
    assert (recorded.header.id, len(recorded.events), recorded.damaged) == ("s", 4, 1)


def test_a_pipe_a_folder_and_a_missing_file_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "folder.jsonl").mkdir()
    for name in ("pipe", "folder", "missing"):
        with pytest.raises(SessionError, match="cannot be read"):
            read_session(tmp_path / f"{name}.jsonl")


@settings(max_examples=60)
@given(st.text(st.characters(codec=None, categories=None), max_size=60))
def test_every_text_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("texts") / "s.jsonl"
    write(path, [user(text), result("a", text)])
    recorded = read_session(path)
    assert without_times(list(recorded.events)) == [user(text), result("a", text)]
    assert path.read_bytes().isascii()


@pytest.mark.parametrize("text", ["\u2028\u2029\u0085\r\n\v\f\x1c", "half \ud83d of a pair", "\0", "\ufeff"])
def test_characters_that_end_lines_or_are_half_of_one_come_back(tmp_path: Path, text: str) -> None:
    write(tmp_path / "s.jsonl", [user(text)])
    assert without_times(list(read_session(tmp_path / "s.jsonl").events)) == [user(text)]


def test_images_lie_beside_the_log_and_come_back(tmp_path: Path) -> None:
    image = ImagePart(media_type="image/png", data="iVBORw0KGgo" * 400)
    path = tmp_path / "s.jsonl"
    said = UserMessage(parts=(TextPart(text="look"), image))
    shown = ToolMessage(call_id="a", name="Read", parts=(image,))
    events: list[Event] = [MessageAdded(message=said), answer("", "a"), MessageAdded(message=shown)]
    write(path, events)
    assert without_times(list(read_session(path).events)) == events
    assert len(path.read_bytes()) < 2000
    (blob,) = (tmp_path / "blobs").iterdir()
    blob.write_bytes(b"other")
    first = read_session(path).events[0]
    assert isinstance(first, MessageAdded)
    assert "no longer stored" in first.message.parts[1].model_dump_json()


def test_a_failing_fsync_is_told_once_and_work_goes_on(tmp_path: Path) -> None:
    faulty, warnings = FaultyDisk(), list[str]()
    faulty.sync_error = OSError(5, "Input/output error")
    log = new(tmp_path / "s.jsonl", warnings, faulty.disk())
    for event in turn("a"):
        log.append(event)
    log.close()
    assert len(warnings) == 1
    assert "Input/output error" in warnings[0]
    assert len(read_session(tmp_path / "s.jsonl").events) == 4


@pytest.mark.parametrize("room", [0, 1, 30])
def test_a_full_disk_is_told_once_and_everything_is_written_when_there_is_room_again(
    tmp_path: Path, room: int
) -> None:
    faulty, warnings = FaultyDisk(), list[str]()
    path = tmp_path / "s.jsonl"
    log = new(path, warnings, faulty.disk())
    log.append(user("before"))
    faulty.room = room
    for n in range(5):
        log.append(answer(f"during {n}"))
    assert len(warnings) == 1
    assert not log.saving
    assert [len(read_session(path).events), read_session(path).damaged] == [1, 0]
    faulty.room = None
    log.append(ended())
    assert log.saving
    assert len(warnings) == 2
    assert "saved again" in warnings[1]
    texts = [e.message.text for e in read_session(path).events if isinstance(e, MessageAdded)]
    assert texts == ["before", *(f"during {n}" for n in range(5))]
    log.close()


def test_what_never_found_room_is_told_at_the_end(tmp_path: Path) -> None:
    faulty, warnings = FaultyDisk(), list[str]()
    faulty.write_error = OSError(28, "No space left on device")
    log = new(tmp_path / "s.jsonl", warnings, faulty.disk())
    log.append(user())
    log.append(answer())
    log.close()
    assert "2 records" in warnings[-1]


def test_a_place_that_cannot_be_written_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    warnings: list[str] = []
    log = new(tmp_path / "file" / "s.jsonl", warnings)
    for event in turn("a", "b"):
        log.append(event)
    log.close()
    assert len(warnings) == 1
    assert "KCODE_HOME" in warnings[0]


def test_without_a_place_nothing_is_kept_and_nothing_said() -> None:
    warnings: list[str] = []
    log = SessionLog(None, header(), on_warning=warnings.append)
    for event in turn("a"):
        log.append(event)
    log.close()
    assert (warnings, log.saving) == ([], False)


def test_a_deleted_file_is_noticed(tmp_path: Path) -> None:
    warnings: list[str] = []
    log = new(tmp_path / "s.jsonl", warnings)
    log.append(user())
    (tmp_path / "s.jsonl").unlink()
    log.append(ended())
    log.close()
    assert "deleted" in warnings[0]


def test_secrets_are_made_unreadable_and_the_lines_stay_json(tmp_path: Path) -> None:
    def redact(text: str) -> str:
        return text.replace("sk-1234", 'a "quoted" mark')

    log = SessionLog(tmp_path / "s.jsonl", header(), on_warning=print, redact=redact)
    log.append(user('my key is "sk-1234"'))
    log.append(answer("no secret"))
    log.close()
    assert b"sk-1234" not in (tmp_path / "s.jsonl").read_bytes()
    assert len(read_session(tmp_path / "s.jsonl").events) == 2


def test_a_title_of_ones_own_lasts(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    write(path, turn("first words"))
    log = reopen(path)
    log.rename("the parser")
    log.append(ended())
    log.close()
    assert read_session(path).title == "the parser"


def test_a_session_goes_on_where_it_ended(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    write(path, turn("one", "a"))
    log = reopen(path)
    for event in turn("two", "b"):
        log.append(event)
    log.close()
    recorded = read_session(path)
    assert len(fold(recorded.events).transcript) == 8
    marks = [json.loads(line) for line in path.read_bytes().splitlines() if b'"type":"mark"' in line]
    assert marks[-1]["messages"] == 8


@pytest.mark.skipif(
    sys.platform != "linux", reason="RLIMIT_FSIZE is tested where it is known to act on appends"
)
def test_a_real_limit_on_the_file_size_leaves_no_half_record(
    tmp_path: Path, limited: Callable[[str], str]
) -> None:
    path = tmp_path / "s.jsonl"
    told = limited(str(path))
    assert "cannot be saved" in told
    assert "saved again" in told
    recorded = read_session(path)
    assert recorded.damaged == 0
    assert len(recorded.events) == 51
