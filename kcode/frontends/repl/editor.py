"""The prompt in the person's own editor."""

import asyncio
import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from prompt_toolkit.application import in_terminal

USUAL = ("nano", "vim", "vi")


def editor_command(environ: Mapping[str, str]) -> list[str]:
    """Return the editor's command line: VISUAL, EDITOR, or one that is usually there."""
    chosen = environ.get("VISUAL") or environ.get("EDITOR")
    try:
        words = shlex.split(chosen) if chosen else []
    except ValueError:
        words = []
    return words or [next((name for name in USUAL if _found(name, environ)), "vi")]


async def edit(text: str) -> str:
    """Let the person edit text; returns it as saved, unchanged where the editor failed.

    Raises:
        OSError: the editor cannot be started, or the file cannot be written.
    """
    async with in_terminal():
        return await asyncio.to_thread(_edit, text)


def _edit(text: str) -> str:
    handle, name = tempfile.mkstemp(suffix=".md", prefix="kcode-prompt-")
    path = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        command = [*editor_command(os.environ), name]
        # The person's own editor needs this very terminal, so it is not started like other programs.
        done = subprocess.run(command, check=False)  # noqa: S603 - chosen by the person's own environment
        changed = path.read_text(encoding="utf-8", errors="replace").rstrip("\n")
        return changed if done.returncode == 0 else text
    finally:
        path.unlink(missing_ok=True)


def _found(name: str, environ: Mapping[str, str]) -> bool:
    return any((Path(place) / name).is_file() for place in environ.get("PATH", "").split(os.pathsep) if place)
