"""The list of completions: every line fits, and shows what it can of a command's use."""

import pytest

from kcode.frontends.repl.menu import _cut


@pytest.mark.parametrize("width", range(12))
def test_a_text_is_cut_to_its_width_and_marked(width: int) -> None:
    from prompt_toolkit.utils import get_cwidth

    cut = _cut("漢字 and letters", width, "…")
    assert get_cwidth(cut) <= width
    assert not cut or cut.endswith("…")


def test_a_text_that_fits_stays() -> None:
    assert _cut("short", 5, "...") == "short"
