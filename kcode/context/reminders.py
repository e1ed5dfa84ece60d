"""A hook that tells the model of instruction files that it comes upon, or that changed: at the end, never in front.

Changing the beginning of a conversation would break the server's cache of all of it.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from kcode.context import memory
from kcode.context.memory import MemoryFile, Places
from kcode.types.frontend import Decision, PermissionRequest
from kcode.types.hooks import Continue, Stop
from kcode.types.messages import AssistantMessage, ToolCall, UserMessage
from kcode.types.state import State
from kcode.types.tool import ToolOutput

CHANGED = "The instruction files as they are on disk now; they count from here on.\n\n"
NESTED = "You work in a folder with instructions of its own. They count for the files below it.\n\n"


class Reminders:
    """Watches the instruction files of one conversation."""

    def __init__(self, places: Places, write: Callable[[Sequence[MemoryFile]], str]) -> None:
        """`write` makes the text for the model."""
        self._places = places
        self._write = write
        self._known: tuple[tuple[str, int, int], ...] = ()
        self._asked = False
        self._calls = 0
        self._visited: set[Path] = set()

    async def before_step(self, state: State, step: int) -> Stop | Continue | None:
        """Look at the files once a turn, and at the folders of files that were just touched."""
        said: Sequence[MemoryFile] = self._changed(state) if step == 1 else ()
        near = self._near(state)
        text = "".join(
            (
                *([CHANGED + self._write(said)] if said else []),
                *([NESTED + self._write(near)] if near else []),
            )
        )
        return Continue(text, origin="memory") if text else None

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
        """Pass the result on."""
        del call
        return output

    async def before_stop(self, response: AssistantMessage) -> Stop | Continue | None:
        """Let the turn end."""
        del response
        return None

    def _changed(self, state: State) -> Sequence[MemoryFile]:
        """The files that the conversation does not hold as they are now."""
        now = memory.signature(memory.candidates(self._places))
        if self._asked and now == self._known:
            return []
        self._asked = True
        self._known = now
        return _untold(state, memory.load_all(self._places))

    def _near(self, state: State) -> Sequence[MemoryFile]:
        new = len(state.calls) - self._calls
        self._calls = len(state.calls)
        if new <= 0 or not self._places.deep:
            return []
        files: list[MemoryFile] = []
        for record in list(state.calls.values())[-new:]:
            for path in (*(seen.path for seen in record.seen), *(change.path for change in record.changed)):
                for folder in memory.between(self._places.root, Path(path)):
                    if folder not in self._visited:
                        self._visited.add(folder)
                        files += memory.nested(self._places, folder)
        return _untold(state, files) if files else []


def _untold(state: State, files: Sequence[MemoryFile]) -> Sequence[MemoryFile]:
    told = "\n".join(m.text for m in state.transcript if isinstance(m, UserMessage) and m.origin == "memory")
    return [file for file in files if file.text.strip() not in told]
