"""What is known after the events so far; `kcode.session.fold` keeps it."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol

from kcode.types.events import Compacted, Event, FileSeen, Todo, ToolStatus
from kcode.types.messages import Message, Usage
from kcode.types.model import ToolSpec


@dataclass(frozen=True, slots=True)
class Changed:
    """A file that a call changed: by how many lines, and the SHA-256 of what it is now, None if deleted."""

    path: str
    added: int
    removed: int
    after: str | None


@dataclass(frozen=True, slots=True)
class CallRecord:
    """What is known of a settled call beyond its message.

    `outline` is a short form of a source file that the call showed, `spill` a file that holds all of the output;
    both are empty where there is none.
    """

    name: str
    title: str
    status: ToolStatus
    seen: tuple[FileSeen, ...] = ()
    changed: tuple[Changed, ...] = ()
    outline: str = ""
    spill: str = ""


class State(Protocol):
    """The fold of one agent's durable events. Only `apply` changes it."""

    @property
    def transcript(self) -> Sequence[Message]:
        """Everything said, in order; it grows, and shrinks only by undo and clear."""
        ...

    @property
    def system(self) -> str:
        """The system prompt, empty before the first prompt."""
        ...

    @property
    def tools(self) -> Sequence[ToolSpec]:
        """The tools that requests carry."""
        ...

    @property
    def todos(self) -> Sequence[Todo]:
        """The todo list."""
        ...

    @property
    def seen(self) -> Mapping[str, FileSeen]:
        """By absolute path: the newest view of each file that the model read or wrote."""
        ...

    @property
    def hidden(self) -> Mapping[str, str]:
        """By call id: the placeholder that stands for a hidden tool result."""
        ...

    @property
    def reasoning_before(self) -> int:
        """Reasoning of messages before this position is sent as an empty text."""
        ...

    @property
    def media_dropped(self) -> AbstractSet[int]:
        """Positions of messages whose pictures and videos are sent as a note."""
        ...

    @property
    def shortened(self) -> Mapping[int, str]:
        """By position: the text that stands for an overlong message of the user."""
        ...

    @property
    def pinned(self) -> AbstractSet[str]:
        """Call ids of results that the person wants to keep in view."""
        ...

    @property
    def calls(self) -> Mapping[str, CallRecord]:
        """By call id: the settled calls, in the order in which they ended."""
        ...

    @property
    def window(self) -> int:
        """The window in tokens of the model that was last switched to; 0 before that."""
        ...

    @property
    def window_learnt(self) -> int:
        """The window in tokens that a refusal of the model in use taught; 0 if none did."""
        ...

    @property
    def uncompacted(self) -> bool:
        """Whether the person took the last compaction back."""
        ...

    @property
    def shapes(self) -> int:
        """How often what requests carry changed other than by growing; a different number means a new view."""
        ...

    @property
    def compacted(self) -> Compacted | None:
        """The compaction in force."""
        ...

    @property
    def compacted_before(self) -> Compacted | None:
        """The compaction that would be in force without the last one."""
        ...

    @property
    def reshaped(self) -> int:
        """How long the transcript was when a trim, compaction, undo, model or prompt event last changed requests.

        What the server counted for messages before this position no longer says how long a request is.
        """
        ...

    @property
    def redoable(self) -> bool:
        """Whether the last cut of the transcript can be taken back."""
        ...

    @property
    def usage(self) -> Usage:
        """Tokens and dollars of the whole session."""
        ...

    def apply(self, event: Event) -> None:
        """Take in one event; those of other agents are ignored."""
        ...
