"""Every kind of control sequence, in every spelling and with every ending, through every way to the terminal."""

import io
import itertools
import re
from collections.abc import Callable

import pytest

from kcode.frontends.acp.calls import shown_title
from kcode.frontends.repl.render.canvas import one_line, safe
from kcode.screen.names import escape_name
from kcode.screen.printing import presentable
from kcode.screen.sanitise import Sanitiser, reveal, sanitise

STRINGS = {
    "osc": ("\x1b]", "\x9d"),
    "dcs": ("\x1bP", "\x90"),
    "apc": ("\x1b_", "\x9f"),
    "pm": ("\x1b^", "\x9e"),
    "sos": ("\x1bX", "\x98"),
}
ENDS = {
    "st": "\x1b\\",
    "bel": "\x07",
    "c1 st": "\x9c",
    "never": "",
    "line": "\n",
    "escape": "\x1b",
    "cancel": "\x18",
}
PAYLOADS = ("52;c;aGk=", "0;title", "8;;http://evil.example")
CONTROLS = [
    f"{start}{rest}"
    for start in ("\x1b[", "\x9b")
    for rest in (
        *(
            "2J",
            "3J",
            "H",
            "31m",
            "6n",
            "21t",
            "?1003h",
            "?2004l",
            "201~",
            "1;1H",
            "38;5",
            ">c",
            "!p",
            "$p",
            "0 q",
            "",
        ),
    )
]
SINGLE = [
    f"\x1b{c}" for c in ("c", "7", "8", "D", "M", "E", "H", "Z", "=", ">", "(0", "#8", " F", "n", "o", "")
]
HIDDEN = [
    *(
        "\u200b",
        "\u200e",
        "\u202a",
        "\u202e",
        "\u2066",
        "\u2069",
        "\u2060",
        "\ufeff",
        "\u00ad",
        "\u034f",
        "\u061c",
        "\u115f",
    ),
    *(
        "\u3164",
        "\uffa0",
        "\u180e",
        "\u2028",
        "\u2029",
        "\ufe00",
        "\ufff9",
        "\U000e0041",
        "\U000e0100",
        "\U0001d173",
        "\ud800",
    ),
    *("\x00", "\x08", "\x0b", "\x0c", "\x7f", "\x85", "\x0e", "\x1c"),
]
VARIANTS = [
    *(
        f"{start}{payload}{end}"
        for (_, starts), (_, end), payload in itertools.product(STRINGS.items(), ENDS.items(), PAYLOADS[:1])
        for start in starts
    ),
    *(f"\x1b]{payload}{end}" for payload, end in itertools.product(PAYLOADS[1:], ENDS.values())),
    *CONTROLS,
    *SINGLE,
    *HIDDEN,
    "\x1bPtmux;\x1b\x1b]52;c;aGk=\x07\x1b\\",
    "\x1b]0;a\x1b]0;b\x07",
    "\x1b[\x1b[2J",
    "\x1b\x1b[2J",
    "\x9b\x9b2J",
    "\x1b[2\x00J",
]
RAW = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\U000e0000-\U000e0fff]"
)


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def in_pieces(text: str) -> str:
    sanitiser = Sanitiser()
    return "".join([*map(sanitiser.feed, text), sanitiser.finish()])


WAYS: dict[str, Callable[[str], str]] = {
    "sanitise": sanitise,
    "reveal": lambda text: reveal(text)[0],
    "printed": lambda text: presentable(text, Screen()),
    "in a list": one_line,
    "drawn": safe,
    "a name": escape_name,
    "an editor's title": shown_title,
    "piece by piece": in_pieces,
}


@pytest.mark.parametrize("way", WAYS)
def test_nothing_raw_comes_through(way: str) -> None:
    assert len(VARIANTS) > 150
    bad = [variant for variant in VARIANTS if RAW.search(WAYS[way](f"a{variant}b\nc").replace("\n", ""))]
    assert bad == []


@pytest.mark.parametrize("way", ["sanitise", "printed", "piece by piece"])
def test_no_sequence_hides_what_stands_on_the_next_line(way: str) -> None:
    lost = [variant for variant in VARIANTS if not WAYS[way](f"a{variant}b\nrm -rf x").endswith("rm -rf x")]
    assert lost == []


def test_an_approval_shows_each_hidden_character_and_counts_them() -> None:
    for variant in VARIANTS:
        shown, hidden = reveal(f"safe {variant} evil")
        assert shown.startswith("safe ")
        assert shown.endswith(" evil")
        assert hidden >= (0 if variant == "\n" else 1)


def test_text_for_a_program_stays_as_it_is() -> None:
    assert presentable("a\x1b[2Jb", io.StringIO()) == "a\x1b[2Jb"


@pytest.mark.parametrize(
    "piece", ["\x1b[", "\x1b]", "\x9b", "\u202e", "e\u0301", "\r", "\x08", "\ufe0f", "\u4f60", "\u200d"]
)
def test_a_flood_takes_linear_time(piece: str) -> None:
    assert not RAW.search(sanitise(piece * 100_000).replace("\u200d", ""))
