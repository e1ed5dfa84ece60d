"""Which files changed after which prompt, told from the events of a session: what going back needs to know."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from kcode.types.events import (
    Checkpointed,
    Cleared,
    Event,
    FileChange,
    MessageAdded,
    Redone,
    Restored,
    ToolFinished,
    Undone,
)
from kcode.types.messages import Message, UserMessage


@dataclass(frozen=True, slots=True)
class Trees:
    """What changed while the calls of one response ran: ids of the trees before and after, "" if unknown.

    `files` are the changes that file tools made meanwhile; `omitted` are paths that the trees leave out.
    """

    top: str
    before: str
    after: str
    files: tuple[FileChange, ...] = ()
    omitted: tuple[str, ...] = ()


Change: TypeAlias = Trees | FileChange | Restored


@dataclass(slots=True)
class Point:
    """A prompt, when it came, and what changed from then until the next one."""

    message: Message
    at: float
    changes: list[Change] = field(default_factory=list[Change])
    lines: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    """By absolute path: lines added and removed."""
    more: int = 0
    """How many further files changed."""


class Timeline:
    """The prompts of a session and what changed after each, in the order in which it happened.

    What is cut from the conversation stays: its changes are still in the files.
    """

    def __init__(self) -> None:
        self._points: list[Point] = []
        self._open: tuple[Checkpointed, Point | None] | None = None
        self._files: list[FileChange] = []
        self._back: list[Restored | Undone] = []
        self.interrupted = False
        """Whether calls ran whose end was never seen, so that only the changes of file tools are known."""

    def apply(self, event: Event) -> None:
        """Take in what happened, to any agent."""
        match event:
            case MessageAdded(agent="main", message=UserMessage(origin="user") as message):
                self._points.append(Point(message, event.at or time.time()))
                self._back.clear()
            case ToolFinished() if event.changes:
                self._changed(event.changes)
            case Checkpointed():
                self._checkpoint(event)
            case Restored() | Undone(agent="main") | Redone(agent="main") | Cleared(agent="main"):
                self._went_back(event)
            case _:
                pass

    def points(self, transcript: Sequence[Message]) -> Sequence[tuple[int, Point]]:
        """The prompts that are still part of the conversation, with their positions in the transcript."""
        places = {id(message): place for place, message in enumerate(transcript)}
        return [(places[id(p.message)], p) for p in self._points if id(p.message) in places]

    def since(self, point: Point) -> Iterator[Change]:
        """Everything that changed after a prompt, in order."""
        start = next(n for n, other in enumerate(self._points) if other is point)
        for later in self._points[start:]:
            yield from later.changes
        yield from self._files

    @property
    def last_back(self) -> tuple[Restored | None, bool]:
        """What going back did last: the files that were put back, and whether the conversation was cut."""
        if not self._back:
            return None, False
        last = self._back[-1]
        if isinstance(last, Restored):
            return last, False
        before = self._back[-2] if len(self._back) > 1 else None
        return (before if isinstance(before, Restored) and before.conversation else None), True

    @property
    def _current(self) -> Point | None:
        return self._points[-1] if self._points else None

    def _changed(self, changes: Sequence[FileChange]) -> None:
        if self._open is None:
            _note(self._current, changes)
        else:
            self._files += changes
        point = self._open[1] if self._open else self._current
        for change in changes:
            _count(point, change.path, change.added, change.removed, known=False)

    def _checkpoint(self, event: Checkpointed) -> None:
        """Pair the tree before a response's calls with the one after; both belong to the prompt before them."""
        opened, self._open = self._open, None
        files, self._files = tuple(self._files), []
        if event.moment == "before":
            if opened is not None:
                self.interrupted = True
                _note(opened[1], files)
            self._open = event, self._current
            return
        if opened is None:
            return
        before, point = opened
        if not (before.tree and event.tree and before.top == event.top):
            _note(point, files)
            return
        omitted = tuple(dict.fromkeys((*before.omitted, *event.omitted)))
        _note(point, [Trees(event.top, before.tree, event.tree, files, omitted)])
        touched = {change.path for change in files}
        for file in event.changed:
            _count(point, file.path, file.added, file.removed, known=file.path in touched)
        if point is not None:
            point.more += event.more

    def _went_back(self, event: Restored | Undone | Redone | Cleared) -> None:
        match event:
            case Restored(files=(), conversation=False, redo=False):
                # Nothing was put back, so nothing can be redone.
                pass
            case Restored():
                _note(self._current, [event])
                if not event.redo:
                    self._back.append(event)
                elif self._back and isinstance(self._back[-1], Restored):
                    self._back.pop()
            case Undone():
                self._back.append(event)
            case Redone():
                if self._back and isinstance(self._back[-1], Undone):
                    self._back.pop()
            case Cleared():
                self._back.clear()


def _note(point: Point | None, changes: Sequence[Change]) -> None:
    if point is not None:
        point.changes += changes


def _count(point: Point | None, path: str, added: int, removed: int, *, known: bool) -> None:
    """Count lines of a file, unless they are counted already."""
    if point is not None and not known:
        before = point.lines.get(path, (0, 0))
        point.lines[path] = (before[0] + added, before[1] + removed)
