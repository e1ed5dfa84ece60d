"""Ctrl-C and Esc at every moment of a turn of the real engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kcode.frontends.repl.theme import Glyphs
from tests.repl.terminal import Terminal

SCRIPT = Path(__file__).with_name("real_engine.py")
MOMENTS = {
    "first-token": "Waiting for the model",
    "streaming": "piece 3",
    "approval": "Run this command?",
    "tool": "begun",
}


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    folder = tmp_path / "project"
    folder.mkdir()
    running = Terminal(folder, script=SCRIPT)
    running.wait_for("scripted")
    yield running
    running.close()


@pytest.mark.parametrize("key", ["\x1b", "\x03"], ids=["escape", "ctrl-c"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_the_prompt_is_back_at_once_and_the_talk_goes_on(terminal: Terminal, moment: str, key: str) -> None:
    terminal.line(f"please do {moment}")
    if moment == "tool":
        terminal.wait_for("Run this command?")
        terminal.settle(0.4)
        terminal.send("1")
    terminal.wait_for(MOMENTS[moment])
    terminal.settle(0.4)
    terminal.send(key)
    assert terminal.wait_for("Interrupted") < 1.0
    terminal.wait_gone("Esc to interrupt")
    terminal.settle(0.3)
    terminal.send("\x15")
    terminal.line("next question")
    terminal.wait_for("Answer to next question.")


def test_an_approved_call_is_announced_once(terminal: Terminal) -> None:
    terminal.line("approval")
    terminal.wait_for("rm -rf nothing")
    terminal.settle(0.4)
    terminal.send("1")
    terminal.wait_for("Finished.")
    terminal.settle()
    assert terminal.everything.count("rm -rf nothing") == 1


def test_what_a_command_did_is_said_once(terminal: Terminal) -> None:
    terminal.line("hello there")
    terminal.wait_for("Answer to hello there.")
    terminal.wait_gone("Esc to interrupt")
    terminal.line("/rewind 1 conversation")
    terminal.wait_for("The conversation is as it was then.")
    terminal.settle()
    command = terminal.text.index("/rewind 1")
    said = terminal.text[command : terminal.text.rindex(Glyphs().prompt)].splitlines()[1:]
    assert len([line for line in said if line.strip()]) == 1


def test_leaving_says_how_to_go_on(terminal: Terminal) -> None:
    terminal.line("hello there")
    terminal.wait_for("Answer to hello there.")
    terminal.wait_gone("Esc to interrupt")
    terminal.settle()
    terminal.send("\x04")
    assert terminal.wait_end() == 0
    lines = [line for line in terminal.everything.splitlines() if "kcode --resume" in line]
    assert len(lines) == 1
    assert len(lines[0].split()[-1]) == 36, "the command can be copied whole"


def test_a_running_command_can_be_left_to_the_background(terminal: Terminal) -> None:
    terminal.line("please do tool")
    terminal.wait_for("Run this command?")
    terminal.settle(0.4)
    terminal.send("1")
    terminal.wait_for("begun")
    terminal.settle(0.4)
    terminal.send("\x02")
    terminal.wait_for("goes on in the background")
    terminal.wait_gone("Esc to interrupt")
    terminal.line("next question")
    terminal.wait_for("Answer to next question.")
