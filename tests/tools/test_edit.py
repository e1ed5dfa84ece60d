"""An edit changes what it names and nothing else, or changes nothing and says what to do."""

import asyncio
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kcode.types.errors import ToolError
from kcode.types.messages import TextPart

if TYPE_CHECKING:
    from conftest import Bench
else:
    Bench = object

CODE = "def one():\n    return 1\n\n\ndef two():\n    return 2\n"


async def test_an_edit_shows_the_changed_region_with_numbers(bench: Bench):
    path = bench.file("a.py", CODE)
    text = await bench.text("edit", file_path="a.py", old_string="return 2", new_string="return 3")
    assert path.read_text() == CODE.replace("return 2", "return 3")
    assert text.splitlines()[0] == "Edited a.py (+1 -1 lines)."
    assert "     6\t    return 3" in text
    assert "     5\tdef two():" in text


async def test_what_would_change_is_shown_before(bench: Bench):
    path = bench.file("src/a.py", CODE)
    invocation = await bench.prepare("edit", {"file_path": "src/a.py", "old_string": "1", "new_string": "9"})
    assert "--- a/src/a.py" in invocation.diff
    assert "-    return 1\n+    return 9\n" in invocation.diff
    assert (invocation.kind, invocation.rule) == ("edit", "Edit(src/a.py)")
    assert invocation.access.writes == {path}
    assert path.read_text() == CODE


async def test_a_change_is_recorded_with_hashes_and_counts(bench: Bench):
    path = bench.file("a.py", CODE)
    output = await bench.call(
        "edit", file_path="a.py", old_string="    return 1\n", new_string="    x = 1\n    return x\n"
    )
    change = output.changes[0]
    assert (change.kind, change.added, change.removed) == ("update", 2, 1)
    assert change.before == hashlib.sha256(CODE.encode()).hexdigest()
    assert change.after == hashlib.sha256(path.read_bytes()).hexdigest()
    assert change.path == str(path)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("return 5", "return 6", "not in the file"),
        ("return", "yield", "line"),
        ("return 1", "return 1", "same"),
        ("", "x", "empty"),
        ("   \n", "x", "blank"),
    ],
)
async def test_a_refusal_leaves_the_file_and_says_why(bench: Bench, old: str, new: str, words: str):
    path = bench.file("a.py", CODE)
    text = await bench.refusal("edit", file_path="a.py", old_string=old, new_string=new)
    assert words in text
    assert "a.py" in text
    assert path.read_text() == CODE


async def test_every_occurrence_on_request(bench: Bench):
    path = bench.file("a.py", CODE)
    await bench.call("edit", file_path="a.py", old_string="return", new_string="yield", replace_all=True)
    assert path.read_text() == CODE.replace("return", "yield")


async def test_several_edits_are_all_made_or_none(bench: Bench):
    path = bench.file("a.py", CODE)
    edits = [{"old_string": "one", "new_string": "uno"}, {"old_string": "uno", "new_string": "eins"}]
    await bench.call("edit", file_path="a.py", edits=edits)
    assert path.read_text() == CODE.replace("one", "eins")
    edits = [{"old_string": "two", "new_string": "due"}, {"old_string": "nothing", "new_string": "x"}]
    assert "2 of 2" in await bench.refusal("edit", file_path="a.py", edits=edits)
    assert "two" in path.read_text()


async def test_both_forms_of_asking_may_be_filled_in(bench: Bench):
    path = bench.file("a.py", CODE)
    more = [{"old_string": "two", "new_string": "due"}]
    await bench.call("edit", file_path="a.py", old_string="one", new_string="uno", edits=more)
    assert path.read_text() == CODE.replace("one", "uno").replace("two", "due")
    same = [{"old_string": "due", "new_string": "zwei"}]
    await bench.call("edit", file_path="a.py", old_string="due", new_string="zwei", edits=same)
    assert "zwei" in path.read_text()


@pytest.mark.parametrize(
    ("before", "old", "new", "after"),
    [
        (b"a\r\nb\r\nc\r\n", "b\n", "x\ny\n", b"a\r\nx\r\ny\r\nc\r\n"),
        (b"a\r\nb\nc\r\n", "b", "x", b"a\r\nx\nc\r\n"),
        (b"\xef\xbb\xbfa\nb\n", "a", "x", b"\xef\xbb\xbfx\nb\n"),
        ("a\nbü\n".encode("utf-16"), "a", "ö", "ö\nbü\n".encode("utf-16")),
        (b"a\nb", "b", "x", b"a\nx"),
        (b"caf\xe9\nb\n", "b", "x", b"caf\xe9\nx\n"),
        (b"a\x0cb\n", "b", "x", b"a\x0cx\n"),
        ("e\u0301\u00a0a\nb\n".encode(), "b", "x", "e\u0301\u00a0a\nx\n".encode()),
    ],
)
async def test_everything_else_keeps_its_bytes(bench: Bench, before: bytes, old: str, new: str, after: bytes):
    path = bench.file("a.txt", before)
    await bench.call("edit", file_path="a.txt", old_string=old, new_string=new)
    assert path.read_bytes() == after


async def test_a_slip_is_mended_recorded_and_told(bench: Bench):
    path = bench.file("a.py", "class A:\n\tdef f(self):\n\t\treturn 1\n")
    output = await bench.call(
        "edit",
        file_path="a.py",
        old_string="    def f(self):\n        return 1",
        new_string="    def f(self):\n        return 2",
    )
    assert path.read_text() == "class A:\n\tdef f(self):\n\t\treturn 2\n"
    assert [(r.place, r.kind) for r in output.repairs] == [("meaning", "edit_lines")]
    assert isinstance(output.parts[0], TextPart)
    assert "Note:" in output.parts[0].text


async def test_an_unread_file_may_be_edited_where_the_place_is_clear(bench: Bench):
    path = bench.file("a.py", CODE)
    await bench.call("edit", file_path="a.py", old_string="return 1", new_string="return 7")
    seen = bench.state.seen[str(path)]
    assert not seen.whole
    assert seen.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


async def test_after_an_edit_of_a_file_that_was_read_all_of_it_is_known(bench: Bench):
    path = bench.file("a.py", CODE)
    await bench.call("read", file_path="a.py")
    await bench.call("edit", file_path="a.py", old_string="return 1", new_string="return 7")
    assert bench.state.seen[str(path)].whole
    await bench.call("write", file_path="a.py", content="new\n")
    assert path.read_text() == "new\n"


async def test_a_changed_file_is_edited_only_where_the_text_still_stands_exactly(bench: Bench):
    path = bench.file("a.py", CODE)
    await bench.call("read", file_path="a.py")
    before = path.stat()
    path.write_text(CODE.replace("one", "uno"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    text = await bench.refusal("edit", file_path="a.py", old_string="def one():", new_string="def eins():")
    assert "changed since you read it" in text
    text = await bench.refusal(
        "edit", file_path="a.py", old_string="def two():\n\treturn 2", new_string="def two():\n\treturn 3"
    )
    assert "changed since you read it" in text
    assert "     6\t    return 2" in text
    await bench.call("edit", file_path="a.py", old_string="return 2", new_string="return 3")
    assert path.read_text() == CODE.replace("one", "uno").replace("return 2", "return 3")


async def test_two_edits_of_one_response_lose_nothing(bench: Bench):
    path = bench.file("a.py", CODE)
    await bench.call("read", file_path="a.py")
    first = await bench.prepare(
        "edit", {"file_path": "a.py", "old_string": "return 1", "new_string": "return 7"}
    )
    second = await bench.prepare(
        "edit", {"file_path": "a.py", "old_string": "return 2", "new_string": "return 8"}
    )
    assert first.access.conflicts(second.access)
    await bench.finish(first)
    await bench.finish(second)
    assert path.read_text() == CODE.replace("1", "7").replace("2", "8")


async def test_a_file_that_changes_during_the_write_is_left_as_the_other_left_it(bench: Bench):
    path = bench.file("a.py", CODE)
    invocations = [
        await bench.prepare(
            "edit", {"file_path": "a.py", "old_string": f"return {n}", "new_string": f"return {n + 5}"}
        )
        for n in (1, 2)
    ]
    await asyncio.gather(*(bench.finish(i) for i in invocations), return_exceptions=True)
    text = path.read_text()
    assert "return 6" in text
    assert "return 7" in text


async def test_a_file_swapped_for_a_link_after_permission_is_not_written_through(
    bench: Bench, tmp_path: Path
):
    path = bench.file("a.py", CODE)
    outside = tmp_path / "outside.py"
    outside.write_text(CODE)
    invocation = await bench.prepare(
        "edit", {"file_path": "a.py", "old_string": "return 1", "new_string": "return 7"}
    )
    path.unlink()
    path.symlink_to(outside)
    with pytest.raises(ToolError, match="another file"):
        await bench.finish(invocation)
    assert outside.read_text() == CODE


@pytest.mark.parametrize("replaced_by", ["nothing", "folder", "pipe"])
async def test_a_file_that_went_away_is_a_clear_error(bench: Bench, replaced_by: str):
    path = bench.file("a.py", CODE)
    invocation = await bench.prepare(
        "edit", {"file_path": "a.py", "old_string": "return 1", "new_string": "return 7"}
    )
    path.unlink()
    if replaced_by == "folder":
        path.mkdir()
    elif replaced_by == "pipe":
        os.mkfifo(path)
    with pytest.raises(ToolError, match=r"a\.py"):
        await bench.finish(invocation)


async def test_a_missing_file_offers_names_and_an_empty_old_text_makes_it(bench: Bench):
    bench.file("src/app.py", CODE)
    assert "Did you mean src/app.py" in await bench.refusal(
        "edit", file_path="src/ap.py", old_string="a", new_string="b"
    )
    await bench.call("edit", file_path="src/new.py", old_string="", new_string="x = 1\n")
    assert (bench.root / "src/new.py").read_text() == "x = 1\n"


@pytest.mark.parametrize(
    ("name", "words"), [("folder", "folder"), ("pipe", "pipe"), ("binary", "ELF"), ("/dev/null", "device")]
)
async def test_what_is_no_text_file_is_not_edited(bench: Bench, name: str, words: str):
    (bench.root / "folder").mkdir()
    os.mkfifo(bench.root / "pipe")
    bench.file("binary", b"\x7fELF\0\1")
    for tool, more in (("edit", {"old_string": "a", "new_string": "b"}), ("write", {"content": "b"})):
        assert words in await bench.refusal(tool, file_path=name, **more)


async def test_half_a_character_is_never_written(bench: Bench):
    path = bench.file("a.py", CODE)
    await bench.refusal("edit", file_path="a.py", old_string="return 1", new_string="return '\ud83d'")
    await bench.refusal("write", file_path="new.py", content="'\ud83d'")
    assert path.read_text() == CODE
    assert not (bench.root / "new.py").exists()


async def test_mode_and_link_stay(bench: Bench):
    path = bench.file("real.sh", "echo 1\n")
    path.chmod(0o755)
    (bench.root / "link.sh").symlink_to("real.sh")
    output = await bench.call("edit", file_path="link.sh", old_string="1", new_string="2")
    assert path.read_text() == "echo 2\n"
    assert path.stat().st_mode & 0o777 == 0o755
    assert (bench.root / "link.sh").is_symlink()
    assert output.changes[0].path == str(path)


@pytest.mark.parametrize("several", [["a"], ["a", "c"]])
async def test_a_large_change_is_shown_in_part(bench: Bench, several: Sequence[str]):
    bench.file("a.txt", "a\nb\nc\n")
    edits = [{"old_string": one, "new_string": "\n".join(f"{one}{n}" for n in range(500))} for one in several]
    text = await bench.text("edit", file_path="a.txt", edits=edits)
    assert text.count("\n") < 80
    assert "more lines]" in text
