"""Refusals teach: they show the file's lines, the first difference, and the next step."""

import pytest

from kcode.editing import EditRefused, apply

TEXT = "import os\n\n\ndef total(items):\n\tsum = 0  \n\tfor item in items:\n\t\tsum += item.price\n\treturn sum\n"


def message(text: str, old: str, new: str = "new") -> str:
    with pytest.raises(EditRefused) as caught:
        apply(text, old, new)
    return str(caught.value)


def test_a_near_miss_shows_the_real_lines_with_numbers_and_visible_blanks():
    told = message(TEXT, "\tsum = 0\n\tfor item in items:\n\t\tsum += item.cost")
    assert "     5  →sum = 0··" in told
    assert "     7  →→sum += item.price" in told


def test_the_first_difference_is_named_side_by_side():
    told = message(TEXT, "\tsum = 0\n\tfor item in items:\n\t\tsum += item.cost").splitlines()
    at = told.index("First difference:")
    assert "item.cost" in told[at + 1]
    assert "line 7" in told[at + 2]
    assert "item.price" in told[at + 2]


def test_a_misspelt_single_line_still_finds_its_neighbour():
    assert "sum += item.price" in message(TEXT, "sum += item.prices")


def test_text_from_another_file_gets_no_lines_of_this_one():
    told = message(TEXT, "SELECT name FROM users WHERE id = ?")
    assert "→" not in told
    assert "read the file" in told


def test_several_places_are_listed_by_line():
    with pytest.raises(EditRefused) as caught:
        apply("a\nb\na\nb\na\n", "a\n", "c\n")
    assert caught.value.lines == (1, 3, 5)
    assert "lines 1, 3, 5" in str(caught.value)
    assert "replace_all" in str(caught.value)


def test_replace_all_is_not_offered_where_it_would_not_help():
    assert "replace_all" not in message("\ta()\n\tb()\n\n\ta()\n\tb()\n", "  a()\n  b()")


@pytest.mark.parametrize("places", [2, 500])
@pytest.mark.parametrize("width", [10, 5000])
def test_a_message_stays_short_whatever_the_file(places: int, width: int):
    line = "x" * width + "\n"
    for told in (
        message(line * places, line),
        message(line * places, line * 300 + "y"),
        message(line, "y " * 3000),
    ):
        assert len(told.splitlines()) <= 40
        assert len(told) < 9000


def test_every_refusal_says_that_nothing_changed():
    cases = [("a\na\n", "a"), ("a\n", "b"), ("a\n", " "), ("new\n", "b"), ("new\n", "new")]
    assert all("Nothing was changed" in message(text, old) for text, old in cases)
