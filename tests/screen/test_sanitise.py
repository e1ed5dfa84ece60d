"""Nothing untrusted may control the terminal or hide from a person."""

import itertools
import json
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcode.screen.sanitise import Sanitiser, reveal, sanitise

CASES = {
    "plain text": ("def f():\n\treturn 1\n", "def f():\n\treturn 1\n"),
    "letters of every script": ("naïve Москва 你好 שלום مرحبا हिन्दी", "naïve Москва 你好 שלום مرحبا हिन्दी"),
    "colours": ("\x1b[1;31merror\x1b[0m: no", "error: no"),
    "colours with colons": ("\x1b[38:2:1:2:3mx", "x"),
    "a private sequence": ("\x1b[>4;2mx\x1b[?25l", "x"),
    "a two-character escape": ("\x1b(Bx\x1b7\x1b=", "x"),
    "a title that ends with the string terminator": ("\x1b]2;t\x1b\\x", "x"),
    "a device string": ("\x1bP+q544e\x1b\\x", "x"),
    "a title without an end hides no more than its line": ("a\x1b]0;evil\nb", "a\nb"),
    "Windows line ends": ("a\r\nb\r\n", "a\nb\n"),
    "a form feed": ("a\x0cb", "a␌b"),
    "a delete": ("a\x7fb", "a␡b"),
    "an 8-bit control": ("a\x85b", "a\\x85b"),
    "zero-width space": ("pass\u200bword", "pass\\u200bword"),
    "tag characters": ("x\U000e0041\U000e0042", "x\\U000e0041\\U000e0042"),
    "a joiner between letters": ("ad\u200dmin", "ad\\u200dmin"),
    "a non-joiner in Persian": ("\u0645\u06cc\u200c\u062e\u0648", "\u0645\u06cc\u200c\u062e\u0648"),
    "a family emoji": ("👨‍👩‍👧 ❤️ 👍🏽", "👨‍👩‍👧 ❤️ 👍🏽"),
    "repeated variation selectors": ("a\ufe0f\ufe0f\ufe0f", "a\ufe0f\\ufe0f\\ufe0f"),
    "a line separator": ("a\u2028b", "a\\u2028b"),
    "an unpaired surrogate": ("a\udcffb", "a\\udcffb"),
    "a soft hyphen": ("a\u00adb", "a\\xadb"),
}

# The terminal acts on these, wherever they stand.
_DANGEROUS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\ud800-\udfff\U000e0000-\U000e0fff]"
)

_hostile = st.text(
    st.sampled_from(
        "a \n\t\r\x07\x08\x1b[]P^_\\;?0159mcx\x9b\x9d\x90\x9c\u202e\u2066\u200b\u200d\ufe0f\ud83d👨你é"
    ),
    max_size=60,
)


@pytest.mark.parametrize(("text", "want"), CASES.values(), ids=CASES)
def test_text_is_made_harmless(text: str, want: str) -> None:
    assert sanitise(text) == want


@given(_hostile)
def test_nothing_dangerous_is_left(text: str) -> None:
    assert _DANGEROUS.search(sanitise(text)) is None


@given(_hostile)
def test_sanitising_twice_changes_nothing_more(text: str) -> None:
    once = sanitise(text)

    assert sanitise(once) == once


@given(_hostile)
def test_what_is_revealed_is_harmless_and_loses_no_character(text: str) -> None:
    shown, hidden = reveal(text)

    assert _DANGEROUS.search(shown) is None
    assert len(shown) >= len(text.replace("\r\n", "\n"))
    assert (hidden == 0) == (shown == text.replace("\r\n", "\n"))


@given(_hostile, st.lists(st.integers(0, 60), max_size=6))
def test_a_stream_may_be_cut_anywhere(text: str, cuts: list[int]) -> None:
    edges = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    stream = Sanitiser()

    shown = "".join(stream.feed(text[a:b]) for a, b in itertools.pairwise(edges)) + stream.finish()

    assert _DANGEROUS.search(shown) is None


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_a_sequence_cut_anywhere_is_still_recognised(size: int) -> None:
    data = "né 你好 \x1b]52;c;aGk=\x07b\x1b[31mred\x1b[0m \x1bPq\x1b\\end\r\n".encode()
    stream = Sanitiser()

    shown = "".join(stream.feed(data[at : at + size]) for at in range(0, len(data), size)) + stream.finish()

    assert shown == "né 你好 bred end\n"


def test_invalid_bytes_in_a_stream_are_replaced() -> None:
    stream = Sanitiser()

    assert stream.feed(b"a\xff\xe4") + stream.finish() == "a\ufffd\ufffd"


def test_an_approval_shows_control_sequences_and_counts_them() -> None:
    assert reveal("ls\x1b[8m; rm -rf ~\x1b[0m") == ("ls␛[8m; rm -rf ~␛[0m", 8)


def test_a_very_long_line_is_cut_with_a_count() -> None:
    shown = sanitise("a\n" + "x" * 1_000_000 + "\nb", max_line=100)

    assert shown == "a\n" + "x" * 100 + "… [999,900 more characters in this line]\nb"


@pytest.mark.parametrize(
    "piece", ["\x1b[", "\x1b]", "\x1bP", "\x1b]0;\x1b", "\x9b1;", "\u200d", "\ufe0f", "\x1b", "\r"]
)
def test_hostile_text_takes_linear_time(piece: str) -> None:
    start = time.perf_counter()

    sanitise(piece * 100_000)
    reveal(piece * 100_000)
    Sanitiser().feed(piece * 100_000)

    assert time.perf_counter() - start < 5.0


def _text(row: dict[str, Any]) -> str | list[str]:
    if "repeat" in row["text"]:
        return str(row["text"]["repeat"]) * int(row["text"]["times"])
    return row["text"]


def _shown(row: dict[str, Any]) -> str:
    text = _text(row)
    if isinstance(text, list):
        stream = Sanitiser()
        pieces = [piece.encode("latin-1") if "latin-1" in row["why"] else piece for piece in text]
        return "".join(map(stream.feed, pieces)) + stream.finish()
    return sanitise(text)


def test_the_shared_samples_come_out_right() -> None:
    folder = Path(os.environ.get("KCODE_SHARED") or Path(__file__).parents[3] / "shared")
    file = folder / "corpus" / "permissions" / "terminal.jsonl"
    if not file.exists():
        pytest.skip(f"no shared samples: {file} is missing, set KCODE_SHARED")
    every: list[dict[str, Any]] = [json.loads(line) for line in file.read_text().splitlines()]
    # Markdown is drawn by the terminal's front end, whose own tests show that a link cannot lie.
    rows = [row for row in every if not row["name"].startswith("md-")]

    exact = [row for row in rows if row["want"] != "(cut with a count)"]
    cut = [row for row in rows if row["want"] == "(cut with a count)"]

    assert [row["id"] for row in exact if _shown(row) != row["want"]] == []
    for row in cut:
        text, shown = _text(row), _shown(row)
        assert len(shown) < len(text) / 10
        assert re.search(r"\[[\d,]+ more characters", shown)
