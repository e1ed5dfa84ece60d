"""The session log: every durable event of a conversation, one line each, in the order in which they happened."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from kcode.session.blobs import Blobs
from kcode.session.disk import Appender, Disk
from kcode.session.read import Recorded
from kcode.session.records import FORMAT, Header, Mark, dump, encode, title_of
from kcode.types.errors import SessionError
from kcode.types.events import (
    Event,
    MessageAdded,
    ToolStarted,
    TurnEnded,
)
from kcode.types.messages import ToolMessage, UserMessage

OnWarning = Callable[[str], None]


class SessionLog:
    """Appends events to a file, and never changes what stands there.

    Nothing here raises once the log is open: a full disk or a lost folder is told through `on_warning`, once,
    and the conversation goes on. The file appears with the first message, so that an empty session leaves
    nothing. After a user's message, before a call with side effects, after its result and at a turn's end the
    disk is asked to keep everything; never for a streamed word.

    Args:
        path: the file; None to keep nothing.
        header: the first line of a new file.
        on_warning: shown to the person.
        seed: what a fork takes over from its parent.
        disk: the system.
        redact: makes secrets unreadable in a text.
    """

    def __init__(
        self,
        path: Path | None,
        header: Header,
        *,
        on_warning: OnWarning,
        seed: Recorded | None = None,
        disk: Disk | None = None,
        redact: Callable[[str], str] | None = None,
    ) -> None:
        self.path = path
        self.header = header
        self._disk = disk or Disk()
        self._warn = on_warning
        self._redact = redact
        self._blobs = Blobs(path.parent / "blobs") if path else None
        self._appender = Appender(path, self._disk) if path else None
        self._early: list[bytes] | None = list(seed.lines) if seed else []
        self._messages = seed.messages if seed else 0
        self._title = header.title or (seed.title if seed else "")
        self._side_effects: set[str] = set()
        self._told = ""
        self._sync_failed = False

    @classmethod
    def reopen(
        cls,
        recorded: Recorded,
        *,
        on_warning: OnWarning,
        disk: Disk | None = None,
        redact: Callable[[str], str] | None = None,
    ) -> "SessionLog":
        """Go on with a log that was read.

        Raises:
            SessionError: another kcode writes it, or it may only be read.
        """
        path = recorded.path
        if recorded.header.format > FORMAT:
            raise SessionError(
                f"The session {path.stem} was written by a newer kcode ({recorded.header.version}): it can be "
                "read but not continued. Update kcode, or use --fork-session to go on in a copy."
            )
        log = cls(path, recorded.header, on_warning=on_warning, disk=disk, redact=redact)
        log._appender = Appender.reopen(path, log._disk, recorded.size)
        log._early = None
        log._messages = recorded.messages
        log._title = recorded.title
        return log

    @property
    def id(self) -> str:
        """The session's id."""
        return self.header.id

    @property
    def saving(self) -> bool:
        """Whether what is said now is written."""
        return self._appender is not None and not self._appender.dead and not self._appender.trouble

    def append(self, event: Event) -> None:
        """Write an event if it is durable, stamped with the time unless it has one."""
        if self._appender is None or self._appender.dead or not event.durable:
            return
        if not event.at:
            event = event.model_copy(update={"at": self._disk.now()})
        line = self._encode(event)
        if line is None:
            return
        line += self._mark(event)
        if self._early is None:
            self._appender.add(line)
        elif isinstance(event, MessageAdded):
            self._begin(line)
        else:
            self._early.append(line)
            return
        self._tell()
        if self._must_last(event):
            self.sync()

    def rename(self, title: str) -> None:
        """Give the session a title of the person's own."""
        self._title = " ".join(title.split())
        line = dump(Mark(messages=self._messages, title=self._title))
        if self._early is not None:
            self.header = self.header.model_copy(update={"title": self._title})
        elif self._appender is not None:
            self._appender.add(line)
            self._tell()

    def sync(self) -> None:
        """Have the disk keep what was appended so far."""
        if self._appender is None or self._sync_failed:
            return
        if problem := self._appender.sync():
            self._sync_failed = True
            self._warn(
                f"Saving this session is not safe any more ({problem}: {self.path}). "
                "Work goes on, but what is said from here on may be lost."
            )

    def close(self) -> None:
        """Write what still waits and let go of the file; later events are dropped."""
        if self._appender is None:
            return
        if self._early is None:
            self.sync()
        self._appender.close()
        if self._appender.waiting:
            self._warn(f"{self._appender.waiting} records of this session could not be saved to {self.path}.")
        self._appender = None

    def _begin(self, line: bytes) -> None:
        early, self._early = self._early or [], None
        header = dump(self.header.model_copy(update={"title": self._title}))
        if self._appender is not None:
            self._appender.add(b"".join([header, *early, line]))

    def _encode(self, event: Event) -> bytes | None:
        try:
            try:
                line = encode(event, self._blobs)
            except OSError:
                # The image stays in the line then.
                line = encode(event, None)
        except ValueError as error:
            self._warn(f"A {event.type} record could not be saved: {error}")
            return None
        return line if self._redact is None else _redacted(line, self._redact)

    def _mark(self, event: Event) -> bytes:
        if event.agent != "main":
            return b""
        if isinstance(event, MessageAdded):
            self._messages += 1
            message = event.message
            if not self._title and isinstance(message, UserMessage) and message.origin == "user":
                self._title = self._clean(title_of(message))
                return b"" if self._early is not None else self._marked()
        return self._marked() if isinstance(event, TurnEnded) and self._early is None else b""

    def _marked(self) -> bytes:
        return dump(Mark(messages=self._messages, title=self._title))

    def _clean(self, text: str) -> str:
        return self._redact(text) if self._redact else text

    def _must_last(self, event: Event) -> bool:
        match event:
            case MessageAdded(message=UserMessage()) | TurnEnded():
                return True
            case ToolStarted(side_effects=True):
                self._side_effects.add(event.call_id)
                return True
            case MessageAdded(message=ToolMessage(call_id=call_id)) if call_id in self._side_effects:
                # The call's end was written just before: one sync keeps both.
                self._side_effects.discard(call_id)
                return True
            case _:
                return False

    def _tell(self) -> None:
        trouble = self._appender.trouble if self._appender else ""
        if trouble == self._told:
            return
        dead = self._appender is not None and self._appender.dead
        if not trouble:
            self._warn(f"This session is being saved again to {self.path}.")
        elif dead:
            self._warn(
                f"This session is not saved: {trouble} ({self.path}). "
                "Set KCODE_HOME to a folder that you can write."
            )
        elif not self._told:
            self._warn(
                f"This session cannot be saved at the moment: {trouble} ({self.path}). "
                "Work goes on; saving is tried again with every step."
            )
        self._told = trouble


def _redacted(line: bytes, redact: Callable[[str], str]) -> bytes:
    text = line.decode("ascii")
    if redact(text) == text:
        return line
    return json.dumps(_redact_value(json.loads(text), redact), separators=(",", ":")).encode("ascii") + b"\n"


def _redact_value(value: object, redact: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [_redact_value(item, redact) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value).items()
        return {redact(key): _redact_value(item, redact) for key, item in items}
    return value
