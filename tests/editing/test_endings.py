"""Line endings: typed as LF, written back as the file has them, line by line."""

import pytest

from kcode.editing import EditRefused, apply
from kcode.editing.endings import adopt, open_text, style


def test_lf_finds_crlf_and_writes_crlf():
    assert apply("a\r\nb\r\nc\r\n", "a\nb", "a\nnew\nb") == "a\r\nnew\r\nb\r\nc\r\n"


def test_crlf_finds_lf_and_writes_lf():
    assert apply("a\nb\nc\n", "a\r\nb", "a\r\nnew\r\nb") == "a\nnew\nb\nc\n"


def test_carriage_returns_are_not_doubled():
    assert apply("a\r\nb\r\n", "a\nb", "x\r\ny") == "x\r\ny\r\n"


def test_old_mac_files_keep_their_returns():
    assert apply("a\rb\rc\r", "b\nc", "b\nnew\nc") == "a\rb\rnew\rc\r"


def test_mixed_endings_stay_with_their_lines():
    text = "a\r\nb\nc\r\nd\ne\r\n"
    assert apply(text, "b\nc\nd", "b\nc\nnew\nd") == "a\r\nb\nc\r\nnew\r\nd\ne\r\n"
    assert apply(text, "b\nc\nd", "b\nd") == "a\r\nb\nd\ne\r\n"
    assert apply(text, "c\n", "") == "a\r\nb\nd\ne\r\n"


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_a_loose_match_keeps_the_endings_too(ending: str):
    text = "f {\n\ta()\n\tb()\n}\n".replace("\n", ending)
    assert apply(text, "  a()\n  b()", "  a()\n  c()\n  b()") == text.replace(
        f"\ta(){ending}", f"\ta(){ending}\tc(){ending}"
    )


def test_every_occurrence_is_replaced_whatever_its_lines_end_with():
    assert apply("x\r\ny\nx\nx", "x", "1\n2", replace_all=True) == "1\r\n2\r\ny\n1\n2\n1\n2"


def test_a_copy_with_other_endings_is_a_second_place():
    with pytest.raises(EditRefused) as caught:
        apply("a\r\nb\r\n--\na\nb\n", "a\nb\n", "c\n")
    assert caught.value.reason == "ambiguous"


def test_the_byte_order_mark_stays():
    assert apply("\ufeffa\r\nb\r\n", "a\nb", "c") == "\ufeffc\r\n"
    assert apply("\ufeffa\n", "\ufeffa", "b") == "\ufeffb\n"


def test_a_return_inside_a_line_is_written_where_the_file_has_none_as_ending():
    assert apply("a\nb\n", "b", "b\rc") == "a\nb\rc\n"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a\nb\n", "lf"),
        ("a\r\nb", "crlf"),
        ("a\rb\r", "cr"),
        ("a\r\nb\nc", "mixed"),
        ("a", "none"),
        ("", "none"),
    ],
)
def test_a_style_is_named(text: str, name: str):
    assert style(text) == name


@pytest.mark.parametrize("text", ["", "a", "\ufeff", "a\r\r\nb\n\r", "\r\n\r\n", "\n\r\n\r", "a\u2028b\n"])
def test_opening_and_splicing_nothing_gives_the_same_text(text: str):
    assert open_text(text).splice([]) == text


def test_a_rewrite_takes_over_endings_and_mark():
    assert adopt("x\ny\n", "\ufeffa\r\nb\r\n") == "\ufeffx\r\ny\r\n"
    assert adopt("x\r\ny\n", "a\r\nb\r\n") == "x\r\ny\r\n"
    assert adopt("x\ny\n", "a\nb\r\n") == "x\ny\n"
    assert adopt("x\ny\n", "one line") == "x\ny\n"
