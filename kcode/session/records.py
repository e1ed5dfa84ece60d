"""One line of a session log: how an event becomes bytes, and the way back.

Every line is one JSON object in ASCII, so that no character of a message can be taken for a line's end.
The bytes of images stand in `Blobs`; the line names them as "blob:<sha256>".
"""

import base64
import binascii
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError, from_json

from kcode.session.blobs import Blobs
from kcode.types.events import EVENT, Event, MessageAdded
from kcode.types.messages import ImagePart, TextPart, ToolMessage, UserMessage, VideoPart
from kcode.types.value import Value

FORMAT = 1
_BLOB = "blob:"
_BLOB_NAMES = re.compile(rb'"blob:([0-9a-f]{64})"')
_TITLE = 120

Trouble: TypeAlias = Literal["damaged", "unknown"]


class Parent(Value):
    """Where a forked session came from: its id, and how many of its records were taken over."""

    id: str
    position: int


class Header(Value):
    """The first line of a log; `created` is Unix time in seconds, `version` kcode's."""

    type: Literal["session"] = "session"
    format: int = FORMAT
    id: str
    cwd: str
    created: float
    version: str = ""
    title: str = ""
    parent: Parent | None = None


class Mark(Value):
    """A note for lists, written at the end of a turn: how much was said so far, and under which title."""

    type: Literal["mark"] = "mark"
    messages: int
    title: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """What a line holds: an event, a mark, or the reason why neither; `strange` counts unknown fields."""

    event: Event | None = None
    mark: Mark | None = None
    trouble: Trouble | None = None
    strange: int = 0


def encode(event: Event, blobs: Blobs | None) -> bytes:
    """Return an event's line, its newline included.

    Raises:
        OSError: an image could not be kept.
        ValueError: the event has no form in JSON.
    """
    if isinstance(event, MessageAdded):
        event = _stow(event, blobs)
    return dump(event)


def dump(value: Value) -> bytes:
    """Return the line of a value; raises ValueError if it has no form in JSON."""
    try:
        return value.model_dump_json(ensure_ascii=True).encode("ascii") + b"\n"
    except (PydanticSerializationError, UnicodeError):
        pass
    # Only this slower way carries half of a surrogate pair, which models do write now and then.
    try:
        return json.dumps(value.model_dump(mode="json"), separators=(",", ":")).encode("ascii") + b"\n"
    except (PydanticSerializationError, RecursionError, TypeError) as error:
        raise ValueError(str(error)) from error


def parse(line: bytes) -> object:
    """Return the JSON of a line; raises ValueError. A block of NULs before it, left by a crash, is skipped."""
    line = line.lstrip(b"\0")
    try:
        return cast("object", from_json(line))
    except ValueError:
        pass
    try:
        return cast("object", json.loads(line))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def decode(line: bytes, blobs: Blobs | None) -> Line:
    """Read a line after the first."""
    try:
        data = parse(line)
    except ValueError:
        return Line(trouble="damaged")
    if not isinstance(data, dict):
        return Line(trouble="damaged")
    record = cast("dict[str, Any]", data)
    try:
        if record.get("type") == "mark":
            return Line(mark=Mark.model_validate(record))
        event = EVENT.validate_python(record)
    except ValidationError:
        return Line(trouble="unknown" if isinstance(record.get("type"), str) else "damaged")
    strange = len(record.keys() - type(event).model_fields.keys())
    return Line(event=_unstow(event, blobs) if b'"blob:' in line else event, strange=strange)


def decode_header(line: bytes) -> Header | None:
    """Read the first line; None if it is no kcode session's."""
    try:
        data = parse(line)
        return Header.model_validate(data) if isinstance(data, dict) else None
    except (ValueError, ValidationError):
        return None


def blob_names(line: bytes) -> Sequence[str]:
    """Name the blobs that a line refers to."""
    return [name.decode("ascii") for name in _BLOB_NAMES.findall(line)]


def title_of(message: UserMessage) -> str:
    """Return the first words of a prompt on one line."""
    words = " ".join(message.text[: 8 * _TITLE].split())
    return words if len(words) <= _TITLE else words[: _TITLE - 1] + "…"


def _stow(event: MessageAdded, blobs: Blobs | None) -> MessageAdded:
    message = event.message
    if blobs is None or not isinstance(message, UserMessage | ToolMessage):
        return event
    if not any(isinstance(part, ImagePart | VideoPart) for part in message.parts):
        return event
    parts = tuple(_stow_part(part, blobs) for part in message.parts)
    return event.model_copy(update={"message": message.model_copy(update={"parts": parts})})


def _stow_part(part: TextPart | ImagePart | VideoPart, blobs: Blobs) -> TextPart | ImagePart | VideoPart:
    if isinstance(part, TextPart):
        return part
    try:
        data = base64.b64decode(part.data, validate=True)
    except (binascii.Error, ValueError):
        return part
    if base64.b64encode(data).decode("ascii") != part.data:
        return part
    return part.model_copy(update={"data": _BLOB + blobs.put(data)})


def _unstow(event: Event, blobs: Blobs | None) -> Event:
    if not isinstance(event, MessageAdded) or not isinstance(event.message, UserMessage | ToolMessage):
        return event
    message = event.message
    parts = tuple(_unstow_part(part, blobs) for part in message.parts)
    return event.model_copy(update={"message": message.model_copy(update={"parts": parts})})


def _unstow_part(
    part: TextPart | ImagePart | VideoPart, blobs: Blobs | None
) -> TextPart | ImagePart | VideoPart:
    if isinstance(part, TextPart) or not part.data.startswith(_BLOB):
        return part
    data = blobs.get(part.data.removeprefix(_BLOB)) if blobs else None
    if data is None:
        return TextPart(text=f"[{part.type} that is no longer stored]")
    return part.model_copy(update={"data": base64.b64encode(data).decode("ascii")})
