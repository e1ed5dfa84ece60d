"""Reading a session log, with patience for what crashes and other versions left in it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kcode.session.blobs import Blobs
from kcode.session.disk import open_regular
from kcode.session.records import FORMAT, Header, decode, decode_header, parse, title_of
from kcode.types.errors import SessionError
from kcode.types.events import Event, MessageAdded
from kcode.types.messages import UserMessage

_LARGEST = 2 << 30


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a log holds.

    `damaged` counts lines that could not be read, `unknown` those of a kind that this kcode does not know,
    `strange` the unknown fields of the others. `lines` are the good lines, for a fork to take over.
    `size` is the file's, in bytes.
    """

    path: Path
    size: int
    header: Header
    events: Sequence[Event]
    lines: Sequence[bytes]
    damaged: int = 0
    unknown: int = 0
    strange: int = 0
    messages: int = 0
    title: str = ""

    @property
    def remarks(self) -> Sequence[str]:
        """What a person should know about the reading, in sentences."""
        remarks: list[str] = []
        if self.damaged:
            remarks.append(f"{self.damaged} damaged lines of this session were skipped.")
        if self.header.format > FORMAT:
            remarks.append(f"This session was written by a newer kcode ({self.header.version}).")
        if self.unknown:
            remarks.append(f"{self.unknown} records of a kind unknown to this kcode were skipped.")
        return remarks


def read_session(path: Path) -> Recorded:
    """Read a log; a torn last line counts as damaged, and stays in the file.

    Raises:
        SessionError: it cannot be read, or is no kcode session.
    """
    data = _bytes(path)
    first, _, rest = data.partition(b"\n")
    header = _header(path, first, rest)
    blobs = Blobs(path.parent / "blobs")
    events: list[Event] = []
    lines: list[bytes] = []
    counts = {"damaged": int(header.created == 0), "unknown": 0}
    strange, title, messages = 0, header.title, 0
    for line in rest.split(b"\n"):
        if not line:
            continue
        found = decode(line, blobs)
        strange += found.strange
        if found.trouble:
            counts[found.trouble] += 1
            continue
        lines.append(line + b"\n")
        if found.mark:
            title = found.mark.title or title
        if found.event:
            events.append(found.event)
            messages += isinstance(found.event, MessageAdded) and found.event.agent == "main"
    title = title or next((title_of(m) for m in map(_prompt, events) if m), "")
    return Recorded(
        path, len(data), header, events, lines, **counts, strange=strange, messages=messages, title=title
    )


def _prompt(event: Event) -> UserMessage | None:
    if isinstance(event, MessageAdded) and event.agent == "main":
        message = event.message
        if isinstance(message, UserMessage) and message.origin == "user":
            return message
    return None


def _bytes(path: Path) -> bytes:
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            if os.fstat(file.fileno()).st_size > _LARGEST:
                raise SessionError(f"The session {path} is larger than 2 GiB: start a new one.")
            return file.read()
    except OSError as error:
        raise SessionError(f"The session {path} cannot be read: {error.strerror}.") from error


def _header(path: Path, first: bytes, rest: bytes) -> Header:
    header = decode_header(first)
    if header is not None:
        return header
    if not _is_object(first) and any(decode(line, None).event for line in rest.split(b"\n", 20)[:20]):
        return Header(id=path.stem, cwd="", created=0)
    raise SessionError(
        f"{path} is not a kcode session: its first line is not a session header. It was left as it is."
    )


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(parse(line), dict)
    except ValueError:
        return False
