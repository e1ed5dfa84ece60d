"""What faults are provoked with: small disks, traced programs, a scripted model that others may talk to."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

from kcode.providers.scripted_rules import refusal
from kcode.providers.scripted_server import ScriptedServer
from kcode.providers.scripted_wire import WireStep
from kcode.session.read import Recorded, read_session
from kcode.types.events import MessageAdded
from kcode.types.messages import AssistantMessage, ToolMessage
from tests.repl.terminal import Terminal

PATIENCE = 90.0
"""Seconds to wait for what must happen: machines that run tests are busy."""
SESSION = "00000000-0000-4000-8000-000000000001"


def needs(*programs: str) -> None:
    """Skip, loudly, where a program is missing."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"NOT TESTED: {', '.join(missing)} is not installed")


def needs_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: only root can provoke this")


def needs_to_run(wrapper: Sequence[str], otherwise: str) -> None:
    """Skip, loudly, where a program cannot do what it is wanted for."""
    if subprocess.run([*wrapper, "true"], check=False, capture_output=True).returncode:
        pytest.skip(f"NOT TESTED: {otherwise}")


def sh(script: str) -> list[str]:
    """Words of shell that run a program, which they call `"$@"`."""
    return ["bash", "-c", script, "bash"]


def prepare(folder: Path, script: str, environ: Mapping[str, str] | None = None) -> None:
    """Make a folder what a test wants."""
    subprocess.run(["bash", "-ec", script], cwd=folder, env=environ, check=True)


@contextlib.contextmanager
def small_disk(place: Path, *options: str) -> Generator[Path]:
    """Mount a disk of its own, 64 kB unless the options say otherwise."""
    needs_root()
    needs("mount", "umount")
    place.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", ",".join(options or ("size=64k",)), "none", str(place)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("NOT TESTED: a small disk cannot be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def fill(disk: Path, *, leave: int = 0) -> Path:
    """Fill a disk but for so many bytes; returns the file whose deletion makes room."""
    path = disk / "fill"
    with contextlib.suppress(OSError), path.open("ab", buffering=0) as file:
        while file.write(b"\0" * 1024):
            pass
    if leave:
        os.truncate(path, max(path.stat().st_size - leave, 0))
    return path


class Served:
    """A scripted server in a thread of its own, for tests that wait for a terminal; it refuses what Moonshot does."""

    def __init__(self, steps: Iterable[WireStep]) -> None:
        self.server = ScriptedServer(steps, rules=refusal)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.server.start(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self.server.stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@contextlib.contextmanager
def in_terminal(
    folder: Path,
    steps: Iterable[WireStep],
    *wrapper: str,
    program: Sequence[str] = ("-m", "kcode"),
    ready: str = "scripted",
    environ: Mapping[str, str] | None = None,
) -> Generator[tuple[Terminal, Served]]:
    """The installed program in a terminal, with a scripted model behind real HTTP.

    Args:
        folder: becomes the home; the work is done in `work` below it.
        steps: what the model does.
        wrapper: arguments of Python before the program.
        program: what is run instead.
        ready: what is waited for.
        environ: more variables.
    """
    work = folder / "work"
    work.mkdir()
    settings = {"permissions": {"allow": ["Bash(echo:*)", "Bash(sleep:*)"]}}
    (folder / ".kcode").mkdir()
    (folder / ".kcode" / "settings.json").write_text(json.dumps(settings))
    with Served(steps) as served:
        variables = {"HOME": str(folder), "KCODE_HOME": str(folder / ".kcode"), "KCODE_MODEL": "scripted"}
        variables |= {
            "KCODE_BASE_URL": served.server.base_url,
            "PYTHONDONTWRITEBYTECODE": "1",
            **(environ or {}),
        }
        command = [*wrapper, *program]
        terminal = Terminal(work, *command[1:], environ=variables, script=Path(command[0]), rows=40)
        try:
            terminal.wait_for(ready, PATIENCE)
            yield terminal, served
        finally:
            terminal.close()


def recorded(home: Path) -> Recorded:
    """The one session below a home."""
    (path,) = (home / ".kcode" / "sessions").glob("*/*.jsonl")
    return read_session(path)


def unanswered(session: Recorded) -> list[str]:
    """Calls of a stored session that have no result, or one in the wrong place."""
    waiting: list[str] = []
    wrong: list[str] = []
    for event in session.events:
        if not isinstance(event, MessageAdded) or event.agent != "main":
            continue
        message = event.message
        if isinstance(message, ToolMessage):
            if message.call_id in waiting:
                waiting.remove(message.call_id)
            else:
                wrong.append(message.call_id)
        elif isinstance(message, AssistantMessage):
            wrong += waiting
            waiting = [call.id for call in message.tool_calls]
    return wrong + waiting


def processes(mark: str) -> list[int]:
    """Processes that were started as `sleep MARK`."""
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (folder / "cmdline").read_bytes().split(b"\0")[:2] == [b"sleep", mark.encode()]:
                found.append(int(folder.name))
    return found


@dataclass(frozen=True)
class Call:
    """A traced system call: its name and its arguments as strace writes them."""

    name: str
    arguments: str


_LINE = re.compile(r"^(?:\d+ +)?(\w+)\((.*)$")


def traced(output: Path) -> Sequence[Call]:
    """Read what strace wrote; calls that others interrupted count where they began."""
    found = map(_LINE.match, output.read_text(errors="replace").splitlines())
    return [Call(line[1], line[2]) for line in found if line]
