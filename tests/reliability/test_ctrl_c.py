"""Ctrl-C in every state of the installed program: the prompt is back at once, and what was said stays legal."""

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from kcode.frontends.repl.theme import Glyphs
from kcode.providers.scripted import call, says
from kcode.providers.scripted_wire import Wire, WireStep
from tests.reliability.provoke import PATIENCE, Served, in_terminal, needs, processes, recorded, unanswered
from tests.repl.terminal import Terminal

AT_ONCE = 0.5
"""Seconds until the prompt is back."""
TRIES = 5
"""A machine that runs other tests too is late now and then; a program that is late is so always."""
SILENT = Wire([b": waiting\n\n"], end="hang")
MARK = f"611.{os.getpid()}"


def event(**delta: object) -> bytes:
    data = {"id": "1", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    return f"data: {json.dumps(data)}\n\n".encode()


def slowly(pieces: Iterable[bytes]) -> Wire:
    return Wire([part for piece in pieces for part in (piece, 0.02)])


def arguments() -> Iterator[bytes]:
    yield event(content="I will write a long command.\n\n")
    begin = {"index": 0, "id": "c1", "function": {"name": "Bash", "arguments": '{"command": "echo'}}
    yield event(tool_calls=[begin])
    for number in range(2000):
        yield event(tool_calls=[{"index": 0, "function": {"arguments": f" word{number}"}}])


RUNS = call("Bash", command=f"echo begun; sleep {MARK}")
STATES: dict[str, tuple[str, Sequence[WireStep], str]] = {
    "waiting for the first token": ("go", [SILENT], "Waiting for the model"),
    "streaming text": ("go", [slowly(event(content=f"piece {n} ") for n in range(2000))], "piece 3"),
    "streaming the arguments of a call": ("go", [slowly(arguments())], "Bash"),
    "asking for permission": ("go", [says("May I?", call("Bash", command="rm -rf x"))], "Run this command?"),
    "running a command": ("go", [says("I run it.", RUNS)], "begun"),
    "running sub-agents": (
        "go",
        [says("They look.", *(call("Agent", prompt=f"Look {n}", description=f"look {n}") for n in range(3)))]
        + [SILENT] * 3,
        "main/3",
    ),
    "summarising": ("/compact", [SILENT], "Working"),
    "running the person's own command": (f"!echo begun; sleep {MARK}", [], "begun"),
}


def busy(terminal: Terminal) -> bool:
    return "Esc to interrupt" in terminal.text or "Run this command?" in terminal.text


def interrupted(terminal: Terminal) -> float:
    """Press Ctrl-C and return the seconds until the prompt is back and nothing runs."""
    assert busy(terminal), terminal.text
    told, began = terminal.everything.count("Interrupted"), time.monotonic()
    terminal.send("\x03")

    def back() -> bool:
        return (
            not busy(terminal)
            and terminal.everything.count("Interrupted") > told
            and terminal.prompt_line.startswith(Glyphs().prompt)
        )

    terminal.until(back, "the prompt", PATIENCE)
    return time.monotonic() - began


class Script:
    """Plays the steps of a state again for each try, and an answer to everything once it is over."""

    def __init__(self, steps: Sequence[WireStep]) -> None:
        self._steps = steps
        self._left: list[WireStep] = [says("Hi, it begins.")]
        self.over = False

    def again(self) -> None:
        self._left = list(self._steps)

    def __iter__(self) -> Iterator[WireStep]:
        while True:
            yield says("Answer after all.") if self.over or not self._left else self._left.pop(0)


def first(terminal: Terminal, script: Script) -> None:
    terminal.line("hello")
    terminal.wait_for("Hi, it begins.", PATIENCE)
    terminal.wait_gone("Esc to interrupt", PATIENCE)
    script.again()


def enter(terminal: Terminal, served: Served, state: str) -> None:
    """Bring the program into a state."""
    prompt, steps, sign = STATES[state]
    seen, asked = terminal.everything.count(sign), len(served.server.stats.requests)
    terminal.line(prompt)
    terminal.until(lambda: terminal.everything.count(sign) > seen, sign, PATIENCE)
    terminal.until(lambda: len(served.server.stats.requests) >= asked + len(steps), "the requests", PATIENCE)
    terminal.settle(0.3)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("state", STATES)
def test_the_prompt_is_back_at_once_and_the_next_request_is_legal(tmp_path: Path, state: str) -> None:
    script = Script(STATES[state][1])
    took = 60.0
    with in_terminal(tmp_path, script) as (terminal, served):
        first(terminal, script)
        for _ in range(TRIES):
            enter(terminal, served, state)
            took = min(took, interrupted(terminal))
            assert processes(MARK) == []
            # A second Ctrl-C within two seconds would leave, and what was typed is back in the prompt.
            terminal.settle(0.2)
            terminal.send("\x15")
            if took <= AT_ONCE:
                break
            script.again()
        script.over = True
        terminal.line("and now?")
        terminal.wait_for("Answer after all.", PATIENCE)
        terminal.wait_gone("Esc to interrupt", PATIENCE)
        assert served.server.stats.requests[-1].status == 200
    assert took <= AT_ONCE
    assert unanswered(recorded(tmp_path)) == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize("state", STATES)
def test_a_second_ctrl_c_leaves_and_nothing_is_left_behind(tmp_path: Path, state: str) -> None:
    script = Script(STATES[state][1])
    with in_terminal(tmp_path, script) as (terminal, served):
        first(terminal, script)
        enter(terminal, served, state)
        interrupted(terminal)
        terminal.send("\x03")
        assert terminal.wait_end(20.0) == 0
        assert "kcode --resume" in terminal.everything
    assert processes(MARK) == []
    assert unanswered(recorded(tmp_path)) == []


def test_ctrl_c_while_a_slow_disk_saves_is_heard(tmp_path: Path) -> None:
    needs("strace")
    slow = [
        "-c",
        "import os, sys; os.execvp(sys.argv[1], sys.argv[1:])",
        "strace",
        "-f",
        "-qq",
        "-o",
        os.devnull,
    ]
    slow += ["--seccomp-bpf", "-e", "inject=fdatasync:delay_enter=100000", sys.executable]
    script = Script(STATES["running a command"][1])
    with in_terminal(tmp_path, script, *slow) as (terminal, served):
        first(terminal, script)
        enter(terminal, served, "running a command")
        assert 0.1 < interrupted(terminal) <= 3 * AT_ONCE
        assert processes(MARK) == []
    assert unanswered(recorded(tmp_path)) == []
