"""The person's own status line: a command that reads JSON and prints what stands under the prompt."""

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path

from pydantic import JsonValue

from kcode import __version__
from kcode.frontends.repl.conversation import Conversation
from kcode.frontends.repl.render.canvas import one_line
from kcode.process.environ import clean_environment
from kcode.process.spawn import run
from kcode.types.model import JsonObject

SECONDS = 5.0
"""How long the command may take."""
LINES = 2
"""How many lines of its output are shown."""


class StatusCommand:
    """Runs the command, one at a time; what it prints last stands until it prints something else."""

    def __init__(self, command: str, root: Path, snapshot: Callable[[], JsonObject]) -> None:
        self._command = command
        self._root = root
        self._snapshot = snapshot
        self._running = asyncio.Lock()
        self.lines: tuple[str, ...] = ()

    async def refresh(self) -> None:
        """Run it now; a command that fails shows nothing of its own."""
        if self._running.locked():
            return
        async with self._running:
            data = json.dumps(self._snapshot()).encode()
            try:
                done = await run(
                    ["sh", "-c", self._command],
                    cwd=self._root,
                    env=clean_environment(os.environ),
                    stdin=data,
                    seconds=SECONDS,
                    limit=100_000,
                )
            except OSError:
                return
            text = done.stdout.decode("utf-8", "replace")
            self.lines = tuple(one_line(line, 500) for line in text.split("\n")[:LINES] if line.strip())


def snapshot(conversation: Conversation, cwd: Path, used: int, cost: JsonObject) -> JsonObject:
    """Return what the command is told, in the shape that status line scripts already read.

    Args:
        conversation: what is talked.
        cwd: the working folder.
        used: tokens of the newest request and its answer.
        cost: what the conversation says of money and time.
    """
    usage, window = conversation.state.usage, conversation.model.window
    percent = round(100 * used / window) if used and window else None
    return {
        "session_id": conversation.session_id,
        "cwd": str(cwd),
        "model": {
            "id": conversation.model.id,
            "display_name": conversation.model.label or conversation.model.id,
        },
        "workspace": {"current_dir": str(cwd), "project_dir": str(cwd), "added_dirs": []},
        "version": __version__,
        "output_style": {"name": "default"},
        "permission_mode": conversation.mode,
        "cost": {
            "total_cost_usd": _number(cost.get("usd")),
            "total_duration_ms": _number(cost.get("duration_ms")),
            "total_api_duration_ms": _number(cost.get("api_ms")),
            "total_lines_added": _number(cost.get("lines_added")),
            "total_lines_removed": _number(cost.get("lines_removed")),
        },
        "context_window": {
            "total_input_tokens": usage.input,
            "total_output_tokens": usage.output,
            "context_window_size": window,
            "used_percentage": percent,
            "remaining_percentage": None if percent is None else 100 - percent,
        },
    }


def _number(value: JsonValue) -> float:
    return value if isinstance(value, int | float) else 0
