"""Text is measured, cut and padded by what it takes on the screen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcode.screen.width import cell_width, cut, pad, wrap

_text = st.lists(st.sampled_from([*"ab é你好👍👨", "e\u0301", "👨\u200d👩"]), max_size=30).map("".join)


@pytest.mark.parametrize(
    ("text", "cells"), [("", 0), ("abc", 3), ("你好", 4), ("e\u0301", 1), ("👍", 2), ("a你", 3)]
)
def test_the_width_is_counted_in_cells(text: str, cells: int) -> None:
    assert cell_width(text) == cells


def test_text_that_fits_is_not_cut() -> None:
    assert cut("你好", 4) == "你好"


def test_what_is_cut_ends_in_an_ellipsis_and_never_in_half_a_character() -> None:
    assert cut("你好吗", 4) == "你…"
    assert cut("abcdef", 4) == "abc…"


def test_there_is_room_for_nothing() -> None:
    assert cut("abc", 0) == ""


@pytest.mark.parametrize(("align", "want"), [("<", "ab  "), (">", "  ab"), ("^", " ab ")])
def test_text_is_padded_on_either_side(align: str, want: str) -> None:
    assert pad("ab", 4, align=align) == want


@given(_text, st.integers(0, 20))
def test_cut_text_never_takes_more_than_its_cells(text: str, cells: int) -> None:
    assert cell_width(cut(text, cells)) <= cells


@given(_text, st.integers(1, 20))
def test_padded_text_takes_exactly_its_cells(text: str, cells: int) -> None:
    assert cell_width(pad(text, cells)) == cells


@given(_text, st.integers(1, 10))
def test_wrapping_loses_nothing(text: str, cells: int) -> None:
    assert "".join(wrap(text, cells)) == text.replace("\n", "")


@given(st.text(st.sampled_from("ab你好"), max_size=30), st.integers(2, 10))
def test_wrapped_lines_fit(text: str, cells: int) -> None:
    assert all(cell_width(line) <= cells for line in wrap(text, cells))
