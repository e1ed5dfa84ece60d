"""The sessions on disk, without opening a conversation: listed, read and deleted."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from kcode.config.home import find_home
from kcode.session.disk import open_regular
from kcode.session.lock import try_lock
from kcode.session.store import Store
from kcode.types.command import SessionSummary
from kcode.types.errors import SessionError
from kcode.types.events import Event


class StoredSessions:
    """What was kept of earlier conversations."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._store = Store(find_home(environ).path, lambda _: None)

    def listed(self, cwd: Path | None = None) -> Sequence[SessionSummary]:
        """The sessions of a folder, or of all, the newest first."""
        return self._store.list(cwd)

    def find(self, session: str) -> SessionSummary | None:
        """The session with exactly this id."""
        try:
            found = self._store.find(session, Path("/"))
        except SessionError:
            return None
        return found if found.id == session else None

    def events(self, session: SessionSummary) -> Sequence[Event]:
        """Everything that happened in a session; raises SessionError if it cannot be read."""
        return self._store.read(session.path).events

    def delete(self, session: SessionSummary) -> None:
        """Delete a session.

        Raises:
            SessionError: it cannot be deleted, or a running kcode writes it.
        """
        try:
            descriptor = open_regular(session.path, os.O_RDWR)
            try:
                if not try_lock(descriptor):
                    raise SessionError(
                        f"Session {session.id} is in use by a running kcode; close it there first."
                    )
                session.path.unlink()
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            return
        except OSError as error:
            raise SessionError(
                f"Session {session.id} cannot be deleted: {error.strerror or error}."
            ) from error
