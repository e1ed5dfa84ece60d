"""After each command: did it change what makes git, an editor or kcode itself run programs? Then work stops."""

import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from kcode.config.trust import Trust
from kcode.engine.guards import PlainHooks
from kcode.environment.guarded import changed, look
from kcode.types.errors import ConfigError
from kcode.types.events import Event, Notice
from kcode.types.frontend import PermissionRequest
from kcode.types.hooks import Continue, Stop
from kcode.types.messages import TextPart, ToolCall
from kcode.types.state import State
from kcode.types.tool import CommandNeed, ToolOutput


class Guarding:
    """What the guards of all agents of a conversation have in common.

    Args:
        folders: the working folders.
        root: the project, whose trust is dropped.
        trust: what the person trusts.
        emit: shows what happened.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        root: Path,
        trust: Trust,
        emit: Callable[[Event], Awaitable[None]],
    ) -> None:
        self.folders = folders
        self._root = root
        self._trust = trust
        self._emit = emit

    async def found(self, paths: Sequence[str]) -> str:
        """Drop the trust in the project and tell the person; returns the words."""
        with contextlib.suppress(ConfigError):
            self._trust.forget(self._root)
        shown = [
            str(Path(path).relative_to(self._root)) if Path(path).is_relative_to(self._root) else path
            for path in paths
        ]
        text = (
            f"A command changed {', '.join(shown)}, which can make git, an editor or kcode run programs. Work has "
            "stopped, and this folder is asked about again at the next start. Look at it before you go on."
        )
        await self._emit(Notice(level="error", text=text, code="protected_changed"))
        return text


class GuardHooks(PlainHooks):
    """Looks before a command and after it; one for each agent."""

    def __init__(self, guarding: Guarding) -> None:
        self._guarding = guarding
        self._before: Mapping[str, str] | None = None
        self._stop = ""

    async def before_step(self, state: State, step: int) -> Stop | Continue | None:
        """End the turn after such a change; a turn that was stopped meanwhile has ended already."""
        del state
        note, self._stop = self._stop if step > 1 else "", ""
        return Stop("cancelled", note) if note else None

    async def before_effects(self, request: PermissionRequest) -> None:
        """Look before a command."""
        if any(isinstance(need, CommandNeed) for need in request.invocation.needs):
            self._before = look(self._guarding.folders)

    async def after_call(self, call: ToolCall, output: ToolOutput) -> ToolOutput:
        """Look after it."""
        del call
        before, self._before = self._before, None
        if before is None:
            return output
        paths = changed(before, look(self._guarding.folders))
        if not paths:
            return output
        self._stop = await self._guarding.found(paths)
        note = TextPart(text=f"[kcode: {self._stop}]")
        return replace(output, parts=(*output.parts, note))
