"""The hooks that every agent has: limits, and endings that are none."""

from collections.abc import Sequence
from dataclasses import dataclass

from kcode.engine.ports import Clock
from kcode.types.events import Limit
from kcode.types.frontend import Decision, PermissionRequest
from kcode.types.hooks import Continue, Hooks, Stop
from kcode.types.messages import AssistantMessage, ToolCall
from kcode.types.state import State
from kcode.types.tool import ToolOutput


class PlainHooks:
    """Hooks that change nothing; others override what they need."""

    async def before_step(self, state: State, step: int) -> Stop | Continue | None:
        """Let the step happen."""
        del state, step
        return None

    async def before_call(self, request: PermissionRequest) -> Decision | None:
        """Leave the decision to the permission rules."""
        del request
        return None

    async def after_call(self, call: ToolCall, output: ToolOutput) -> ToolOutput:
        """Pass the result on."""
        del call
        return output

    async def before_stop(self, response: AssistantMessage) -> Stop | Continue | None:
        """Let the turn end."""
        del response
        return None


class Chain(PlainHooks):
    """Several hooks as one: the first that says something is heard."""

    def __init__(self, hooks: Sequence[Hooks]) -> None:
        self._hooks = hooks

    async def before_step(self, state: State, step: int) -> Stop | Continue | None:
        """Ask each in turn."""
        for hook in self._hooks:
            if (said := await hook.before_step(state, step)) is not None:
                return said
        return None

    async def before_call(self, request: PermissionRequest) -> Decision | None:
        """Ask each in turn."""
        for hook in self._hooks:
            if (said := await hook.before_call(request)) is not None:
                return said
        return None

    async def after_call(self, call: ToolCall, output: ToolOutput) -> ToolOutput:
        """Hand the result from one to the next."""
        for hook in self._hooks:
            output = await hook.after_call(call, output)
        return output

    async def before_stop(self, response: AssistantMessage) -> Stop | Continue | None:
        """Ask each in turn."""
        for hook in self._hooks:
            if (said := await hook.before_stop(response)) is not None:
                return said
        return None


@dataclass(frozen=True, slots=True)
class Limits:
    """What one turn may use: steps, US dollars, seconds; None where there is no limit."""

    steps: int | None = None
    usd: float | None = None
    seconds: float | None = None


class LimitGuard(PlainHooks):
    """Ends a turn that has used what it may."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._began = 0.0
        self._spent = 0.0

    async def before_step(self, state: State, step: int) -> Stop | Continue | None:
        """Check each limit."""
        now, spent = self._clock.monotonic(), state.usage.cost or 0.0
        if step == 1:
            self._began, self._spent = now, spent
        limits = self._limits
        if limits.steps is not None and step > limits.steps:
            return _over("turns", f"Reached the limit of {limits.steps} steps (--max-turns).")
        if limits.usd is not None and spent - self._spent >= limits.usd:
            return _over("budget", f"Reached the budget of ${limits.usd:g} (--max-budget-usd).")
        if limits.seconds is not None and now - self._began >= limits.seconds:
            return _over("time", f"Reached the limit of {limits.seconds:g} s (--max-time).")
        return None


def _over(limit: Limit, note: str) -> Stop:
    return Stop("max_turn_requests", note, limit=limit)


class EndingGuard(PlainHooks):
    """Nudges a model that stopped without an answer; a bounded number of times in a turn."""

    def __init__(self, nudges: int = 2) -> None:
        self._allowed = nudges
        self._left = nudges

    async def before_step(self, state: State, step: int) -> Stop | Continue | None:
        """Start each turn with all nudges."""
        del state
        if step == 1:
            self._left = self._allowed
        return None

    async def before_stop(self, response: AssistantMessage) -> Stop | Continue | None:
        """Tell apart an answer, a cut-off one and none at all."""
        if response.finish == "content_filter":
            return Stop(
                "refusal", "The vendor's content filter ended the answer. Put the request differently."
            )
        if response.finish == "length":
            return self._nudge(
                "Your answer was cut off at the output limit. Go on exactly where it stopped.",
                "the answer was cut off at the output limit; asked to go on",
                Stop("max_tokens", "The answer was cut off at the model's output limit."),
            )
        if not response.text.strip():
            return self._nudge(
                "Your last response held no answer and no tool call. Go on with the task, or answer.",
                "the response was empty; asked to go on",
                Stop("end_turn", "The model stopped without an answer."),
            )
        return None

    def _nudge(self, text: str, note: str, otherwise: Stop) -> Stop | Continue:
        if self._left <= 0:
            return otherwise
        self._left -= 1
        return Continue(text, note=f"kcode: {note}")
