"""Where policy enters the loop: these places, and no more."""

from dataclasses import dataclass
from typing import Literal, Protocol

from kcode.types.events import Limit, StopReason
from kcode.types.frontend import Decision, PermissionRequest
from kcode.types.messages import AssistantMessage, ToolCall
from kcode.types.state import State
from kcode.types.tool import ToolOutput


@dataclass(frozen=True, slots=True)
class Stop:
    """End the turn, with the reason in words."""

    reason: StopReason
    note: str = ""
    limit: Limit | None = None


@dataclass(frozen=True, slots=True)
class Continue:
    """Go on: the model is told `text` in the user's place, the person is told `note`; either may be empty.

    Without `calls` the model is to answer in words: calls are not wanted in the next step.
    """

    text: str
    note: str = ""
    origin: Literal["harness", "memory"] = "harness"
    """`memory` for the text of instruction files, which outlives summaries."""
    calls: bool = True
    drop: bool = False
    """Whether the last response is taken out of the conversation: a model that sees it would repeat it."""


class Hooks(Protocol):
    """What may change the course of a turn."""

    async def before_step(self, state: State, step: int) -> Stop | Continue | None:
        """Called before each request; step counts from 1."""
        ...

    async def before_call(self, request: PermissionRequest) -> Decision | None:
        """Called before permission is looked up; a decision settles it."""
        ...

    async def before_effects(self, request: PermissionRequest) -> None:
        """Called before a call that may change something runs, once it is allowed."""
        ...

    async def after_effects(self) -> None:
        """Called when the calls of a response are settled, if any of them may have changed something."""
        ...

    async def after_call(self, call: ToolCall, output: ToolOutput) -> ToolOutput:
        """Called with each result, also that of a call that failed or could not be prepared; may add to it."""
        ...

    async def before_stop(self, response: AssistantMessage) -> Stop | Continue | None:
        """Called where the model made no call; None lets the turn end as answered."""
        ...
