"""History, pastes, completion and pictures."""

import asyncio
import base64
import json
import os
import stat
import time
from pathlib import Path

import pytest

from kcode.frontends.repl.complete import CommandName, match_commands, mention
from kcode.frontends.repl.editor import editor_command
from kcode.frontends.repl.files import FileIndex, list_files
from kcode.frontends.repl.history import KEEP, READ, DiskHistory
from kcode.frontends.repl.images import images_in
from kcode.frontends.repl.pastes import Pastes, clean
from kcode.frontends.repl.picker import ago
from kcode.frontends.repl.status import Status
from kcode.frontends.repl.theme import Theme, detect


def loaded(path: Path) -> list[str]:
    return list(DiskHistory(path).load_history_strings())


def test_prompts_come_back_the_newest_first_and_once(tmp_path: Path) -> None:
    history = DiskHistory(tmp_path / "home" / "history")
    for text in ("one", "two\nlines", "one"):
        history.remember(text, text)
    assert loaded(tmp_path / "home" / "history") == ["one", "two\nlines"]


def test_only_the_owner_can_read_the_history(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_text("")
    path.chmod(0o644)
    DiskHistory(path).remember("secret", "secret")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_lines_that_cannot_be_read_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_bytes(b'{"text": "good"}\n\xff\xfe\n[1]\n{"text": 3}\n{"text": "later"}\n{"text": "torn')
    assert loaded(path) == ["later", "good"]


def test_half_characters_and_separators_survive(tmp_path: Path) -> None:
    history = DiskHistory(tmp_path / "history")
    history.remember("a\u2028b\ud800", "a\u2028b\ud800")
    assert loaded(tmp_path / "history") == ["a\u2028b\ud800"]


def test_a_history_that_has_grown_too_large_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_bytes(
        b"".join(json.dumps({"text": f"{i:08} {'x' * 90}"}).encode() + b"\n" for i in range(40_000))
    )
    assert path.stat().st_size > KEEP
    DiskHistory(path).remember("new", "new")
    assert path.stat().st_size <= READ + 100
    assert loaded(path)[0] == "new"


def test_a_history_that_cannot_be_written_is_still_remembered(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    history = DiskHistory(tmp_path / "file" / "history")
    history.remember("kept", "kept")
    assert history.get_strings() == ["kept"]


def test_short_pastes_stay_and_long_ones_are_folded() -> None:
    pastes = Pastes()
    assert pastes.fold("short\ntext") == "short\ntext"
    lines, wide = "x\n" * 20, "y" * 5000
    shown = f"look: {pastes.fold(lines)} and {pastes.fold(wide)}"
    assert shown == "look: [Pasted text #1 +20 lines] and [Pasted text #2]"
    assert pastes.unfold(shown) == f"look: {lines} and {wide}"


def test_a_stand_in_that_was_only_typed_stays_as_typed() -> None:
    assert Pastes().unfold("[Pasted text #7 +3 lines]") == "[Pasted text #7 +3 lines]"


def test_pasted_line_ends_and_half_characters_are_mended() -> None:
    assert clean("a\r\nb\rc\udc80") == "a\nb\nc\ufffd"


def test_commands_are_found_by_beginning_alias_and_letters() -> None:
    commands = [
        CommandName("compact"),
        CommandName("context"),
        CommandName("clear", aliases=("reset", "new")),
    ]
    assert [c.name for c in match_commands(commands, "co")] == ["compact", "context"]
    assert [c.name for c in match_commands(commands, "res")] == ["clear"]
    assert [c.name for c in match_commands(commands, "cmp")] == ["compact"]
    assert len(match_commands(commands, "")) == 3


def test_a_name_with_blanks_is_quoted() -> None:
    assert mention("a b.txt") == '@"a b.txt"'
    assert mention("a.txt") == "@a.txt"


async def test_ignored_files_are_not_offered_and_hidden_ones_are(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("build/\n")
    for name in ("build/out.js", "src/main.py", ".github/ci.yml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    names = await list_files(tmp_path)
    assert sorted(names) == [".github/ci.yml", ".gitignore", "src/main.py"]


async def test_the_best_file_comes_first() -> None:
    async def lister(_: Path) -> list[str]:
        return ["docs/app/notes.md", "src/application.py", "src/app.py", "a/p/p/x.txt"]

    index = FileIndex(Path(), lister)
    assert await index.search("app") == [
        "src/app.py",
        "src/application.py",
        "docs/app/",
        "docs/app/notes.md",
        "a/p/p/x.txt",
        "a/p/p/",
    ]
    assert await index.search("srcap") == ["src/app.py", "src/application.py"]
    assert await index.search("") == ["a/", "docs/", "src/"]


async def test_a_hundred_thousand_files_are_searched_while_keys_go_on() -> None:
    async def lister(_: Path) -> list[str]:
        return [f"pkg{i % 97}/module{i % 1013}/file_{i}.py" for i in range(100_000)]

    index = FileIndex(Path(), lister)
    await index.search("")
    slowest = 0.0
    search = asyncio.create_task(index.search("file_99"))
    while not search.done():
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        slowest = max(slowest, time.perf_counter() - began)
    assert (await search)[0].endswith("/file_99.py")
    assert slowest < 0.25


async def test_the_list_is_made_once_for_many_keys() -> None:
    made: list[Path] = []

    async def lister(root: Path) -> list[str]:
        made.append(root)
        return ["one.py"]

    index = FileIndex(Path(), lister)
    for typed in ("o", "on", "one"):
        assert await index.search(typed) == ["one.py"]
    assert len(made) == 1


def test_pictures_named_in_a_prompt_are_sent_along(tmp_path: Path) -> None:
    (tmp_path / "shot one.png").write_bytes(b"\x89PNG")
    (tmp_path / "note.txt").write_text("no picture")
    images = images_in('see @"shot one.png", @note.txt, mail@x.png and @missing.jpg', tmp_path)
    assert [i.media_type for i in images] == ["image/png"]
    assert base64.b64decode(images[0].data) == b"\x89PNG"


@pytest.mark.parametrize(
    ("environ", "encoding", "terminal", "expected"),
    [
        ({"TERM": "xterm"}, "utf-8", True, (True, True, False)),
        ({"TERM": "xterm", "NO_COLOR": "1"}, "utf-8", True, (False, True, False)),
        ({"TERM": "dumb"}, "utf-8", True, (False, False, False)),
        ({}, "utf-8", True, (False, False, False)),
        ({"TERM": "xterm"}, "ascii", True, (True, True, True)),
        ({"TERM": "xterm"}, "latin-1", True, (True, True, True)),
        ({"TERM": "xterm"}, "utf-8", False, (False, False, False)),
    ],
)
def test_a_terminal_is_drawn_on_as_it_can_be(
    environ: dict[str, str], encoding: str, terminal: bool, expected: tuple[bool, bool, bool]
) -> None:
    theme = detect(environ, encoding, terminal=terminal)
    assert (theme.colour, theme.drawable, theme.ascii) == expected


def test_the_person_chooses_the_editor(tmp_path: Path) -> None:
    assert editor_command({"VISUAL": "code --wait", "EDITOR": "vi"}) == ["code", "--wait"]
    (tmp_path / "vim").write_text("")
    assert editor_command({"PATH": f"/nowhere{os.pathsep}{tmp_path}"}) == ["vim"]
    assert editor_command({"EDITOR": "'broken", "PATH": ""}) == ["vi"]


def test_times_in_the_past_are_words() -> None:
    assert [ago(s) for s in (3, 61, 7300, 90_000)] == ["just now", "1 minute ago", "2 hours ago", "1 day ago"]


def test_the_status_line_tells_tokens_share_cache_and_cost() -> None:
    status = Status(Theme(), model="kimi-k3", used=24_600, window=262_144, cached=87, cost=0.0421)
    shown = "".join(part[1] for part in status.line())
    assert "kimi-k3" in shown
    assert "25k 9% context" in shown
    assert "87% cached" in shown
    assert "$0.04" in shown


def test_the_status_line_says_nothing_of_what_it_does_not_know() -> None:
    shown = "".join(part[1] for part in Status(Theme(), model="m").line())
    assert "context" not in shown
    assert "cached" not in shown
    assert "$" not in shown
