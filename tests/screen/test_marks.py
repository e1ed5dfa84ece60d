"""Marks that scripts need stay; floods of them are cut, and counted."""

import time
import unicodedata

import pytest

from kcode.screen.marks import MOST_ACCENTS
from kcode.screen.sanitise import Sanitiser, reveal, sanitise
from kcode.screen.width import cell_width

REAL = {
    "Vietnamese, taken apart": unicodedata.normalize("NFD", "T\u1ed9i \u1ee9ng th\u1eed"),
    "Thai": "\u0e01\u0e34\u0e48\u0e07\u0e17\u0e35\u0e48 \u0e19\u0e49\u0e33",
    "Hebrew with points": "\u05d1\u05bc\u05b0\u05e8\u05b5\u05d0\u05e9\u05c1\u05b4\u0596 \u05e9\u05c1\u05bc\u05b8\u05a3",
    "Arabic with vowels": "\u0628\u0650\u0633\u0652\u0645\u0650 \u0671\u0644\u0644\u0651\u064e\u0670\u0647\u0650",
    "Devanagari": "\u0915\u094d\u0937\u094d\u0924\u094d\u0930\u093f\u092f\u0902 \u0939\u093f\u0928\u094d\u0926\u0940",
    "the tallest Tibetan stack": "\u0f67\u0f90\u0fb5\u0fa8\u0fb3\u0fba\u0fbc\u0fbb\u0f82",
    "a family": "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f44d\U0001f3fd",
    "a key": "1\ufe0f\u20e3",
    "phonetics": "a\u0303\u0301\u0325\u0330",
    "Cyrillic and Greek": "\u041c\u043e\u0441\u043a\u0432\u0430 \u0391\u03b8\u03ae\u03bd\u03b1",
}


@pytest.mark.parametrize("text", REAL.values(), ids=REAL)
def test_the_marks_of_real_scripts_stay(text: str) -> None:
    assert sanitise(text) == text
    assert reveal(text) == (text, 0)
    stream = Sanitiser()
    assert "".join(map(stream.feed, text)) + stream.finish() == text


@pytest.mark.parametrize("mark", ["\u0301", "\u0336", "\u20dd", "\u1dc4", "\u0488", "\ufe20"])
def test_a_flood_of_accents_is_cut_and_counted(mark: str) -> None:
    assert sanitise(f"a{mark * 300}b") == f"a{mark * MOST_ACCENTS}[+296 marks]b"


@pytest.mark.parametrize(
    "mark", ["\u0e49", "\u05b0", "\u064e", "\u0902", "\u0f90", "\U0001d167", "\U0001e8d0"]
)
def test_a_flood_of_marks_of_any_script_is_cut_and_counted(mark: str) -> None:
    assert sanitise(f"a{mark * 300}b") == f"a{mark * 8}[+292 marks]b"


def test_different_marks_add_up() -> None:
    assert "[+" in sanitise("a" + "\u0e49\u0e34\u05b0\u064e" * 5)


def test_an_approval_says_that_there_are_more() -> None:
    assert reveal("rm a" + "\u0301" * 50)[0].endswith("[+46 marks]")


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_a_flood_in_pieces_is_cut_like_a_whole_one(size: int) -> None:
    text = f"a{chr(0x301) * 100}b c"
    stream = Sanitiser()
    pieces = [text.encode()[at : at + size] for at in range(0, len(text.encode()), size)]
    assert "".join(map(stream.feed, pieces)) + stream.finish() == sanitise(text)


def test_a_line_of_it_takes_no_more_room_than_its_letters_and_the_counts() -> None:
    shown = sanitise("z\u0310\u0311\u0312\u0313\u0314\u0315a\u0310")
    assert cell_width(shown) == len("z[+2 marks]a")


@pytest.mark.parametrize("piece", ["\u0301", "a\u0301", "\u0e49", "\u0915\u094d", "\u0301\u0e49"])
def test_it_takes_linear_time(piece: str) -> None:
    def took(count: int) -> float:
        start = time.process_time()
        sanitise(piece * count)
        stream = Sanitiser()
        for _ in range(count // 100):
            stream.feed(piece * 100)
        stream.finish()
        return time.process_time() - start

    took(100)
    assert took(100_000) < 3.0
