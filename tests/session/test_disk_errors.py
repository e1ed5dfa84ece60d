"""Real system calls that fail, by strace where it may trace."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kcode.session.read import read_session

SCRIPT = """
import sys
from pathlib import Path
from session_logs import header, turn
from kcode.session.log import SessionLog

log = SessionLog(Path(sys.argv[1]), header(), on_warning=lambda text: print("warning:", text))
for n in range(5):
    for event in turn(f"prompt {n}", f"call-{n}"):
        log.append(event)
log.close()
"""


def traced(path: Path, inject: str) -> str:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed: failing system calls are tested by stand-ins only")
    done = subprocess.run(
        [
            strace,
            "-f",
            "-qq",
            "-o",
            os.devnull,
            "-P",
            str(path),
            "-e",
            f"inject={inject}",
            sys.executable,
            "-c",
            SCRIPT,
            str(path),
        ],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if "ptrace" in done.stderr.lower():
        pytest.skip("strace may not trace here: failing system calls are tested by stand-ins only")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_fdatasync_that_fails_is_told_once_and_the_log_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    output = traced(path, "fdatasync,fsync:error=EIO")
    assert output.count("warning:") == 1
    assert "Input/output error" in output
    assert len(read_session(path).events) == 5 * 8


def test_a_disk_that_is_full_for_a_while_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    output = traced(path, "write:error=ENOSPC:when=4..9")
    assert "No space left" in output
    assert "saved again" in output
    recorded = read_session(path)
    assert (len(recorded.events), recorded.damaged) == (5 * 8, 0)
