"""How many tokens Kimi's tokenizer makes of a text, without its vocabulary.

The text is cut the way the tokenizer cuts it before it merges anything: a word with the character before it, up to
three digits, a run of punctuation, of blanks, of Chinese characters. Most pieces are one token. What a piece costs is a
sum of weights: of its length and shape, of every two letters that follow each other, of frequent runs of punctuation,
of Chinese characters. `tests/bench/fit_tokens.py` fits them; they lie in `estimate.json`.
"""

import json
import re
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from itertools import pairwise

from kcode import registry

Cut = Callable[[str], list[str]]

_HAN = "\u2e80-\u2fdf\u3005\u3007\u3021-\u3029\u3038-\u303b\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u0900-\u0963\u0971-\u0dff\u0e31-\u0e3a\u0e47-\u0e4e"
_SCRIPTS = (
    (0x80, "z"),
    (0xA0, "s"),
    (0xC0, "l"),
    (0x250, "z"),
    (0x370, "e"),
    (0x400, "y"),
    (0x530, "z"),
    (0x590, "b"),
    (0x600, "r"),
    (0x780, "z"),
    (0x900, "d"),
    (0xE00, "t"),
    (0x1000, "z"),
    (0x1100, "g"),
    (0x1200, "z"),
    (0x1E00, "v"),
    (0x1F00, "e"),
    (0x2000, "s"),
    (0x2600, "j"),
    (0x27C0, "s"),
    (0x2E80, "h"),
    (0x2FE0, "s"),
    (0x3040, "k"),
    (0x3100, "z"),
    (0x3130, "g"),
    (0x3190, "s"),
    (0x3400, "h"),
    (0x4DC0, "s"),
    (0x4E00, "h"),
    (0xA000, "z"),
    (0xAC00, "g"),
    (0xD800, "z"),
    (0xF900, "h"),
    (0xFB00, "z"),
    (0xFB50, "r"),
    (0xFE00, "s"),
    (0xFE70, "r"),
    (0xFF00, "s"),
    (0xFF66, "k"),
    (0xFFA0, "s"),
    (0x10000, "z"),
    (0x1F000, "j"),
    (0x20000, "h"),
    (0x40000, "z"),
)
"""Where the scripts begin: Chinese h, kana k, Hangul g, Cyrillic y, Greek e, Hebrew b, Arabic r, Indic d, Thai t, Latin
letters with one accent l and with more v, pictures j, symbols s, anything else z."""
_STARTS = tuple(start for start, _ in _SCRIPTS)
_ACCENTED = frozenset("vl")
_FOREIGN = frozenset(
    f" {word}"
    for word in [
        "der",
        "und",
        "das",
        "ist",
        "nicht",
        "ein",
        "eine",
        "zu",
        "den",
        "mit",
        "von",
        "auf",
        "wird",
        "el",
        "los",
        "las",
        "que",
        "del",
        "por",
        "para",
        "una",
        "les",
        "des",
        "est",
        "pour",
        "dans",
        "sur",
        "il",
        "di",
        "che",
        "della",
        "dei",
        "nie",
        "na",
        "jest",
        "os",
        "um",
        "uma",
        "da",
        "ve",
        "bir",
        "bu",
        "lo",
        "je",
        "au",
        "ou",
        "ser",
        "ao",
        "ze",
        "nelze",
    ]
)
"""Words that tell that a text is not English, whose long words are rarely in the vocabulary."""
_FOREIGN_SHARE = 0.12
"""From this share of such words on a text is taken for foreign altogether."""
_LONG, _PART = 100_000, 1_000
"""Characters above which a text is judged by parts, and those of one part."""
_PARTS = 80
_GOLDEN = 0.618034
_LONG_WORD = 14
_SPACED = 10


class Weights(dict[str, float]):
    """Weights by key; what has none weighs nothing."""

    def __missing__(self, key: str) -> float:
        return 0.0


def count(text: str) -> int:
    """Estimate the tokens of a text; of a very long one by parts of it that lie evenly in it."""
    if not text:
        return 0
    if len(text) > _LONG:
        step = len(text) // _PARTS
        # Not at equal distances: what repeats itself would be met at the same place each time.
        starts = [i * step + int(i * _GOLDEN % 1 * (step - _PART)) for i in range(_PARTS)]
        sample = [text[start : start + _PART] for start in starts]
        return round(sum(map(count, sample)) * len(text) / sum(map(len, sample)))
    total, extra, share = weigh(Counter(pieces(text)), _cost)
    return max(1, round(total + (_weights()["foreign"] * extra * share if share else 0)))


def weigh(found: Mapping[str, int], cost: Callable[[str], float]) -> tuple[float, float, float]:
    """Sum up pieces and how often they come.

    Returns:
        Their tokens, how many of them ASCII words take beyond one each, and how foreign the text is, from 0 to 1.
    """
    total = extra = 0.0
    words = foreign = 0
    for piece, times in found.items():
        tokens = cost(piece)
        total += times * tokens
        if not piece[-1].isalpha():
            continue
        words += times
        if not piece.isascii():
            foreign += times * (script_of(piece) in _ACCENTED)
        elif piece in _FOREIGN:
            foreign += times
        elif tokens > 1:
            extra += times * (tokens - 1)
    return total, extra, min(1.0, foreign / words / _FOREIGN_SHARE) if foreign else 0.0


def pieces(text: str) -> list[str]:
    """Cut a text as the tokenizer does."""
    return (_ascii() if text.isascii() else _any())(text)


def cost(piece: str, weights: Weights) -> float:
    """Estimate one piece; at least a token, at most one for each byte."""
    total = sum(map(weights.__getitem__, keys(piece, weights)))
    return 1.0 if total < 1 else min(total, len(piece.encode(errors="replace")))


@lru_cache(maxsize=16_384)
def _cost(piece: str) -> float:
    return cost(piece, _weights())


def keys(piece: str, weights: Mapping[str, float]) -> Sequence[str]:
    """Name the weights of a piece, one as often as it counts; `weights`: those that there are."""
    first = piece[0]
    if not piece.isascii():
        return _other(piece, weights)
    if first.isalpha():
        return _word("", piece)
    if first.isdigit():
        return ("0",)
    if piece[1:2].isalpha():
        return _word(
            " " if first == " " else "_" if first == "_" else "." if first in '.(/"-\t' else ",", piece[1:]
        )
    return _blank(piece) if piece.isspace() else _punctuation(piece, weights)


def _word(lead: str, word: str) -> list[str]:
    word, _, ending = word.partition("'")
    size = len(word)
    shape = "L" if word.islower() else "U" if word.isupper() else "C" if word[1:].islower() else "M"
    framed = f"^{word.lower()}$"
    found = [framed[i : i + 2] for i in range(size + 1)] if size > 1 else []
    found += (f"{shape}{min(size, _LONG_WORD)}", lead + shape, f"{lead}{min(size, _SPACED)}")
    if ending:
        found.append("'")
    return found + ["W"] * (size - _LONG_WORD)


def _blank(piece: str) -> tuple[str, ...]:
    lines = min(3, piece.count("\n"))
    tab = "T" if "\t" in piece else ""
    return (f"N{lines}{tab}",) if lines else (f"B{min(3, len(piece))}{tab}",)


def _punctuation(piece: str, weights: Mapping[str, float]) -> list[str]:
    run = piece.rstrip("\r\n")
    found = ["Pn"] if len(run) < len(piece) else []
    if f"p{run}" in weights:
        return [*found, f"p{run}"]
    bare = run.lstrip(" ")
    kinds = 1 + sum(a != b for a, b in pairwise(bare))
    found += [f"P{min(6, len(bare))}{min(5, kinds)}"] + ["Pk"] * (kinds - 5) + ["Pl"] * (len(bare) - 6)
    return found if bare == run else [*found, "Pb"]


def _other(piece: str, weights: Mapping[str, float]) -> list[str]:
    script = script_of(piece)
    if script == "h":
        return [f"h{min(3, len(piece))}", *(c if c in weights else "h" for c in piece)]
    bare = piece.lstrip(" ")
    found = [f"{script}^", *[script] * len(bare)]
    if len(bare) < len(piece):
        found.append(f"{script}b")
    if len(bare) == 1:
        found.append(f"{script}1")
    return found


def script_of(piece: str) -> str:
    """Name the script of a piece that is not ASCII alone, by its highest character."""
    return _SCRIPTS[bisect(_STARTS, ord(max(piece))) - 1][1]


@cache
def _weights() -> Weights:
    stored = json.loads(registry.text("kcode.context", "estimate.json"))
    return Weights((key, number / 100) for key, number in stored.items())


@cache
def _ascii() -> Cut:
    return re.compile(
        r"[^\r\nA-Za-z0-9]?(?:[A-Z]*[a-z]+|[A-Z]+)(?:'(?i:s|t|re|ve|m|ll|d))?"
        r"|\d{1,3}| ?[^\sA-Za-z0-9]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    ).findall


@cache
def _any() -> Cut:
    letter = rf"(?:(?![A-Z{_HAN}])[^\W\d_]|[{_MARKS}])"
    return re.compile(
        rf"[{_HAN}]+|(?:[^\r\n\w]|_)?(?:[A-Z]*{letter}+|[A-Z]+)(?:'(?i:s|t|re|ve|m|ll|d))?"
        r"|\d{1,3}| ?(?:[^\s\w]|_)+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    ).findall
