"""What is known after the events so far; `kcode.session.fold` keeps it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from kcode.types.events import Compacted, Event, FileSeen, Todo
from kcode.types.messages import Message, Usage
from kcode.types.model import ToolSpec


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
    def compacted(self) -> Compacted | None:
        """The compaction in force."""
        ...

    @property
    def reshaped(self) -> int:
        """How long the transcript was when a trim, compaction, undo, model or prompt event last changed requests.

        What the server counted for messages before this position no longer says how long a request is.
        """
        ...

    @property
    def usage(self) -> Usage:
        """Tokens and dollars of the whole session."""
        ...

    def apply(self, event: Event) -> None:
        """Take in one event; those of other agents are ignored."""
        ...
