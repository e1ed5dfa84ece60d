"""Lines on stdout for programs: flushed at once, and quiet when nobody reads any more."""

import json
import os
from collections.abc import Callable
from typing import TextIO

from kcode.screen.printing import presentable
from kcode.types.model import JsonObject


class Output:
    """Writes lines to a stream. `on_closed` is called once when its reader has gone away."""

    def __init__(self, file: TextIO, on_closed: Callable[[], None] = lambda: None) -> None:
        self._file = file
        self._closed = False
        self.on_closed = on_closed

    def write(self, line: str) -> None:
        """Write one line; characters that the stream cannot hold are replaced."""
        if self._closed:
            return
        line = presentable(line, self._file)
        encoding = self._file.encoding or "utf-8"
        try:
            self._file.write(line.encode(encoding, "replace").decode(encoding) + "\n")
            self._file.flush()
        except BrokenPipeError:
            self._closed = True
            # Python flushes once more at exit and would complain.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._file.fileno())
            self.on_closed()


def to_json(value: JsonObject | list[JsonObject]) -> str:
    """Write JSON in readable characters; escaped where a file name is no valid text."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value)
    return text


def same_place(one: TextIO, other: TextIO) -> bool:
    """Whether two streams end in the same terminal or file."""
    try:
        return os.path.sameopenfile(one.fileno(), other.fileno())
    except (OSError, ValueError):
        return False
