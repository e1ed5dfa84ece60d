"""What the engine asks of a tool.

A call has two phases. `prepare` looks at the arguments and the files and says what would happen; nothing
changes yet. The engine then asks for permission, schedules the call against the others of the same response,
and only then calls `run`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeAlias, TypeVar

from pydantic import BaseModel

from kcode.types.environment import Environment
from kcode.types.events import FileChange, FileSeen, Todo, ToolKind
from kcode.types.messages import ImagePart, Repair, TextPart
from kcode.types.model import JsonObject
from kcode.types.questions import Ask
from kcode.types.state import State

A = TypeVar("A", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Access:
    """What a call touches; the scheduler runs conflicting calls one after the other.

    A path stands for itself and everything below it.
    """

    reads: frozenset[Path] = frozenset()
    writes: frozenset[Path] = frozenset()
    everything: bool = False

    def conflicts(self, other: "Access") -> bool:
        """Whether the two must not overlap."""
        if self.everything or other.everything:
            return True
        return _touch(self.writes, other.reads | other.writes) or _touch(other.writes, self.reads)


def _touch(some: frozenset[Path], others: frozenset[Path]) -> bool:
    return any(a == b or a in b.parents or b in a.parents for a in some for b in others)


@dataclass(frozen=True, slots=True)
class CommandNeed:
    """To run a shell command in a folder; `tainted` names a variable that changed how commands are found."""

    command: str
    cwd: Path
    tainted: str = ""


@dataclass(frozen=True, slots=True)
class PathNeed:
    """To read or to change a file, by absolute path."""

    action: Literal["read", "edit"]
    path: Path


@dataclass(frozen=True, slots=True)
class UrlNeed:
    """To fetch an address."""

    url: str


@dataclass(frozen=True, slots=True)
class NamedNeed:
    """To use a tool for something its rules name, e.g. Git(commit); `safe` changes nothing."""

    tool: str
    spec: str = ""
    safe: bool = False


Need: TypeAlias = CommandNeed | PathNeed | UrlNeed | NamedNeed


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """What a call gave: parts for the model, the rest for the log and the person."""

    parts: tuple[TextPart | ImagePart, ...]
    is_error: bool = False
    changes: tuple[FileChange, ...] = ()
    seen: tuple[FileSeen, ...] = ()
    todos: tuple[Todo, ...] | None = None
    repairs: tuple[Repair, ...] = ()
    details: JsonObject = field(default_factory=dict[str, Any])


def text_output(text: str, **more: Any) -> ToolOutput:
    """Make an output of words alone."""
    return ToolOutput(parts=(TextPart(text=text),), **more)


class Spawner(Protocol):
    """Starts sub-agents."""

    async def __call__(self, prompt: str, *, call_id: str, tools: Sequence[str] | None = None) -> str:
        """Run a sub-agent to its end and return its answer; `tools` limits what it may use."""
        ...


@dataclass(frozen=True, slots=True)
class PrepareContext:
    """What a tool may look at before it is allowed to do anything."""

    environment: Environment
    state: State


@dataclass(frozen=True, slots=True)
class ToolContext:
    """What a running tool may use."""

    call_id: str
    environment: Environment
    state: State
    progress: Callable[[str], Awaitable[None]]
    spawn: Spawner
    ask: Ask


@dataclass(frozen=True, slots=True)
class Invocation:
    """A call that is ready to run.

    `title` is what a person reads ("Edit src/app.py"), `rule` is the permission rule that would
    name this call, `needs` is what must be allowed. `diff` is a unified diff of what would change.
    """

    kind: ToolKind
    title: str
    rule: str
    needs: tuple[Need, ...]
    run: Callable[[ToolContext], Awaitable[ToolOutput]]
    access: Access = field(default=Access(everything=True))
    side_effects: bool = True
    paths: tuple[Path, ...] = ()
    diff: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool(Generic[A]):
    """A tool that the model can call."""

    name: str
    description: str
    args: type[A]
    """The model of its arguments; the JSON schema that the model sees is made from it."""
    prepare: Callable[[A, PrepareContext], Awaitable[Invocation]]
    """Say what a call would do; raises ToolError, with a text for the model, if it cannot work."""
    core: bool = False
    """Whether it is offered even where the window is small and every token counts."""
    read_only: bool = False
    """Whether no call of it ever changes anything."""
    order: int = 100
    """Where it stands in the list that the model sees; the list never changes its order within a session."""
    summary: Callable[[Mapping[str, Any]], str] | None = None
    """A few words about a call from its raw arguments, for a call that could not be prepared."""


AnyTool: TypeAlias = Tool[Any]
