"""Big binary parts of messages, kept beside the logs under their SHA-256."""

import contextlib
import hashlib
import os
import secrets
import time
from pathlib import Path

from kcode.session.disk import private_folder

_LENGTH = 64


class Blobs:
    """A folder of files named by the SHA-256 of what they hold.

    Reading one marks it as used now, so that retention spares what a live session needs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, sha256: str) -> Path:
        """Name the file of a blob; raises ValueError for what is no SHA-256 in hex."""
        if len(sha256) != _LENGTH or not set(sha256) <= set("0123456789abcdef"):
            raise ValueError(f"not a SHA-256: {sha256[:80]!r}")
        return self.folder / sha256

    def put(self, data: bytes) -> str:
        """Keep some bytes and return their SHA-256; they are on disk before this returns.

        Raises:
            OSError: they could not be written; nothing is left behind.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        target = self.path(sha256)
        if self._is_whole(target, len(data)):
            self._touch(target)
            return sha256
        private_folder(self.folder)
        temporary = self.folder / f".{sha256[:16]}-{secrets.token_hex(6)}"
        try:
            _write(temporary, data)
            temporary.replace(target)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        return sha256

    def get(self, sha256: str) -> bytes | None:
        """Return a blob, or None if it is gone or damaged."""
        try:
            target = self.path(sha256)
            data = target.read_bytes()
        except (OSError, ValueError):
            return None
        if hashlib.sha256(data).hexdigest() != sha256:
            return None
        self._touch(target)
        return data

    @staticmethod
    def _is_whole(path: Path, size: int) -> bool:
        try:
            return path.stat().st_size == size
        except OSError:
            return False

    @staticmethod
    def _touch(path: Path) -> None:
        with contextlib.suppress(OSError):
            os.utime(path, (time.time(), time.time()))


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
