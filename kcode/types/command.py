"""Slash commands: the same in every front end."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from kcode.types.environment import Environment
from kcode.types.events import Mode
from kcode.types.model import JsonObject, ModelInfo
from kcode.types.questions import Ask
from kcode.types.state import State

Action: TypeAlias = Literal["none", "exit", "cleared", "resumed"]


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a command gives back.

    `text` is Markdown for the person; `prompt` is sent to the model as if typed; `draft` is put where prompts are
    typed, for the person to change and send.
    """

    text: str = ""
    prompt: str = ""
    draft: str = ""
    action: Action = "none"
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """One stored session, as a list shows it; `updated` is Unix time in seconds."""

    id: str
    path: Path
    cwd: str
    title: str
    updated: float
    messages: int


@dataclass(frozen=True, slots=True)
class RewindPoint:
    """A prompt that can be gone back to. `number` counts from 1, `at` is Unix time in seconds.

    `files` are the files that changed from it until the next prompt, as (name, lines added, lines removed); `more`
    counts those beyond.
    """

    number: int
    text: str
    at: float
    files: Sequence[tuple[str, int, int]] = ()
    more: int = 0


@dataclass(frozen=True, slots=True)
class Rewound:
    """What going back did, or would do. Names are relative to the working folder where they lie below it.

    `kept` are files that stay as they are, with the reason; `notes` say what is not covered; `draft` is the prompt that
    was gone back to.
    """

    restored: Sequence[str] = ()
    kept: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()
    draft: str = ""
    conversation: bool = False


class CommandContext(Protocol):
    """What a command may look at and do."""

    @property
    def state(self) -> State:
        """The conversation."""
        ...

    @property
    def environment(self) -> Environment:
        """Files, processes, git."""
        ...

    @property
    def model(self) -> ModelInfo:
        """The model in use."""
        ...

    @property
    def mode(self) -> Mode:
        """The permission mode."""
        ...

    @property
    def sandbox(self) -> str:
        """How far commands are fenced in, in words."""
        ...

    async def sandbox_line(self) -> str:
        """How far commands are fenced in, in few words, found out if need be; empty where that is off."""
        ...

    @property
    def session_id(self) -> str:
        """The session's id."""
        ...

    @property
    def ask(self) -> Ask:
        """Asks the person."""
        ...

    async def complete(self, prompt: str) -> str:
        """Ask the model one thing beside the conversation, which does not learn of it; raises ModelError."""
        ...

    def commands(self) -> Sequence["Command"]:
        """Every command there is, sorted by name."""
        ...

    def rules(self) -> Sequence[tuple[str, str, str]]:
        """Permission rules as (allow | ask | deny, rule, source)."""
        ...

    def explain(self, command: str) -> JsonObject:
        """Say what the permission rules make of a shell command."""
        ...

    def cost(self) -> JsonObject:
        """Money, time and tokens of this session, per model."""
        ...

    def set_budget(self, usd: float | None) -> None:
        """Ask before the session costs more than this in US dollars; None never asks."""
        ...

    def context_report(self) -> JsonObject:
        """How the window is filled, by category, in tokens."""
        ...

    def context_plan(self) -> JsonObject:
        """What a compaction now would replace, and what would stay."""
        ...

    async def uncompact(self) -> str:
        """Take the last compaction back; returns what happened in words."""
        ...

    async def adjust_context(
        self, *, pin: Sequence[str] = (), unpin: Sequence[str] = (), drop: Sequence[str] = ()
    ) -> None:
        """Pin, unpin and drop tool results by their call ids, all at once."""
        ...

    def memory_files(self) -> Sequence[tuple[str, str, str]]:
        """The instruction files that count, as (path, what they are, text)."""
        ...

    async def remember(self, text: str, *, user: bool = False) -> str:
        """Append a line to the project's or the user's instruction file and return its path; raises ConfigError."""
        ...

    async def models(self) -> Sequence[ModelInfo]:
        """The models that the endpoint offers."""
        ...

    async def set_model(self, model: str) -> ModelInfo:
        """Switch to another model; raises ConfigError if it is not offered."""
        ...

    @property
    def effort(self) -> str:
        """How much the model is asked to think: off, low, medium, high, max; "" for what it does by itself."""
        ...

    def thinking(self, effort: str) -> JsonObject:
        """The fields by which the endpoint is asked for an effort; none where it takes none."""
        ...

    async def set_effort(self, effort: str) -> None:
        """Ask the model to think more or less from now on; raises ConfigError and ModelError."""
        ...

    async def set_mode(self, mode: Mode) -> None:
        """Change the permission mode."""
        ...

    async def add_rule(self, behaviour: str, rule: str) -> None:
        """Add a permission rule for this session."""
        ...

    async def compact(self, focus: str = "", *, fast: bool = False) -> str:
        """Replace the older conversation by a summary; returns what happened in words."""
        ...

    async def clear(self) -> None:
        """Start the conversation anew."""
        ...

    def sessions(self) -> Sequence[SessionSummary]:
        """The stored sessions of this folder, the newest first."""
        ...

    async def resume(self, session: str) -> None:
        """Go on with another session; raises SessionError."""
        ...

    async def rewind_points(self) -> Sequence[RewindPoint]:
        """The prompts of this conversation, the oldest first."""
        ...

    async def rewind(self, number: int, *, conversation: bool, files: bool, look: bool = False) -> Rewound:
        """Go back to before a prompt, or only say what that would do; raises SessionError if it cannot be done."""
        ...

    @property
    def redoable(self) -> bool:
        """Whether there is a going back that can be taken back."""
        ...

    async def redo(self) -> Rewound | None:
        """Take the last going back back; None if there is none, or if something was said since.

        Raises:
            SessionError: a turn is running.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A slash command."""

    name: str
    description: str
    run: Callable[[CommandContext, str], Awaitable[CommandResult]]
    hint: str = ""
    """What may follow the name, as help shows it."""
    aliases: tuple[str, ...] = ()
