"""What the context room needs of the rest: the settings, a place for long outputs, files to look at again."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kcode import registry
from kcode.config.home import Home
from kcode.config.items import hashes
from kcode.config.schema import Settings
from kcode.config.trust import Trust
from kcode.context import memory
from kcode.context.budget import Limits
from kcode.context.cap import OutputCap
from kcode.context.compact import View
from kcode.context.memory import MemoryFile, Places
from kcode.context.reminders import Reminders
from kcode.context.window import ContextWindow
from kcode.prompts.build import Instructions, instruction_text
from kcode.session.fold import Fold
from kcode.types.environment import Environment
from kcode.types.errors import ConfigError, ToolError
from kcode.types.hooks import Hooks
from kcode.types.messages import TextPart
from kcode.types.questions import Question
from kcode.types.tool import PrepareContext, Tool, ToolContext


def limits_of(settings: Settings) -> Limits:
    """Take the thresholds from the settings."""
    sizes = settings.context
    return Limits(
        auto=settings.auto_compact_enabled,
        soft=sizes.soft_limit,
        low=sizes.low_limit,
        summarise=sizes.summary_limit,
        steps=sizes.keep_steps,
        output=sizes.tool_output,
        views=sizes.file_views,
        attach=sizes.file_views_after_summary,
        user=sizes.user_messages,
        ledger=sizes.ledger,
    )


class Spill:
    """Stores texts that leave the model's view in files that it may read."""

    def __init__(self, folder: Path | None, hide: Callable[[str], str] = str) -> None:
        """`folder`: where the files go, made when first needed; None stores nothing. `hide` takes secrets out."""
        self._folder = folder
        self._hide = hide

    async def __call__(self, name: str, text: str) -> str:
        """Store a text; returns the file's path, "" where it could not be written."""
        if self._folder is None:
            return ""
        path = self._folder / f"{re.sub(r'[^A-Za-z0-9_.-]', '_', name)[:80]}.txt"
        try:
            await asyncio.to_thread(self._write, path, text)
        except OSError:
            return ""
        return str(path)

    def _write(self, path: Path, text: str) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(self._hide(text), encoding="utf-8", errors="replace")


class Looker:
    """Reads files again with the tool that the model reads them with."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    async def __call__(self, path: str) -> View | None:
        """Show a file as it is now; None where that cannot be done."""
        tool = registry.load("kcode.tools", "read", "TOOL", Tool[Any])
        state = Fold()
        try:
            arguments = tool.args.model_validate({"file_path": path})
            call = await tool.prepare(arguments, PrepareContext(self._environment, state))
            context = ToolContext("view", self._environment, state, _ignore, _no_agent, _nobody)
            output = await call.run(context)
        except (ToolError, ValueError, OSError):
            return None
        if not output.seen or output.is_error:
            return None
        return View("".join(p.text for p in output.parts if isinstance(p, TextPart)), output.seen[0])


async def _ignore(_: str) -> None:
    return


async def _no_agent(prompt: str, *, call_id: str, tools: Sequence[str] | None = None) -> str:
    del prompt, call_id, tools
    raise ToolError("No sub-agent is started here.")


async def _nobody(_: Question) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Contexts:
    """Makes the context of each agent of a conversation, and the hooks that belong to it."""

    limits: Limits
    window: int
    spill: Spill
    look: Looker
    places: Places

    def window_of_agent(self) -> ContextWindow:
        """A context for one more agent."""
        return ContextWindow(limits=self.limits, read=self.look, save=self.spill)

    def hooks(self) -> Sequence[Hooks]:
        """The hooks for one more agent."""
        return [OutputCap(self.limits, self.window, self.spill), Reminders(self.places, written)]


def written(files: Sequence[MemoryFile]) -> str:
    """Write instruction files as the model gets them; "" for none."""
    if not files:
        return ""
    return instruction_text([Instructions(str(f.path), f.scope, f.text) for f in files])


class MemoryDesk:
    """The instruction files, for the person."""

    def __init__(self, places: Places, home: Home, root: Path) -> None:
        """`root` is the project's folder, as trust knows it."""
        self.places = places
        self._home = home
        self._root = root

    def files(self) -> Sequence[MemoryFile]:
        """The files that count now."""
        return memory.load_all(self.places)

    def add(self, text: str, *, user: bool) -> Path:
        """Append a line to the project's AGENTS.md, or to the user's own.

        Raises:
            ConfigError: the file cannot be written.
        """
        folder = self._home.path if user else self.places.root
        if folder is None:
            raise ConfigError("kcode has no folder of its own here to keep instructions in.")
        path = folder / "AGENTS.md"
        before: Mapping[str, str] = {} if user else hashes(self._root)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            known = (
                path.read_text(encoding="utf-8") if path.exists() else "# Instructions for coding agents\n"
            )
            path.write_text(f"{known.rstrip()}\n- {' '.join(text.split())}\n", encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} could not be changed: {error}") from error
        if not user and path.is_relative_to(self._root):
            Trust(self._home).renew(self._root, path, before)
        return path
