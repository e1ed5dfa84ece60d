"""Earlier prompts, on disk: one JSON value per line, readable by the owner only."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import cast

from prompt_toolkit.history import History

READ = 1 << 20
"""How many bytes of the file's end are read: enough for thousands of prompts, and quick at any size."""
KEEP = 4 * READ
"""A file larger than this is cut to its last `READ` bytes."""
LONGEST = 20_000
"""Characters of one entry; a longer prompt is kept in the session's log, not here."""


class DiskHistory(History):
    """Prompts of all sessions; what cannot be read is skipped, what cannot be written is only remembered."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def load_history_strings(self) -> Iterable[str]:
        """Yield the entries, the newest first, without repeating one."""
        known: set[str] = set()
        for line in reversed(_tail(self._path)):
            text = _entry(line)
            if text and text not in known:
                known.add(text)
                yield text

    def remember(self, shown: str, whole: str) -> None:
        """Add a prompt: as it was shown to this session, with its pastes to later ones."""
        if self._loaded_strings[:1] == [shown]:
            return
        self._loaded_strings.insert(0, shown)
        self.store_string(whole)

    def append_string(self, string: str) -> None:
        """Do nothing: the buffer would add what was only cleared; prompts come through `remember`."""

    def store_string(self, string: str) -> None:
        """Append an entry to the file, without the keys in it."""
        if len(string) > LONGEST:
            return
        from kcode.app.faults import without_keys  # noqa: PLC0415 - not needed to draw the prompt

        line = json.dumps({"text": without_keys(string)}).encode() + b"\n"
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _shorten(self._path)
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.fchmod(handle, 0o600)
                os.write(handle, line)
            finally:
                os.close(handle)
        except OSError:
            return


def _tail(path: Path) -> list[bytes]:
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            start = max(0, file.tell() - READ)
            file.seek(start)
            lines = file.read(READ).split(b"\n")
    except OSError:
        return []
    return lines[1:] if start else lines


def _entry(line: bytes) -> str:
    """Return the prompt that a line holds, "" for one that cannot be read."""
    try:
        value: object = json.loads(line)
    except ValueError:
        return ""
    if not isinstance(value, dict):
        return ""
    text = cast("dict[str, object]", value).get("text")
    return text if isinstance(text, str) else ""


def _shorten(path: Path) -> None:
    """Cut a file that has grown too large to its end."""
    if not path.exists() or path.stat().st_size <= KEEP:
        return
    rest = path.with_name(path.name + ".new")
    handle = os.open(rest, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(b"\n".join(_tail(path)))
    rest.replace(path)
