"""A writer that is killed at random moments, over and over, on one log."""

import os
import random
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from session_logs import objections

from kcode.session.fold import fold
from kcode.session.read import read_session
from kcode.types.events import MessageAdded

ROUNDS = int(os.environ.get("KCODE_KILL_ROUNDS", "450"))
EACH = 45

# Forks one writer per line of input, so that the rounds do not pay for start-up.
WRITER = """
import os, random, sys
from pathlib import Path
from session_logs import answer, ended, finished, header, result, started, turn, user
from kcode.session.fold import fold
from kcode.session.log import SessionLog
from kcode.session.read import read_session
from kcode.types.events import TurnStarted

def warn(text):
    print("warning", text, flush=True)

def work(path, seed):
    chance = random.Random(seed)
    if path.exists():
        recorded = read_session(path)
        log = SessionLog.reopen(recorded, on_warning=warn)
        closing = fold(recorded.events).settlement()
        number = recorded.messages
    else:
        log, closing, number = SessionLog(path, header(path.stem), on_warning=warn), [], 0
    def say(event, name=""):
        log.append(event)
        if name:
            os.write(1, f"said {name}\\n".encode())
    for event in closing:
        say(event)
    while True:
        number += 1
        size = 300_000 if chance.random() < 0.05 else chance.randrange(400)
        name, calls = f"{seed}-{number}", [f"{seed}-{number}-{n}" for n in range(chance.randrange(4))]
        say(TurnStarted())
        say(user(name + " " + "x" * size), name)
        say(answer("y" * chance.randrange(2000), *calls))
        for call in calls:
            say(started(call))
            say(finished(call))
        for call in calls:
            say(result(call, "z" * chance.randrange(3000)))
        say(answer())
        say(ended())

for line in sys.stdin:
    path, seed = line.rsplit(" ", 1)
    pid = os.fork()
    if pid == 0:
        work(Path(path), int(seed))
    os.write(1, f"pid {pid}\\n".encode())
    os.waitpid(pid, 0)
    os.write(1, b"dead\\n")
"""


@pytest.fixture
def writer() -> Iterator[subprocess.Popen[bytes]]:
    """The process that forks writers."""
    here = str(Path(__file__).parent)
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER],
        env={**os.environ, "PYTHONPATH": here},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        yield process
        process.kill()


def killed_after(writer: subprocess.Popen[bytes], path: Path, seed: int, seconds: float) -> set[str]:
    """Let one writer work for a while, kill it, and return what it had said by then."""
    assert writer.stdin is not None
    assert writer.stdout is not None
    writer.stdin.write(f"{path} {seed}\n".encode())
    writer.stdin.flush()
    output, pid = b"", 0
    while b"said" not in output:
        output += os.read(writer.stdout.fileno(), 65536)
        if not pid and b"pid " in output:
            pid = int(output.split(b"pid ")[1].split(b"\n")[0])
    while not pid:
        output += os.read(writer.stdout.fileno(), 65536)
        if b"pid " in output:
            pid = int(output.split(b"pid ")[1].split(b"\n")[0])
    select.select([], [], [], seconds)
    os.kill(pid, signal.SIGKILL)
    while b"dead" not in output:
        output += os.read(writer.stdout.fileno(), 65536)
    lines = output.decode().splitlines()
    assert not [line for line in lines if line.startswith("warning")]
    return {line.removeprefix("said ") for line in lines if line.startswith("said ")}


@pytest.mark.parametrize("group", range(-(-ROUNDS // EACH)))
def test_a_killed_writer_loses_nothing_it_had_said_and_the_session_goes_on(
    writer: subprocess.Popen[bytes], tmp_path: Path, group: int
) -> None:
    chance = random.Random(group)
    said: set[str] = set()
    for number in range(group * EACH, min((group + 1) * EACH, ROUNDS)):
        path = tmp_path / f"log-{number // 9}.jsonl"
        said = said if path.exists() else set()
        said |= killed_after(writer, path, number, chance.random() * 0.03)
        recorded = read_session(path)
        assert recorded.damaged <= 1, "only the last record may be torn"
        prompts = {
            e.message.text.split()[0]
            for e in recorded.events
            if isinstance(e, MessageAdded) and e.message.role == "user"
        }
        assert said <= prompts
        state = fold(recorded.events)
        for event in state.settlement():
            state.apply(event)
        assert objections(state.transcript) == []
