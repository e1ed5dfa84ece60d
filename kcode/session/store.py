"""Where sessions lie, and how one is begun, found, continued and copied."""

import contextlib
import hashlib
import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kcode.session.blobs import Blobs
from kcode.session.disk import Disk
from kcode.session.listing import summarise
from kcode.session.log import SessionLog
from kcode.session.read import Recorded, read_session
from kcode.session.records import Header, Parent, blob_names
from kcode.types.command import SessionSummary
from kcode.types.errors import SessionError

_LONGEST_SLUG = 120
_LISTED = 200
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")


def slug(cwd: Path) -> str:
    """Name the folder for the sessions of a working folder: /home/me/app gives -home-me-app.

    Two folders may share one; the logs' headers tell them apart.
    """
    name = _UNSAFE.sub("-", str(cwd))
    if len(name) <= _LONGEST_SLUG:
        return name
    return f"{name[:_LONGEST_SLUG]}-{hashlib.sha256(str(cwd).encode('utf-8', 'surrogateescape')).hexdigest()[:12]}"


@dataclass(frozen=True, slots=True)
class Store:
    """The sessions below one folder.

    Args:
        home: kcode's own folder; None to keep nothing.
        on_warning: shown to the person when saving fails.
        version: kcode's version, for the headers.
        redact: makes secrets unreadable before anything is written.
        disk: the system.
        writable: False to store nothing of new and resumed sessions; what is there can be read.
    """

    home: Path | None
    on_warning: Callable[[str], None]
    version: str = ""
    redact: Callable[[str], str] | None = None
    disk: Disk = field(default_factory=Disk)
    writable: bool = True

    @property
    def folder(self) -> Path | None:
        """The folder of all sessions."""
        return self.home / "sessions" if self.home else None

    def create(self, cwd: Path, session_id: str | None = None) -> SessionLog:
        """Begin a session; nothing is on disk before its first message.

        Raises:
            SessionError: the id is taken, or cannot be a file's name.
        """
        name = self._new_id(session_id)
        header = Header(id=name, cwd=str(cwd), created=self.disk.now(), version=self.version)
        return self._log(self._path(cwd, name), header)

    def read(self, path: Path) -> Recorded:
        """Read a stored session; raises SessionError."""
        return read_session(path)

    def resume(self, recorded: Recorded) -> SessionLog:
        """Go on with a stored session.

        Raises:
            SessionError: another kcode writes it, or it may only be read; `fork` is the way out.
        """
        if not self.writable:
            return self._log(None, recorded.header)
        return SessionLog.reopen(recorded, on_warning=self.on_warning, disk=self.disk, redact=self.redact)

    def fork(self, recorded: Recorded, cwd: Path, session_id: str | None = None) -> SessionLog:
        """Go on with a copy of a session; the original stays as it is.

        The copy holds all records itself, so that it outlives the original.
        """
        name = self._new_id(session_id)
        header = Header(
            id=name,
            cwd=str(cwd),
            created=self.disk.now(),
            version=self.version,
            parent=Parent(id=recorded.header.id, position=len(recorded.lines)),
        )
        path = self._path(cwd, name)
        if path is not None:
            _copy_blobs(recorded, path)
        return self._log(path, header, recorded)

    def list(self, cwd: Path | None = None) -> Sequence[SessionSummary]:
        """List the sessions of a working folder, or of all, the newest first."""
        newest = sorted(self._logs(cwd), key=lambda found: -found[0])[:_LISTED]
        summaries = [summary for _, path in newest if (summary := summarise(path))]
        return [summary for summary in summaries if cwd is None or summary.cwd == str(cwd)]

    def latest(self, cwd: Path) -> SessionSummary | None:
        """The session of a working folder that was written last."""
        for _, path in sorted(self._logs(cwd), key=lambda found: -found[0]):
            summary = summarise(path)
            if summary is not None and summary.cwd == str(cwd):
                return summary
        return None

    def find(self, term: str, cwd: Path) -> SessionSummary:
        """Find a session by its id, the beginning of its id, or words of its title.

        Ids are looked for in every folder, words in this one only.

        Raises:
            SessionError: none fits, or several do; the text lists them.
        """
        term = term.strip()
        paths = [path for _, path in self._logs(None) if term and path.stem.startswith(term)]
        exact = [path for path in paths if path.stem == term]
        found = [summary for path in exact or paths if (summary := summarise(path))]
        if not found:
            words = term.lower()
            found = [s for s in self.list(cwd) if words and words in s.title.lower()]
        if not found:
            raise SessionError(f"No session fits {term!r}. `kcode --resume` lists those of this folder.")
        if len(found) > 1:
            found = sorted(found, key=lambda s: -s.updated)
            listed = "\n".join(f"  {s.id}  {s.title}" for s in found[:10])
            raise SessionError(f"{len(found)} sessions fit {term!r}; name one of them:\n{listed}")
        return found[0]

    def _new_id(self, wanted: str | None) -> str:
        if wanted is None:
            return str(uuid.uuid4())
        if not _ID.fullmatch(wanted):
            raise SessionError(
                f"{wanted!r} cannot be a session's id: letters, digits, - and _ only, 80 at most; a UUID is best."
            )
        if any(path.stem == wanted for _, path in self._logs(None)):
            raise SessionError(
                f"There is a session {wanted} already. Use --resume {wanted} to go on with it, or another id."
            )
        return wanted

    def _path(self, cwd: Path, name: str) -> Path | None:
        return self.folder / slug(cwd) / f"{name}.jsonl" if self.folder and self.writable else None

    def _log(self, path: Path | None, header: Header, seed: Recorded | None = None) -> SessionLog:
        return SessionLog(
            path, header, on_warning=self.on_warning, seed=seed, disk=self.disk, redact=self.redact
        )

    def _logs(self, cwd: Path | None) -> Sequence[tuple[float, Path]]:
        """Every log with the time of its last change."""
        if self.folder is None:
            return []
        found: list[tuple[float, Path]] = []
        for path in self.folder.glob(f"{slug(cwd) if cwd else '*'}/*.jsonl"):
            try:
                found.append((path.stat().st_mtime, path))
            except OSError:
                continue
        return found


def _copy_blobs(recorded: Recorded, path: Path) -> None:
    """Bring a fork's images along, if it lies in another folder than its parent."""
    if recorded.path.parent == path.parent:
        return
    old, new = Blobs(recorded.path.parent / "blobs"), Blobs(path.parent / "blobs")
    for name in {name for line in recorded.lines for name in blob_names(line)}:
        data = old.get(name)
        if data is not None:
            with contextlib.suppress(OSError):
                new.put(data)
