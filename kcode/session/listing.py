"""What a list shows of a session, from the first and the last bytes of its log."""

import os
from pathlib import Path
from typing import Any, cast

from kcode.session.disk import open_regular
from kcode.session.records import Header, Mark, decode_header, parse, title_of
from kcode.types.command import SessionSummary
from kcode.types.messages import UserMessage

_HEAD = 1 << 14
_TAIL = 1 << 16


def summarise(path: Path) -> SessionSummary | None:
    """Summarise a log; None if it is no kcode session. Costs the same for every length."""
    try:
        descriptor = open_regular(path)
    except OSError:
        return None
    try:
        found = os.fstat(descriptor)
        head = os.pread(descriptor, _HEAD, 0)
        header = decode_header(head.partition(b"\n")[0])
        if header is None:
            return None
        start = max(0, found.st_size - _TAIL)
        lines = os.pread(descriptor, _TAIL, start).split(b"\n")
        title, messages = _last_words(header, lines[1:])
        return SessionSummary(header.id, path, header.cwd, title, found.st_mtime, messages)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _last_words(header: Header, lines: list[bytes]) -> tuple[str, int]:
    """Title and number of messages: what the last mark says, and what came after it."""
    added, title = 0, ""
    for line in reversed(lines):
        if line.startswith(b'{"type":"mark"'):
            mark = _mark(line)
            if mark is not None:
                return mark.title or header.title or title, mark.messages + added
        elif b'"message_added"' in line[:80] and line.startswith(b'{"agent":"main"'):
            added += 1
            title = _prompt(line) or title
    return header.title or title, added


def _mark(line: bytes) -> Mark | None:
    try:
        return Mark.model_validate(parse(line))
    except ValueError:
        return None


def _prompt(line: bytes) -> str:
    if b'"role":"user"' not in line:
        return ""
    try:
        record = cast("dict[str, Any]", parse(line))
        message = UserMessage.model_validate(record["message"])
    except (ValueError, KeyError, TypeError):
        return ""
    return title_of(message) if message.origin == "user" else ""
