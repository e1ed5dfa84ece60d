"""Where in a JSON text a value stands, so that a complaint can name line and column."""

import json
import re
from collections.abc import Sequence

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


def locate(text: str, path: Sequence[str | int]) -> tuple[int, int]:
    """Return line and column, from 1, of the value at a path; of the nearest container if it is not there.

    A member counts from its key. The text must be valid JSON.
    """
    position = _after_space(text, 0)
    shown = position
    for step in path:
        found = _member(text, position, step) if text[position] == "{" else _item(text, position, step)
        if found is None:
            break
        shown, position = found
    line = text.count("\n", 0, shown) + 1
    return line, shown - (text.rfind("\n", 0, shown) + 1) + 1


def _member(text: str, start: int, key: str | int) -> tuple[int, int] | None:
    position, found = _after_space(text, start + 1), None
    while text[position] == '"':
        name, end = _DECODER.raw_decode(text, position)
        value = _after_space(text, _after_space(text, end) + 1)
        if name == key:
            # Of two members with one name the last one counts.
            found = position, value
        position = _next(text, value)
    return found


def _item(text: str, start: int, index: str | int) -> tuple[int, int] | None:
    if text[start] != "[" or not isinstance(index, int):
        return None
    position = _after_space(text, start + 1)
    for _ in range(index):
        if text[position] == "]":
            return None
        position = _next(text, position)
    return None if text[position] == "]" else (position, position)


def _next(text: str, value: int) -> int:
    _, end = _DECODER.raw_decode(text, value)
    end = _after_space(text, end)
    return _after_space(text, end + 1) if text[end] == "," else end


def _after_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position
