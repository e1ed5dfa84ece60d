"""The sandbox in which random scripts run: nothing of the machine can be written, nothing outside of it reached."""

import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from kcode.process.shell import Shell, command_line

DRIVER = Path(__file__).with_name("fuzz_driver.py")
BATCH = 1000
KILLED = 128 + 9
BASH = Shell("/bin/bash", "bash")


def run(scripts: Sequence[str]) -> list[str]:
    """What each script runs when bash runs it as kcode does: the marker "named", one a "file" leads to, or "".

    Raises:
        RuntimeError: the sandbox could not be used.
    """
    found: list[str] = []
    for start in range(0, len(scripts), BATCH):
        found += _batch(scripts[start : start + BATCH])
    return found


def _batch(scripts: Sequence[str]) -> list[str]:
    state = Path("/tmp/fuzz/state")
    runnable = [number for number, text in enumerate(scripts) if "\0" not in text]
    commands = [command_line(BASH, scripts[number], state) for number in runnable]
    done = subprocess.run(
        [*_fence(), sys.executable, "-I", "-S", "-c", DRIVER.read_text(encoding="utf-8")],
        input=json.dumps(commands),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == KILLED:
        # A script ended what runs all of them: whatever it ran is not counted, the others are run again.
        half = len(scripts) // 2
        return [*_batch(scripts[:half]), *_batch(scripts[half:])] if half else [""]
    if done.returncode:
        raise RuntimeError(f"the sandbox ended with {done.returncode}: {done.stderr[-2000:]}")
    ran = [""] * len(scripts)
    for number, marked in zip(runnable, json.loads(done.stdout), strict=True):
        ran[number] = marked
    return ran


def _fence() -> list[str]:
    python = str(Path(sys.base_prefix).resolve())
    environment = str(Path(sys.prefix).resolve())
    return [
        shutil.which("bwrap") or "bwrap",
        *("--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"),
        *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"),
        *("--ro-bind", python, python, "--ro-bind", environment, environment, "--chdir", "/"),
        "--clearenv",
    ]


@functools.cache
def missing() -> str:
    """Why scripts cannot be run here; empty where they can."""
    try:
        works = run(["evil", "./run", "ls"]) == ["named", "file", ""]
    except (OSError, RuntimeError) as error:
        return f"NOT TESTED: {error}. Set KCODE_REQUIRE_BWRAP=1 to make this a failure."
    return "" if works else "NOT TESTED: the marker does not run in the sandbox"


def required() -> bool:
    """Whether a sandbox that is missing counts as a failure."""
    return os.environ.get("KCODE_REQUIRE_BWRAP") == "1"
