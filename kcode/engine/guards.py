"""Hooks that change nothing, and several hooks as one."""

from collections.abc import Sequence
from dataclasses import replace

from kcode.types.frontend import Decision, PermissionRequest
from kcode.types.hooks import Continue, Hooks, Stop
from kcode.types.messages import AssistantMessage, TextPart, ToolCall
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

    async def before_effects(self, request: PermissionRequest) -> None:
        """Let it happen."""

    async def after_effects(self) -> None:
        """Leave it at that."""

    async def after_call(self, call: ToolCall, output: ToolOutput) -> ToolOutput:
        """Pass the result on."""
        del call
        return output

    async def before_stop(self, response: AssistantMessage) -> Stop | Continue | None:
        """Let the turn end."""
        del response
        return None


class Chain(PlainHooks):
    """Several hooks as one: each sees every step; otherwise the first that says something is heard."""

    def __init__(self, hooks: Sequence[Hooks]) -> None:
        self._hooks = hooks

    async def before_step(self, state: State, step: int) -> Stop | Continue | None:
        """Ask each in turn; a stop wins, and what several have to say is said at once."""
        said: list[Continue] = []
        for hook in self._hooks:
            match await hook.before_step(state, step):
                case Stop() as stop:
                    return stop
                case Continue() as more:
                    said.append(more)
                case None:
                    pass
        if not said:
            return None
        return Continue(
            "\n\n".join(s.text for s in said if s.text),
            note="\n".join(s.note for s in said if s.note),
            origin="memory" if any(s.origin == "memory" for s in said) else "harness",
            calls=all(s.calls for s in said),
        )

    async def before_call(self, request: PermissionRequest) -> Decision | None:
        """Ask each in turn."""
        for hook in self._hooks:
            if (said := await hook.before_call(request)) is not None:
                return said
        return None

    async def before_effects(self, request: PermissionRequest) -> None:
        """Tell each in turn."""
        for hook in self._hooks:
            await hook.before_effects(request)

    async def after_effects(self) -> None:
        """Tell each in turn."""
        for hook in self._hooks:
            await hook.after_effects()

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


def with_words(output: ToolOutput, words: str) -> ToolOutput:
    """Add words of the harness to a result."""
    return replace(output, parts=(*output.parts, TextPart(text=f"\n\n{words}")))
