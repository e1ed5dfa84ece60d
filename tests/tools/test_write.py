"""Writing makes a file whole, and replaces one only if the model knows what is lost."""

import hashlib
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Bench
else:
    Bench = object


async def test_a_new_file_is_made_with_its_folders(bench: Bench):
    text = await bench.text("write", file_path="deep/er/a.py", content="x = 1\n")
    path = bench.root / "deep/er/a.py"
    assert path.read_bytes() == b"x = 1\n"
    assert text == "Created deep/er/a.py (+1 -0 lines)."
    seen = bench.state.seen[str(path)]
    assert seen.whole
    assert seen.sha256 == hashlib.sha256(b"x = 1\n").hexdigest()


async def test_what_would_be_made_is_shown_before(bench: Bench):
    invocation = await bench.prepare("write", {"file_path": "a.py", "content": "x\n"})
    assert invocation.title == "Create a.py"
    assert invocation.rule == "Edit(a.py)"
    assert "--- /dev/null\n+++ b/a.py\n" in invocation.diff
    assert not (bench.root / "a.py").exists()


async def test_an_unread_file_is_not_replaced(bench: Bench):
    path = bench.file("a.py", "theirs\n")
    assert "Read it first" in await bench.refusal("write", file_path="a.py", content="mine\n")
    assert path.read_text() == "theirs\n"
    await bench.call("read", file_path="a.py")
    await bench.call("write", file_path="a.py", content="mine\n")
    assert path.read_text() == "mine\n"
    await bench.call("write", file_path="a.py", content="mine again\n")
    assert path.read_text() == "mine again\n"


async def test_a_file_that_changed_since_it_was_read_is_not_replaced(bench: Bench):
    path = bench.file("a.py", "one\n")
    await bench.call("read", file_path="a.py")
    path.write_text("two\n")
    assert "changed since you read it" in await bench.refusal("write", file_path="a.py", content="mine\n")
    assert path.read_text() == "two\n"


async def test_a_file_that_appears_after_permission_is_not_overwritten(bench: Bench):
    invocation = await bench.prepare("write", {"file_path": "a.py", "content": "mine\n"})
    bench.file("a.py", "theirs\n")
    with pytest.raises(Exception, match="Read it first"):
        await bench.finish(invocation)
    assert (bench.root / "a.py").read_text() == "theirs\n"


async def test_an_empty_file_may_be_filled_without_reading(bench: Bench):
    path = bench.file("a.py")
    await bench.call("write", file_path="a.py", content="x\n")
    assert path.read_text() == "x\n"


async def test_the_same_content_changes_nothing(bench: Bench):
    path = bench.file("a.py", "x\n")
    await bench.call("read", file_path="a.py")
    before = path.stat().st_ino
    output = await bench.call("write", file_path="a.py", content="x\n")
    assert output.changes == ()
    assert path.stat().st_ino == before


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"a\r\nb\r\n", b"x\r\ny\r\n"),
        (b"\xef\xbb\xbfa\n", b"\xef\xbb\xbfx\ny\n"),
        ("a\n".encode("utf-16"), "x\ny\n".encode("utf-16")),
    ],
)
async def test_encoding_and_line_endings_stay(bench: Bench, before: bytes, after: bytes):
    path = bench.file("a.txt", before)
    await bench.call("read", file_path="a.txt")
    output = await bench.call("write", file_path="a.txt", content="x\ny\n")
    assert path.read_bytes() == after
    assert [r.kind for r in output.repairs] == (["line_endings"] if b"\r" in after else [])


async def test_content_that_leaves_something_out_is_not_written(bench: Bench):
    path = bench.file("a.py", "def one():\n    return 1\n\ndef two():\n    return 2\n")
    await bench.call("read", file_path="a.py")
    content = "def one():\n    return 3\n\n# ... rest of the code unchanged ...\n"
    assert "leaves out" in await bench.refusal("write", file_path="a.py", content=content)
    assert "two" in path.read_text()


async def test_a_part_of_the_path_that_is_a_file_is_a_clear_error(bench: Bench):
    bench.file("a", "x")
    assert "a file, not a folder" in await bench.refusal("write", file_path="a/b.txt", content="x")


@pytest.mark.parametrize("name", ["n" * 300, "a\0b", ""])
async def test_a_name_that_cannot_be_is_a_clear_error(bench: Bench, name: str):
    assert await bench.refusal("write", file_path=name, content="x")


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="needs root to mount a small disk")
async def test_a_full_disk_is_named_and_loses_nothing(bench: Bench):
    disk = bench.root / "disk"
    disk.mkdir()
    if mount("-t", "tmpfs", "-o", "size=64k", "none", str(disk)):
        pytest.skip("mounting is not allowed here")
    try:
        path = bench.file("disk/a.txt", "old\n")
        await bench.call("read", file_path="disk/a.txt")
        text = await bench.refusal("write", file_path="disk/a.txt", content="n" * 200_000)
        assert text == "Could not write disk/a.txt: the disk is full. Nothing was changed."
        assert path.read_text() == "old\n"
        assert [p.name for p in disk.iterdir()] == ["a.txt"]
    finally:
        subprocess_run("umount", str(disk))


def mount(*arguments: str) -> int:
    return subprocess_run("mount", *arguments)


def subprocess_run(*command: str) -> int:
    return subprocess.run(command, capture_output=True, check=False).returncode
