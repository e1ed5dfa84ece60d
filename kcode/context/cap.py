"""The first level: no tool result enters the transcript larger than it should be."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from kcode.context import tokens
from kcode.context.budget import Limits, cap_of
from kcode.context.placeholder import head_and_tail
from kcode.types.events import FileSeen
from kcode.types.frontend import Decision, PermissionRequest
from kcode.types.hooks import Continue, Stop
from kcode.types.messages import AssistantMessage, ImagePart, TextPart, ToolCall
from kcode.types.state import State
from kcode.types.tool import ToolOutput

VIEWS = frozenset({"Read"})
"""Tools that show a file in pages of their own; cutting out the middle would blind the next edit."""


class OutputCap:
    """A hook that cuts long results to their beginning and end, and stores the whole."""

    def __init__(
        self,
        limits: Limits,
        window: int,
        save: Callable[[str, str], Awaitable[str]] | None = None,
    ) -> None:
        """`window` is that of the model at the start, in tokens; `save` stores a text and returns where."""
        self._limits = limits
        self._window = window
        self._save = save

    async def before_step(self, state: State, step: int) -> Stop | Continue | None:
        """Look how large the window is now."""
        del step
        self._window = state.window_learnt or state.window or self._window
        return None

    async def before_call(self, request: PermissionRequest) -> Decision | None:
        """Leave the decision to the permission rules."""
        del request
        return None

    async def before_effects(self, request: PermissionRequest) -> None:
        """Let it happen."""
        del request

    async def after_effects(self) -> None:
        """Leave it at that."""

    async def after_call(self, call: ToolCall, output: ToolOutput) -> ToolOutput:
        """Cut what is too long for the window."""
        window = self._window
        room = cap_of(window, self._limits)
        if call.name in VIEWS:
            room = max(room, min(12_000, window // 8))
        words = "".join(p.text for p in output.parts if isinstance(p, TextPart))
        if tokens.fits(words, room):
            return output
        place = str(output.details.get("spill") or "")
        if not place and self._save is not None:
            place = await self._save(call.id, words)
        short = head_and_tail(words, room, place)
        pictures = tuple(p for p in output.parts if isinstance(p, ImagePart))
        details = {**output.details, "spill": place} if place else output.details
        parts = (TextPart(text=short), *pictures)
        return replace(output, parts=parts, seen=_partly(output, call), details=details)

    async def before_stop(self, response: AssistantMessage) -> Stop | Continue | None:
        """Let the turn end."""
        del response
        return None


def _partly(output: ToolOutput, call: ToolCall) -> tuple[FileSeen, ...]:
    """What was cut out was not seen."""
    if call.name not in VIEWS:
        return output.seen
    return tuple(seen.model_copy(update={"whole": False}) for seen in output.seen)
