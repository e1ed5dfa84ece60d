"""File names as text: a name may hold bytes that are no UTF-8, newlines and terminal controls."""

import re

from kcode.screen.sanitise import UNSEEN

_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([nrt]))")
_LETTERS = {"n": "\n", "r": "\r", "t": "\t"}
_CONTROLS = {code: f"\\{letter}" for letter, code in _LETTERS.items()}


def escape_name(name: str) -> str:
    r"""Write what a terminal or a model cannot take in a name as escapes: \xff a byte, \n a newline, \u202e a mark.

    `unescape_name` reads the result back.
    """
    if name.isascii() and name.isprintable():
        return name
    return "".join(map(_escape, name))


def _escape(char: str) -> str:
    code = ord(char)
    # Some letters and marks are printable by Unicode's rules and yet cannot be seen.
    if char.isprintable() and not UNSEEN.match(char):
        return char
    if char in _CONTROLS:
        return _CONTROLS[char]
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else char.encode("unicode_escape").decode()


def unescape_name(text: str) -> str:
    """Return the name that `escape_name` wrote; text without escapes comes back unchanged."""
    return _ESCAPE.sub(_unescape, text)


def _unescape(match: re.Match[str]) -> str:
    byte, mark, far_mark, letter = match.groups()
    if letter:
        return _LETTERS[letter]
    if mark or far_mark:
        code = int(mark or far_mark, 16)
        return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else match[0]
    code = int(byte, 16)
    return chr(code if code < 0x80 else code + 0xDC00)
