"""Every row of the fault matrix has its test, and the page says which."""

from matrix import PAGE, ROWS, by_row, renewed


def test_every_row_has_a_test():
    assert sorted(by_row()) == list(range(1, ROWS + 1))


def test_the_page_names_the_tests_that_there_are():
    text = PAGE.read_text(encoding="utf-8")
    assert text == renewed(text), "run: python tests/faults/matrix.py"
