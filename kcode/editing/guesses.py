"""Guessing the encoding of bytes that are neither marked nor UTF-8."""

import re
from dataclasses import dataclass
from typing import Literal

_SAMPLE = 65_536
_MOSTLY = 0.9
_GOOD = 0.7
_CLOSE = 0.15

_UTF8 = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_HIGH = re.compile(rb"[\x80-\xff]+")
_GB_PAIR = re.compile(rb"[\x81-\xfe][\x40-\x7e\x80-\xfe]|[\x81-\xfe][\x30-\x39][\x81-\xfe][\x30-\x39]")
_JIS_PAIR = re.compile(rb"[\x81-\x9f\xe0-\xfc][\x40-\x7e\x80-\xfc]|[\xa1-\xdf]")
_USUAL_GB = re.compile(rb"[\xb0-\xd7][\xa1-\xfe]|[\xa1\xa3][\xa1-\xfe]")
"""The 3,755 everyday Chinese characters, punctuation and full-width forms."""
_USUAL_JIS = re.compile(rb"\x82[\x9f-\xf1]|\x83[\x40-\x96]|\x81[\x40-\xac]|[\x88-\x97][\x40-\xfc]")
"""Kana, punctuation and the 2,965 everyday Japanese characters."""
_WESTERN_MARKS = b"\x80\x85\x91\x92\x93\x94\x96\x97"
"""Euro, ellipsis, typographic quotes and dashes of Windows-1252."""
_NAMES = {"gb18030": "GBK", "cp932": "Shift-JIS", "cp1252": "Latin-1 (Windows-1252)", "latin-1": "Latin-1"}


@dataclass(frozen=True, slots=True)
class Guess:
    """An encoding and why it may be another one."""

    encoding: str
    doubt: str
    errors: Literal["strict", "surrogateescape"] = "strict"


def guess(data: bytes) -> Guess:
    """Guess how bytes without mark that are not UTF-8 are to be read; always gives something that decodes."""
    sample = data[:_SAMPLE]
    if b"\0" in sample:
        wide = _wide(data, sample)
        if wide:
            return Guess(
                wide, f"The file has no byte order mark; it was read as {wide.upper()} by its zero bytes."
            )
    nearly = _broken_utf8(data)
    if nearly:
        return Guess("utf-8", nearly, "surrogateescape")
    scores = {name: score for name, score in _scores(sample).items() if _decodes(data, name)}
    best = max(scores, key=lambda name: scores[name], default="latin-1")
    rivals = [name for name, score in scores.items() if name != best and scores[best] - score < _CLOSE]
    also = f"; it could also be {' or '.join(_NAMES[r] for r in rivals)}" if rivals else ""
    told = f"The file is not UTF-8 and does not name its encoding; it was read as {_NAMES[best]}{also}."
    # GB18030 writes what GBK has not in a form that GBK programs cannot read, so it is the second choice.
    return Guess("gbk" if best == "gb18030" and _decodes(data, "gbk") else best, told)


def _wide(data: bytes, sample: bytes) -> str:
    """UTF-16 of mostly Latin text has its zero bytes on one side only."""
    if len(data) % 2:
        return ""
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = len(sample) / 2
    for name, zeros, others in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if zeros > half * 0.3 and others == 0 and _decodes(data, name):
            return name
    return ""


def _broken_utf8(data: bytes) -> str:
    """Say how many bytes are not UTF-8 in a file that otherwise is."""
    high = sum(map(len, _HIGH.findall(data)))
    good = sum(map(len, _UTF8.findall(data)))
    if not good or good < high * _MOSTLY:
        return ""
    return f"{high - good} bytes of the file are not UTF-8; they are kept as they are."


def _decodes(data: bytes, name: str) -> bool:
    try:
        data.decode(name)
    except UnicodeDecodeError:
        return False
    return True


def _scores(sample: bytes) -> dict[str, float]:
    """Score each candidate from 0 to 1 by how usual its characters would be."""
    return {
        "gb18030": _usual(_GB_PAIR.findall(_islands(sample)), _USUAL_GB),
        "cp932": _usual(_JIS_PAIR.findall(_islands(sample)), _USUAL_JIS),
        "cp1252": _western(sample),
    }


def _islands(sample: bytes) -> bytes:
    """Keep what multi-byte characters are made of: high bytes and the byte after each."""
    return b"".join(re.findall(rb"[\x80-\xff]+.?", sample, re.DOTALL))


def _usual(pairs: list[bytes], test: re.Pattern[bytes]) -> float:
    return sum(test.match(p) is not None for p in pairs) / len(pairs) if pairs else 0.0


def _western(sample: bytes) -> float:
    """Western text has single accented letters inside words; runs of high bytes speak against it."""
    runs = _HIGH.findall(sample)
    if not runs:
        return 0.0
    single = sum(len(run) == 1 and (run[0] >= 0xA0 or run[0] in _WESTERN_MARKS) for run in runs)
    return single / len(runs) * _GOOD + 0.1
