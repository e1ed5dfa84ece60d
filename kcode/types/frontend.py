"""What the engine asks of a front end.

Events flow one way, to every listener. Questions are calls, to the one front end.
"""

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from kcode.types.events import Event
from kcode.types.model import JsonObject
from kcode.types.questions import Question
from kcode.types.tool import Invocation

Outcome: TypeAlias = Literal["allow_once", "allow_always", "reject_once", "reject_always", "cancelled"]


@dataclass(frozen=True, slots=True)
class PermissionRequest:
    """A call that waits for a decision.

    `reason` says why it is asked, `suggestions` are the rules that "always allow" would add.
    """

    agent: str
    call_id: str
    tool: str
    arguments: JsonObject
    invocation: Invocation
    reason: str = ""
    suggestions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to a permission request.

    `feedback` goes to the model; `source` says who decided: "user" or the source of a rule.
    """

    outcome: Outcome
    feedback: str = ""
    source: str = "user"
    reason: str = ""

    @property
    def allowed(self) -> bool:
        """Whether the call may run."""
        return self.outcome in {"allow_once", "allow_always"}


class Frontend(Protocol):
    """The user's side."""

    async def on_event(self, event: Event) -> None:
        """Show what happened; must not raise."""
        ...

    async def decide(self, request: PermissionRequest) -> Decision:
        """Ask whether a call may run."""
        ...

    async def ask(self, question: Question) -> str | None:
        """Ask something else; None where nobody can answer."""
        ...
