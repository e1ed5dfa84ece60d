"""Floods of combining marks: hundreds of them on one letter paint over the lines above and below.

Every script that is in use keeps its marks: Vietnamese needs two, Thai two, Hebrew with points and accents four,
Devanagari five, the tallest Tibetan stack eight.
"""

import re
import unicodedata
from functools import lru_cache

MOST = 8
"""Marks on one character that are kept."""
MOST_ACCENTS = 4
"""Of them such as stand over and under Latin letters, which no language piles up."""

_ACCENTS = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_MANY_ACCENTS = re.compile(f"[{_ACCENTS}]{{{MOST_ACCENTS + 1},}}")
# Where marks of all other scripts are, among their letters.
_AREAS = "\u0300-\u1dff\u20d0-\u20ff\u2ce0-\u2dff\u3020-\u30a0\ua660-\uabff\ufb1e\ufe00-\ufe2f\U000101fd-\U0001e95f"
_MAYBE_MANY = re.compile(f"[{_AREAS}]{{{MOST + 1}}}")
MARKS_AT_END = re.compile(f"(?<![{_ACCENTS}])[{_ACCENTS}]+\\Z")
"""At the end of a piece: more of them may follow in the next one."""


def thinned(text: str) -> str:
    """Return a text with at most as many marks on a character as scripts need, and a count of the others."""
    text = _MANY_ACCENTS.sub(lambda m: _counted(m[0], MOST_ACCENTS), text)
    if _MAYBE_MANY.search(text):
        text = _many().sub(lambda m: _counted(m[0], MOST), text)
    return text


def _counted(run: str, most: int) -> str:
    return f"{run[:most]}[+{len(run) - most} marks]"


@lru_cache(maxsize=1)
def _many() -> "re.Pattern[str]":
    """Too many marks of any script; found once, in the time that a few pages take."""
    codes = [*range(0x300, 0x3100), *range(0xA660, 0xAC00), *range(0xFE20, 0xFE30), *range(0x101FD, 0x1E960)]
    marks = [code for code in codes if unicodedata.category(chr(code)) in {"Mn", "Me"}]
    ranges: list[list[int]] = []
    for code in marks:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    area = "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)
    return re.compile(f"[{area}]{{{MOST + 1},}}")
