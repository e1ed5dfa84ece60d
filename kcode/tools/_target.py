"""The file that Edit and Write change: as it is now, as the model saw it, and how it is replaced."""

import hashlib
from dataclasses import dataclass

from kcode.editing.encoding import Decoded, EncodingRefusedError, encode, readable
from kcode.tools._change import Change
from kcode.tools._paths import confirm, explain
from kcode.tools._text import binary_kind, decode_text
from kcode.types.environment import Environment, FileChangedError, Files, ResolvedPath
from kcode.types.errors import ToolError
from kcode.types.events import FileChange, FileSeen
from kcode.types.state import State

LARGEST = 32 << 20
"""Bytes of a file that is changed as a whole."""


@dataclass(frozen=True, slots=True)
class Target:
    """A file's content now; `sha256` is "" and everything else empty where there is none yet."""

    place: ResolvedPath
    data: bytes
    file: Decoded
    sha256: str
    seen: FileSeen | None

    @property
    def text(self) -> str:
        """The file's text, without byte order mark."""
        return self.file.text

    @property
    def exists(self) -> bool:
        """Whether there is a file."""
        return self.sha256 != ""

    @property
    def stale(self) -> bool:
        """Whether the file is not what the model saw last."""
        return self.seen is not None and self.seen.sha256 != self.sha256

    def encode(self, text: str) -> bytes:
        """Return the bytes of a new text; raises ToolError for what the file's encoding cannot hold."""
        try:
            return encode(self.file, self.data, text)
        except EncodingRefusedError as error:
            raise ToolError(readable(str(error))) from error


async def load(files: Files, place: ResolvedPath, state: State) -> Target:
    """Read the file that is to be changed.

    Raises:
        ToolError: it is no text file that can be changed as a whole.
    """
    seen = state.seen.get(str(place.real))
    try:
        found = await files.stat(place.real)
        if found.kind == "missing":
            return Target(place, b"", Decoded("", "utf-8"), "", seen)
        if found.kind == "directory":
            raise ToolError(f"{place.shown} is a folder; name a file in it.")
        if found.kind == "special":
            raise ToolError(
                f"{place.shown} is a device, pipe, socket or file of the kernel. Nothing was changed."
            )
        if found.size > LARGEST:
            raise ToolError(
                f"{place.shown} has {found.size:,} bytes, too many to be changed as a whole. Use Bash: sed or a script."
            )
        data = await files.read(place.real)
    except OSError as error:
        raise ToolError(explain(error, place, "read")) from error
    try:
        file = decode_text(data)
    except EncodingRefusedError as error:
        raise ToolError(
            f"{place.shown} is {binary_kind(data)} of {len(data):,} bytes. Nothing was changed. {error} "
            "To replace it by a text, remove it first."
        ) from error
    return Target(place, data, file, hashlib.sha256(data).hexdigest(), seen)


async def store(environment: Environment, target: Target, data: bytes) -> None:
    """Replace the file, unless anything about it changed since it was loaded.

    Raises:
        ToolError: it could not be written, and is what it was.
    """
    place = target.place
    await confirm(environment, place)
    try:
        await environment.files.write(place.real, data, expect=target.sha256)
    except FileChangedError as error:
        raise ToolError(
            f"{place.shown} changed while it was being written; nothing was lost. Read it again."
        ) from error
    except OSError as error:
        raise ToolError(explain(error, place, "write")) from error


def file_change(target: Target, data: bytes, made: Change) -> FileChange:
    """Record what was done to the file."""
    return FileChange(
        path=str(target.place.real),
        kind="update" if target.exists else "add",
        added=made.added,
        removed=made.removed,
        diff=made.diff,
        before=target.sha256 or None,
        after=hashlib.sha256(data).hexdigest(),
    )
