"""Characters that are not what they look like: hidden ones, and those that `$'...'` spells out."""

import re
import unicodedata
from typing import Final

_HIDDEN: Final = frozenset({"Cf", "Co", "Cn", "Cs", "Zl", "Zp", "Cc", "Zs"})
_PLAIN_SPACES: Final = frozenset("\t\n ")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_ANSI: Final = re.compile(
    r"\\(?:([abeEfnrtv\\'\"?])|x([0-9A-Fa-f]{1,2})|([0-7]{1,3})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|(.))",
    re.DOTALL,
)
_ANSI_LETTERS: Final = dict(zip("abeEfnrtv\\'\"?", "\a\b\x1b\x1b\f\n\r\t\v\\'\"?", strict=True))


def hidden_characters(text: str) -> list[str]:
    """Control, format and unusual blank characters: unseen by a person, or no blank to bash."""
    if text.isascii():
        return _CONTROL.findall(text)
    return [c for c in text if c not in _PLAIN_SPACES and unicodedata.category(c) in _HIDDEN]


def decode_ansi(body: str) -> str | None:
    r"""What `$'body'` stands for; None where the result is not simple (NUL, control, unknown escapes)."""
    simple = True

    def replace(found: re.Match[str]) -> str:
        nonlocal simple
        letter, hexa, octal, small, large, _ = found.groups()
        if letter:
            return _ANSI_LETTERS[letter]
        digits = (hexa or small or large, 16) if (hexa or small or large) else (octal, 8)
        code = int(digits[0], digits[1]) if digits[0] else 0
        if not 0 < code < 0x80:
            simple = False
            return found.group()
        return chr(code)

    decoded = _ANSI.sub(replace, body)
    return decoded if simple else None
