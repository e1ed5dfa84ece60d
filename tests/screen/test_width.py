"""Text is measured and cut by what it takes on the screen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcode.screen.width import cell_width, cut

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


@given(_text, st.integers(0, 20))
def test_cut_text_never_takes_more_than_its_cells(text: str, cells: int) -> None:
    assert cell_width(cut(text, cells)) <= cells
