"""The parts that need no process: diffs, positions on events, what is imported when."""

import json
import subprocess
import sys
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcode.editing.diff import unified
from kcode.frontends.acp.calls import fenced
from kcode.frontends.acp.diffs import Texts, first_line, texts
from kcode.frontends.acp.hello import Abilities, abilities
from kcode.frontends.acp.stdio import _encoded
from kcode.frontends.acp.updates import QUIET, Place, Translator
from kcode.types.events import Event, ToolStarted

LINES = st.lists(st.sampled_from(["a", "b", "-c", "+d", " e", "", "@@ -1 +1 @@", "\\ x"]), max_size=12)


def _joined(lines: list[str], end: str) -> str:
    return "\n".join(lines) + end


TEXTS = st.builds(_joined, LINES, st.sampled_from(["", "\n"]))


@given(TEXTS.filter(bool), TEXTS)
def test_a_diff_and_the_text_before_give_the_text_after(before: str, after: str):
    found = texts(unified(before, after, "a.txt", 3), before)
    assert list(found) == ([] if before == after else [Texts(before, after, found[0].line)])


def test_without_the_text_before_each_changed_place_is_given():
    before = "".join(f"{n}\n" for n in range(40))
    after = before.replace("3\n4\n", "3\nnew\n4\n", 1).replace("30\n", "", 1)
    places = texts(unified(before, after, "a.txt", 3), None)
    assert [place.old is not None and place.old in before for place in places] == [True, True]
    assert all(place.new in after for place in places)


def test_a_diff_that_does_not_fit_the_text_is_given_by_its_places():
    diff = unified("a\nb\n", "a\nc\n", "a.txt", 3)
    assert texts(diff, "quite\nother\n") == [Texts("a\nb\n", "a\nc\n")]


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [("a\nb\nc\n", "a\nB\nc\n", 2), ("a\n", "a\nb\n", 2), ("", "x\n", 1), ("a\nb\n", "a\n", 2)],
)
def test_the_first_changed_line_is_found(before: str, after: str, line: int):
    assert first_line(unified(before, after, "a.txt", 3)) == line


def test_every_event_has_a_place_in_the_protocol_or_is_left_out_on_purpose():
    handled = {*Translator(Place(), Abilities(), live=True).handlers, ToolStarted}
    assert handled | set(QUIET) == set(get_args(Event))
    assert not handled & set(QUIET)


@given(st.text(alphabet="`a\n~", max_size=20))
def test_nothing_in_a_code_block_ends_it(text: str):
    first, *inside, last = fenced(text, "sh").split("\n")
    fence = first.removesuffix("sh")
    assert last == fence
    assert all(fence not in line for line in inside)


def test_what_strict_readers_refuse_is_replaced():
    line = _encoded({"a": "\ud800", "b": float("nan"), "c": "ü\n"})
    assert json.loads(line.decode("utf-8")) == {"a": "?", "b": None, "c": "ü\n"}
    assert line.count(b"\n") == 1


def test_what_an_editor_leaves_out_it_does_not_offer():
    assert abilities({}) == Abilities()
    assert (
        abilities({"clientCapabilities": {"fs": None, "elicitation": {}, "terminal": "yes"}}) == Abilities()
    )
    newer: dict[str, Any] = {"session": {"notices": {}, "compaction": {}}, "elicitation": {"form": {}}}
    assert abilities({"clientCapabilities": newer}) == Abilities(notices=True, compaction=True, forms=True)


def test_the_first_answer_is_given_without_the_protocols_package():
    code = "import sys, kcode.frontends.acp, kcode.frontends.acp.serve; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"acp", "openai", "pydantic", "kcode.app"} & set(done.stdout.split())


def test_a_flag_that_cannot_be_used_is_a_usage_error():
    run = [sys.executable, "-m", "kcode", "acp", "--add-dir", "/nowhere/at/all"]
    done = subprocess.run(run, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 2
    assert "/nowhere/at/all" in done.stderr


def test_an_editor_that_leaves_at_once_is_no_error():
    run = [sys.executable, "-m", "kcode", "acp"]
    done = subprocess.run(run, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (0, "")
