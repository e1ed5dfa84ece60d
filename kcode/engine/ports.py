"""Everything that one turn needs, handed in by the composition root."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from kcode.engine.retry import Patience
from kcode.types.environment import Environment
from kcode.types.errors import ModelError
from kcode.types.events import Event
from kcode.types.frontend import Decision, PermissionRequest
from kcode.types.hooks import Hooks, Stop
from kcode.types.messages import AssistantMessage, Message, UserMessage
from kcode.types.model import JsonObject, Model, ModelInfo, Request
from kcode.types.questions import Ask
from kcode.types.state import State
from kcode.types.tool import AnyTool, Spawner

Emit: TypeAlias = Callable[[Event], Awaitable[None]]
Respond: TypeAlias = Callable[[Request], Awaitable[AssistantMessage]]
"""Ask the model without showing or recording anything: for summaries."""


class Context(Protocol):
    """Turns the transcript into the next request. The transcript itself never changes."""

    async def make_room(
        self, state: State, model: ModelInfo, emit: Emit, respond: Respond, *, overflow: ModelError | None
    ) -> None:
        """Emit what must happen for the next request to fit; `overflow` is the server's last refusal.

        Raises:
            ModelError: (context_overflow) nothing more can be done.
        """
        ...

    def request(self, state: State, model: ModelInfo) -> Request:
        """Return what the model is to see."""
        ...

    def estimate(self, state: State) -> int:
        """Estimate the tokens of the next request."""
        ...

    def weigh(self, message: Message) -> int:
        """Estimate the tokens of one message."""
        ...

    async def compact(
        self, state: State, model: ModelInfo, emit: Emit, respond: Respond, *, focus: str, fast: bool
    ) -> tuple[int, int]:
        """Summarise now, without the model if `fast`; returns the tokens before and after."""
        ...

    async def uncompact(self, state: State, model: ModelInfo, emit: Emit) -> str:
        """Take the last compaction back, if the request still fits; returns what happened in words."""
        ...

    async def adjust(
        self, state: State, emit: Emit, *, pin: Sequence[str], unpin: Sequence[str], hide: Sequence[str]
    ) -> None:
        """Pin, unpin and hide tool results by their call ids, all in one event."""
        ...

    def report(self, state: State, model: ModelInfo, *, plan: bool = False) -> JsonObject:
        """Say what fills the window, in tokens; with `plan` what a compaction now would do."""
        ...


@dataclass(frozen=True, slots=True)
class Clock:
    """Time, so that tests need not wait."""

    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    monotonic: Callable[[], float] = time.monotonic


def by_user() -> Stop:
    """Why a turn is stopped where nobody gave another reason."""
    return Stop("cancelled", "Interrupted.")


@dataclass(frozen=True, slots=True)
class Ports:
    """The loop's whole world."""

    agent: str
    model: Model
    tools: Mapping[str, AnyTool]
    environment: Environment
    context: Context
    state: State
    hooks: Hooks
    emit: Emit
    authorize: Callable[[PermissionRequest], Awaitable[Decision]]
    steering: Callable[[], Sequence[UserMessage]]
    spawn: Spawner
    ask: Ask
    clock: Clock = Clock()
    patience: Patience = field(default_factory=Patience)
    watch_text: bool = True
    """Whether a response that repeats itself without end is stopped."""
    enough: Callable[[str], bool] | None = None
    """Whether the words so far show that nothing useful follows: the response ends there; None to hear all."""
    stopping: Callable[[], Stop] = by_user
    """Why the turn is being cancelled."""
