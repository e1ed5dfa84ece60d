"""What may differ between typed and real text: whitespace and typography, never a letter, digit or operator."""

import re
import unicodedata

_QUOTES = dict.fromkeys(map(ord, "\u2018\u2019\u201a\u201b"), "'") | dict.fromkeys(
    map(ord, "\u201c\u201d\u201e\u201f"), '"'
)
_DASH_MARKS = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63"
_DASHES = dict.fromkeys(map(ord, _DASH_MARKS), "-")
_SPACES = dict.fromkeys([0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000], " ")
_FULL_WIDTH = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
_INVISIBLE: dict[int, str] = dict.fromkeys([0x200B, 0x2060, 0xFEFF], "")
_ELLIPSIS = {0x2026: "..."}
_TYPOGRAPHY = _ELLIPSIS | _QUOTES | _DASHES | _SPACES | _FULL_WIDTH | _INVISIBLE

_TOKEN = re.compile(rf"\s+|[\w\u0300-\u036f\u200b\u2060\ufeff]+|[-{_DASH_MARKS}]+|\.\.\.|.", re.DOTALL)


def fold(text: str) -> str:
    """Replace typographic quotes, dashes, spaces and full-width forms by plain ones, accents by composed ones.

    Line feeds stay where they are, so a whole text can be folded at once.
    """
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", text.translate(_TYPOGRAPHY))


def key(line: str) -> str:
    """Reduce a line to what must be the same: folded, runs of blanks as one, trimmed."""
    return " ".join(fold(line).split())


def tokens(text: str) -> list[str]:
    """Cut a line into words, runs of blanks, runs of dashes and single marks; joined they give the line."""
    return _TOKEN.findall(text)


def token_key(token: str) -> str:
    """Reduce one token to what must be the same."""
    return " " if token.isspace() else fold(token)


def indent_of(line: str) -> str:
    """Return the blanks that a line starts with."""
    return line[: len(line) - len(line.lstrip())]


def habits(typed: list[str], real: list[str]) -> dict[int, str]:
    """Learn which typographic characters the model typed where the file has plain ones.

    Only typographic to plain is learnt: the other way round (which curly quote opens?) would be a guess.

    Args:
        typed: lines as typed.
        real: the file's lines, the same but for blanks and typography.
    """
    learnt: dict[int, str] = {}
    refuted: set[int] = set()
    for mine, theirs in zip(typed, real, strict=True):
        if mine.isascii() or mine == theirs:
            continue
        for a, b in zip(tokens(mine), tokens(theirs), strict=False):
            if token_key(a) != token_key(b):
                break
            _compare(a, b, learnt, refuted)
    if learnt.keys() & _QUOTES.keys() and not refuted & _QUOTES.keys():
        learnt |= _QUOTES
    return {a: b for a, b in learnt.items() if a not in refuted}


def _compare(mine: str, theirs: str, learnt: dict[int, str], refuted: set[int]) -> None:
    pairs = zip(mine, theirs, strict=True) if len(mine) == len(theirs) else [(mine, theirs)]
    for a, b in pairs:
        if len(a) == 1 and ord(a) in _TYPOGRAPHY:
            if b == _TYPOGRAPHY[ord(a)]:
                learnt[ord(a)] = b
            elif a == b:
                refuted.add(ord(a))
