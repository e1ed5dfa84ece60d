"""Reading small files that anybody may have put there, and replacing them whole."""

import contextlib
import errno
import json
import os
import secrets
import stat
from pathlib import Path
from typing import Any, cast

from kcode.types.errors import ConfigError

LARGEST = 1 << 20
"""No settings file is larger, in bytes."""


def read_bytes(path: Path, limit: int = LARGEST) -> bytes | None:
    """Return a regular file's content, None if there is none.

    Never waits: pipes and devices are refused before they are read.

    Raises:
        ConfigError: it cannot be read, is no regular file or larger than `limit` bytes.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({_why(error)}).") from error
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            what = "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe or a device"
            raise ConfigError(f"{path}: this is {what}; a file is expected. Remove or rename it.")
        if found.st_size > limit:
            raise ConfigError(_too_large(path, limit))
        return _read(descriptor, path, limit)
    finally:
        os.close(descriptor)


def _read(descriptor: int, path: Path, limit: int) -> bytes:
    pieces: list[bytes] = []
    left = limit + 1
    try:
        while left and (piece := os.read(descriptor, left)):
            pieces.append(piece)
            left -= len(piece)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({_why(error)}).") from error
    if not left:
        raise ConfigError(_too_large(path, limit))
    return b"".join(pieces)


def _too_large(name: object, limit: int) -> str:
    return f"{name}: larger than {limit // 1024} KiB; it cannot be meant. Remove or shorten it."


def _why(error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "its links go in a circle"
    return error.strerror or str(error)


def read_object(path: Path) -> tuple[dict[str, Any], str] | None:
    """Return the JSON object in a file and its text; None if there is no file. A byte order mark is skipped.

    Raises:
        ConfigError: there is no such object in it; the text names file, line and column.
    """
    data = read_bytes(path)
    return None if data is None else object_in(data, str(path))


def object_in(data: bytes, name: str) -> tuple[dict[str, Any], str]:
    """Return the JSON object in a file's content and its text; `name` says where it came from. See `read_object`."""
    if len(data) > LARGEST:
        raise ConfigError(_too_large(name, LARGEST))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{name}:{line}: not UTF-8 text. Save the file as UTF-8.") from error
    return parse_object(text, name), text


def parse_object(text: str, name: str) -> dict[str, Any]:
    """Return the JSON object in a text; an empty text counts as an empty object.

    Raises:
        ConfigError: it holds something else; `name` says where the text came from.
    """
    if not text.strip():
        return {}
    try:
        value: object = json.loads(text)
    except json.JSONDecodeError as error:
        hint = _syntax_hint(text, error.pos)
        raise ConfigError(
            f"{name}:{error.lineno}:{error.colno}: not valid JSON: {error.msg}.{hint}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{name}: not usable as JSON ({type(error).__name__}).") from error
    if not isinstance(value, dict):
        raise ConfigError(f"{name}:1:1: a JSON object is expected: {{ ... }}.")
    return cast("dict[str, Any]", value)


def _syntax_hint(text: str, position: int) -> str:
    before, after = text[:position].rstrip(), text[position:].lstrip()
    if after[:1] in {"}", "]"} and before.endswith(","):
        return " Remove the comma before the closing bracket."
    if before.endswith(",") or after.startswith(("//", "/*", "#")):
        return " JSON knows no comments and no comma after the last item."
    if after.startswith("'"):
        return ' Texts stand in double quotes: "...".'
    return ""


def replace_file(path: Path, data: bytes, *, mode: int) -> None:
    """Replace a file whole or not at all, following links; a file that exists keeps its mode.

    Raises:
        OSError: nothing was changed.
    """
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with contextlib.suppress(FileNotFoundError):
        mode = stat.S_IMODE(target.stat().st_mode)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
