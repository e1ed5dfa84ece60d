"""Opening, resuming and listing the stored sessions of a folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from kcode.config.options import Options
from kcode.session.fold import Fold, fold
from kcode.session.log import SessionLog
from kcode.session.store import Store
from kcode.session.totals import Totals
from kcode.types.command import SessionSummary
from kcode.types.errors import SessionError
from kcode.types.events import Event
from kcode.types.state import State


@dataclass(frozen=True, slots=True)
class Opened:
    """A log to write, the state that it holds so far, and the events behind it."""

    log: SessionLog
    state: Fold | None = None
    events: Sequence[Event] = ()
    remarks: Sequence[str] = ()


class Sessions:
    """The sessions of one folder."""

    def __init__(self, store: Store, cwd: Path) -> None:
        self._store = store
        self._cwd = cwd

    def open(self, options: Options) -> Opened:
        """Begin a session, or go on with the one that the flags name.

        Raises:
            SessionError: it does not exist, or cannot be continued.
        """
        if options.continue_latest:
            found = self._store.latest(self._cwd)
            if found is None:
                raise SessionError(
                    "There is no session of this folder to continue. Start one without --continue."
                )
        elif options.resume:
            found = self._store.find(options.resume, self._cwd)
        else:
            return Opened(self._store.create(self._cwd, options.session_id))
        return self._go_on(found, fork=options.fork, session_id=options.session_id)

    def reopen(self, session: str) -> Opened:
        """Open a stored session by its id, the beginning of it, or words of its title; raises SessionError."""
        return self._go_on(self._store.find(session, self._cwd))

    def listed(self) -> Sequence[SessionSummary]:
        """The sessions of this folder, the newest first."""
        return self._store.list(self._cwd)

    @staticmethod
    def totals(state: State) -> Totals:
        """What a conversation used."""
        return cast("Fold", state).totals

    def _go_on(self, found: SessionSummary, *, fork: bool = False, session_id: str | None = None) -> Opened:
        recorded = self._store.read(found.path)
        log = self._store.fork(recorded, self._cwd, session_id) if fork else self._store.resume(recorded)
        return Opened(log, fold(recorded.events), recorded.events, recorded.remarks)
