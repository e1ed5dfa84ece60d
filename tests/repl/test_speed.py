"""What a person would feel. The limits are wide: machines that run tests are busy."""

import os
import time
from pathlib import Path

import pytest

from kcode.frontends.repl.theme import Glyphs
from tests.repl.terminal import Terminal

SIGN = Glyphs().prompt
BARE = "from prompt_toolkit import PromptSession\nPromptSession('{}  ').prompt()\n".replace("{}", SIGN)


def first_echo(folder: Path, script: Path | None) -> float:
    began = time.monotonic()
    terminal = Terminal(folder, script=script) if script else Terminal(folder)
    try:
        terminal.until(lambda: SIGN in terminal.text, "the prompt")
        terminal.send("x")
        terminal.until(lambda: terminal.prompt_line.endswith("x"), "the echo")
        return time.monotonic() - began
    finally:
        terminal.close()


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.slow
def test_the_first_key_is_echoed_nearly_as_soon_as_by_a_bare_prompt(tmp_path: Path) -> None:
    script = tmp_path / "bare.py"
    script.write_text(BARE)
    bare = min(first_echo(tmp_path, script) for _ in range(3))
    own = min(first_echo(tmp_path, None) for _ in range(3))
    assert own < 3 * bare


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to count CPU seconds")
def test_twenty_thousand_pieces_cost_little_and_nothing_is_left_out(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    try:
        terminal.wait_for("fake-k2")
        terminal.settle(0.5)
        before = cpu_seconds(terminal.pid)
        terminal.line("burst")
        terminal.wait_for("CPU s", 60)
        assert cpu_seconds(terminal.pid) - before < 4.0
        before = cpu_seconds(terminal.pid)
        terminal.settle(2.0)
        assert cpu_seconds(terminal.pid) - before < 0.2, "it is quiet again"
    finally:
        terminal.close()
