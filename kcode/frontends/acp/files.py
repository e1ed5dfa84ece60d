"""Files through the editor: its unsaved changes are what counts, and what is written it shows for review."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kcode.editing.encoding import Decoded, EncodingRefusedError, decode, encode
from kcode.editing.endings import adopt, open_text
from kcode.frontends.acp.editor import Editor, EditorError
from kcode.frontends.acp.spelling import Spelling
from kcode.types.environment import FileChangedError, Files, FileStat

LARGEST: Final = 4 << 20
"""Bytes of a file that goes through the editor; larger ones are no source text."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What disk and editor held when they were last compared, as hashes."""

    disk: str
    editor: str


class EditorFiles:
    """Implements `kcode.types.environment.Files`.

    Text files in the working folders are read and written through the editor where it offers that. Everything
    else, and everything that the editor fails at, is done on this machine.
    """

    def __init__(self, local: Files, editor: Editor, session: str, spelling: Spelling) -> None:
        self._local = local
        self._editor = editor
        self._session = session
        self._spelling = spelling
        self._seen: dict[Path, _Seen] = {}

    async def stat(self, path: Path) -> FileStat:
        """Say what is there; an unsaved change may be longer than what the disk says."""
        return await self._local.stat(path)

    async def read(self, path: Path, *, limit: int | None = None, offset: int = 0) -> bytes:
        """Return a file's bytes: with the editor's unsaved changes where the whole of it is asked for."""
        data = await self._local.read(path, limit=limit, offset=offset)
        if limit is not None or offset or not self._editor.can.read_files or not self._fits(path, data):
            return data
        file = _decoded(data)
        if file is None:
            return data
        try:
            text = await self._editor.read(self._session, self._spelling.shown(path))
        except EditorError:
            return data
        return self._chosen(path, data, file, text)

    async def write(self, path: Path, data: bytes, *, expect: str | None = None) -> None:
        """Replace a file, through the editor where it takes it."""
        file = _decoded(data)
        if not self._editor.can.write_files or file is None or file.mark or not self._fits(path, data):
            await self._local.write(path, data, expect=expect)
            return
        await self._check(path, expect)
        try:
            await self._editor.write(self._session, self._spelling.shown(path), file.text)
        except EditorError:
            await self._local.write(path, data)
        else:
            await self._settle(path, data)
        digest = _sha(data)
        self._seen[path] = _Seen(digest, _sha(file.text.encode("utf-8", "surrogateescape")))

    async def list(self, path: Path) -> Sequence[tuple[str, FileStat]]:
        """Return a folder's entries, sorted by name."""
        return await self._local.list(path)

    def _fits(self, path: Path, data: bytes) -> bool:
        return self._spelling.inside(path) and len(data) <= LARGEST

    def _chosen(self, path: Path, data: bytes, file: Decoded, text: str) -> bytes:
        """Decide between disk and editor where they differ.

        An editor may not have noticed yet that a command changed the file. It is taken to be behind where the
        disk has changed since the two were last compared and the editor has not.
        """
        now = _Seen(_sha(data), _sha(text.encode("utf-8", "surrogateescape")))
        before, self._seen[path] = self._seen.get(path), now
        if open_text(text).view == open_text(file.text).view:
            return data
        if before is not None and before.disk != now.disk and before.editor == now.editor:
            self._seen[path] = before
            return data
        try:
            return encode(file, data, adopt(text, file.text))
        except EncodingRefusedError:
            return text.encode("utf-8", "replace")

    async def _check(self, path: Path, expect: str | None) -> None:
        if expect is None:
            return
        found = await self._local.stat(path)
        now = "" if found.kind == "missing" else _sha(await self.read(path))
        if now != expect:
            raise FileChangedError(f"{path} is no longer what it was")

    async def _settle(self, path: Path, data: bytes) -> None:
        """Make sure that the disk has every byte: commands read it there, and an editor may change line endings.

        Raises:
            OSError: it could not be written here either.
        """
        try:
            written = await self._local.read(path)
        except OSError:
            written = None
        if written != data:
            await self._local.write(path, data)


def _decoded(data: bytes) -> Decoded | None:
    """A file's text; None where it is no UTF-8, which is all that the protocol can carry faithfully."""
    try:
        file = decode(data)
    except EncodingRefusedError:
        return None
    return file if file.encoding == "utf-8" and file.errors == "strict" else None


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
