"""Diffs: correct, numbered, and never slow."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcode.editing.diff import diff, unified
from kcode.editing.sequences import opcodes

TEXTS = st.lists(st.sampled_from(["a", "b", "c", "", "dd", "}"]), max_size=14).map("\n".join)


@given(TEXTS, TEXTS)
def test_following_the_diff_gives_the_new_text(old: str, new: str):
    a, b = old.split("\n"), new.split("\n")
    out: list[str] = []
    at = 0
    for tag, i1, i2, j1, j2 in opcodes(a, b):
        assert i1 == at
        out += a[i1:i2] if tag == "equal" else b[j1:j2]
        assert tag != "equal" or a[i1:i2] == b[j1:j2]
        at = i2
    assert at == len(a)
    assert out == b


@given(TEXTS, TEXTS, st.integers(0, 3))
def test_counts_and_numbers_agree_with_the_lines(old: str, new: str, context: int):
    got = diff(old, new, context)
    lines = [line for hunk in got.hunks for line in hunk.lines]
    assert got.added == sum(line.kind == "added" for line in lines)
    assert got.removed == sum(line.kind == "removed" for line in lines)
    assert bool(lines) == (old != new)
    before, after = old.split("\n"), new.split("\n")
    assert all(before[line.old - 1] == line.text for line in lines if line.old)
    assert all(after[line.new - 1] == line.text for line in lines if line.new)


@pytest.mark.skipif(shutil.which("patch") is None, reason="needs the patch program")
@settings(max_examples=40, deadline=None)
@given(TEXTS.filter(bool), TEXTS.filter(bool), st.booleans())
def test_patch_accepts_the_unified_form(
    tmp_path_factory: pytest.TempPathFactory, old: str, new: str, end: bool
):
    folder = tmp_path_factory.mktemp("patch")
    file = Path(folder, "f.txt")
    file.write_bytes(old.encode())
    new += "\n" * end
    text = unified(old, new, "f.txt")
    if old == new:
        assert text == ""
        return
    subprocess.run(["patch", "-s", "-p1"], input=text.encode(), cwd=folder, check=True)
    assert file.read_bytes() == new.encode()


def test_the_unified_form_reads_as_usual():
    assert unified("a\nb\nc\n", "a\nB\nc\n", "src/x.py") == (
        "--- a/src/x.py\n+++ b/src/x.py\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"
    )


def test_a_new_file_comes_from_nowhere():
    assert unified("", "a\n", "x").startswith("--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n")


def test_a_change_of_endings_only_is_named():
    got = diff("a\nb\n", "a\r\nb\r\n")
    assert (got.added, got.removed, got.endings_only) == (2, 2, True)
    assert diff("a", "a\n").endings_only


def test_changes_far_apart_are_hunks_of_their_own():
    old = "\n".join(map(str, range(40)))
    new = old.replace("5\n", "five\n", 1).replace("30", "thirty")
    assert len(diff(old, new).hunks) == 2


class Counted(str):
    """A line that counts how often it is compared."""

    __slots__ = ()
    compared = 0

    def __eq__(self, other: object) -> bool:
        type(self).compared += 1
        return str.__eq__(self, other) if isinstance(other, str) else NotImplemented

    def __hash__(self) -> int:
        return str.__hash__(self)


@pytest.mark.parametrize("alike", [True, False])
def test_big_inputs_cost_in_proportion_to_their_size(alike: bool):
    def cost(size: int) -> int:
        Counted.compared = 0
        a = [Counted("same" if alike else f"old {n}") for n in range(size)]
        b = [Counted("same" if alike else f"new {n}") for n in range(size + 7)]
        b[0], b[-1] = Counted("x"), Counted("y")
        opcodes(a, b)
        return Counted.compared

    assert cost(8000) < 6 * cost(2000) + 1000


def test_unique_lines_anchor_a_big_comparison():
    old = [f"line {n}" for n in range(3000)]
    new = [*old[:100], "inserted", *old[100:1500], *old[1600:]]
    new[2000] = "changed"
    codes = [code for code in opcodes(old, new) if code[0] != "equal"]
    assert [code[0] for code in codes] == ["insert", "delete", "replace"]
