"""Children whose cost is measured, and the scripted server as one of them."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DROPPED = (
    "KCODE_",
    "OPENAI_",
    "MOONSHOT_",
    "KIMI_",
    "ANTHROPIC_",
    "CLAUDE",
    # Python's own switches would change what is measured: bytecode is compiled, nothing is traced.
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONASYNCIODEBUG",
    "PYTHONDEVMODE",
    "PYTHONTRACEMALLOC",
    "PYTHONOPTIMIZE",
)
SECONDS = 600


class FailedError(Exception):
    """A child ended with another status than 0; the text holds what it said."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a child used; waited-for children of its own count in. Seconds, MiB."""

    wall: float
    cpu: float
    rss: float
    out: str


def environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Make an environment that shares nothing with the person's settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(DROPPED)}
    return {**kept, "HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"), **(extra or {})}


def run(command: Sequence[str], env: Mapping[str, str], cwd: Path) -> Cost:
    """Run a command to its end.

    Raises:
        FailedError: it ended with another status than 0, or cannot be run.
    """
    with tempfile.TemporaryFile() as complaints:
        began = time.perf_counter()
        try:
            child = subprocess.Popen(
                command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints
            )
        except OSError as error:
            raise FailedError(str(error)) from error
        assert child.stdout is not None
        with child.stdout as stdout:
            out = stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            complaints.seek(0)
            said = (complaints.read() or out).decode(errors="replace").strip()
            raise FailedError(f"status {child.returncode}: {said[-300:]}")
    scale = 2**20 if sys.platform == "darwin" else 2**10
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(wall, cpu, usage.ru_maxrss / scale, out.decode(errors="replace"))


@dataclass(slots=True)
class Served:
    """A running server; `seen` is filled when it has ended."""

    base_url: str
    seen: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def asked(self) -> list[dict[str, Any]]:
        """The requests for a response, as the server measured them."""
        rows: list[dict[str, Any]] = self.seen["requests"]
        return [row for row in rows if row["path"].endswith("/chat/completions")]


@contextmanager
def server(steps: Iterable[Mapping[str, Any]], *options: str) -> Generator[Served, None, None]:
    """Serve a script from a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        script, stats = Path(folder) / "steps.jsonl", Path(folder) / "stats.json"
        with script.open("w", encoding="utf-8") as file:
            # Line by line: the memory of this process counts as that of the children.
            file.writelines(f"{json.dumps(step)}\n" for step in steps)
        command = [sys.executable, "-m", "kcode.providers.scripted_server", "--script", str(script)]
        command += ["--stats", str(stats), "--idle-timeout", str(SECONDS), *options]
        env = environment(Path(folder))
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            served = Served(child.stdout.readline().split()[1])
            try:
                yield served
            finally:
                child.terminate()
                child.wait(SECONDS)
        if stats.exists():
            served.seen = json.loads(stats.read_text(encoding="utf-8"))
