"""What holds for every edit: the seven promises of the editor, tried on made-up files."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kcode.editing import Edit, EditRefused, apply, apply_all, edit

WORDS = st.sampled_from(
    ["alpha", "beta", "x1", "if (ok) {", "}", "return", "“quoted”", "naïve", "a  b", "- item", "世界", "#"]
)
INDENTS = st.sampled_from(["", "    ", "\t", "  ", "\t\t", "        "])
ENDINGS = st.sampled_from(["\n", "\r\n"])


@dataclass(frozen=True)
class Case:
    """A file, and a block of its lines as a model might have typed it."""

    lines: tuple[str, ...]
    endings: tuple[str, ...]
    first: int
    stop: int
    old: str

    @property
    def text(self) -> str:
        return "".join(line + end for line, end in zip(self.lines, self.endings, strict=True))

    @property
    def before(self) -> str:
        return "".join(line + end for line, end in zip(self.lines[: self.first], self.endings, strict=False))

    @property
    def after(self) -> str:
        ends = self.endings[self.stop - 1 :]
        return ends[0] + "".join(a + b for a, b in zip(self.lines[self.stop :], ends[1:], strict=True))


def _deeper(line: str) -> str:
    return "  " + line if line else line


def _trailing(line: str) -> str:
    return line + "  "


def _plain(line: str) -> str:
    return line.replace("“", '"').replace("”", '"')


def _collapsed(line: str) -> str:
    return line.replace("a  b", "a b")


def _spaces(line: str) -> str:
    return line.expandtabs(4)


SLIPS: list[Callable[[str], str]] = [str, _trailing, str.lstrip, _deeper, _plain, _collapsed, _spaces]
TAILS = st.sampled_from(["", " ", "\t"])


@st.composite
def files(draw: st.DrawFn) -> Case:
    size = draw(st.integers(2, 12))
    # Every line has a number of its own, so that a block is unique unless a test doubles it.
    lines = tuple(
        draw(INDENTS) + draw(WORDS) + f" n{n}" + draw(st.sampled_from(["", " ", "\t"]))
        if draw(st.integers(0, 5))
        else ""
        for n in range(size)
    )
    same = draw(st.one_of(ENDINGS, st.none()))
    endings = tuple(same or draw(ENDINGS) for _ in range(size))
    first = draw(st.integers(0, size - 1))
    stop = draw(st.integers(first + 1, size))
    assume(lines[first].strip() and lines[stop - 1].strip())
    slip = draw(st.sampled_from(SLIPS))
    return Case(lines, endings, first, stop, "\n".join(map(slip, lines[first:stop])))


NEW = st.lists(st.tuples(INDENTS, WORDS), min_size=1, max_size=4).map(
    lambda rows: "\n".join(f"{indent}{word} new" for indent, word in rows)
)


def attempt(text: str, old: str, new: str) -> str | None:
    try:
        return apply(text, old, new)
    except EditRefused:
        return None


@given(files(), NEW)
def test_only_the_matched_lines_change_and_all_others_keep_their_bytes(case: Case, new: str):
    out = attempt(case.text, case.old, new)
    assume(out is not None)
    assert out is not None
    assert out.startswith(case.before)
    assert out.endswith(case.after)
    assert len(out) >= len(case.before) + len(case.after)


@given(files(), st.data())
def test_lines_of_the_block_that_the_edit_keeps_keep_their_bytes(case: Case, data: st.DataObject):
    typed = case.old.split("\n")
    at = data.draw(st.integers(0, len(typed)))
    out = attempt(case.text, case.old, "\n".join([*typed[:at], "inserted()", *typed[at:]]))
    assume(out is not None)
    assert out is not None
    kept = [line + end for line, end in zip(case.lines, case.endings, strict=True)]
    fresh = out.splitlines(keepends=True)
    left = [line for line in fresh if "inserted()" not in line]
    assert len(left) == len(fresh) - 1
    joined = "".join(left)
    assert joined == "".join(kept) or joined.replace("\r\n", "\n") == case.text.replace("\r\n", "\n")
    if at in {0, len(typed)}:
        assert joined.count("\r\n") + fresh[at + case.first].endswith("\r\n") >= case.text.count("\r\n")


@given(files(), NEW)
def test_a_refused_list_of_edits_leaves_nothing_half_done(case: Case, new: str):
    with pytest.raises(EditRefused):
        apply_all(case.text, [Edit(case.old, new), Edit("this is nowhere in the file", "x")])


@given(files(), NEW)
def test_an_exact_edit_can_be_taken_back(case: Case, new: str):
    old = "\n".join(case.lines[case.first : case.stop])
    text = case.text.replace("\r\n", "\n")
    assume(text.count(old) == 1 and new not in text and old not in new)
    out = apply(text, old, new)
    assume(out.count(new) == 1)
    assert apply(out, new, old) == text


@given(files(), NEW, st.data())
def test_a_second_copy_of_the_block_turns_the_edit_into_a_refusal(case: Case, new: str, data: st.DataObject):
    assume(attempt(case.text, case.old, new) is not None)
    at = data.draw(st.sampled_from([*range(case.first + 1), *range(case.stop, len(case.lines) + 1)]))
    rows = [line + end for line, end in zip(case.lines, case.endings, strict=True)]
    doubled = "".join([*rows[:at], *rows[case.first : case.stop], *rows[at:]])
    with pytest.raises(EditRefused):
        apply(doubled, case.old, new)


@given(files(), NEW, st.data())
def test_any_other_letter_or_digit_in_old_turns_the_edit_into_a_refusal(
    case: Case, new: str, data: st.DataObject
):
    places = [n for n, mark in enumerate(case.old) if mark.isalnum()]
    at = data.draw(st.sampled_from(places))
    other = data.draw(st.sampled_from(["Q", "é", "\u0663"]).filter(lambda mark: mark != case.old[at]))
    wrong = case.old[:at] + other + case.old[at + 1 :]
    assume(wrong not in case.text)
    with pytest.raises(EditRefused):
        apply(case.text, wrong, new)


@given(files(), NEW)
def test_the_outcome_names_the_lines_that_changed(case: Case, new: str):
    try:
        done = edit(case.text, case.old, new)
    except EditRefused:
        return
    ((first, last),), ((start, end),) = done.before, done.after
    was, now = case.text.replace("\r\n", "\n").split("\n"), done.text.replace("\r\n", "\n").split("\n")
    assert was[: first - 1] == now[: start - 1]
    assert was[last:] == now[end:]


@settings(max_examples=300)
@given(
    st.text("ab \n\t\r.“”-—…\\n\"'", max_size=30),
    st.text("ab \n\t.\"'-\\n…", max_size=8),
    st.text("ab \n", max_size=8),
)
def test_nothing_but_an_edit_or_a_refusal_comes_out(text: str, old: str, new: str):
    out = attempt(text, old, new)
    assert out is None or out != text


def _seconds(lines: int) -> float:
    text = "".join(f"    def f{n}(self):\n        return {n}\n\n" for n in range(lines // 3))
    middle = lines // 6
    old = f"\tdef f{middle}(self):\n\t\treturn {middle}"
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        apply(text, old, old + " + 1")
        attempt(text, old.replace("def", "deff"), "x")
        best = min(best, time.process_time() - start)
    return best


def test_the_cost_grows_with_the_size_of_the_file_not_with_its_square():
    assert _seconds(40_000) < 12 * _seconds(10_000)


@pytest.mark.parametrize("old", ["    x = 1\n" * 3000, "\tx = 1\n" * 3000])
def test_thousands_of_places_are_refused_without_looking_at_each(old: str):
    with pytest.raises(EditRefused) as caught:
        apply("    x = 1\n" * 6000, old, "y")
    assert caught.value.reason == "ambiguous"
