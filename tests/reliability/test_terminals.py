"""Terminals that stop, shrink, go away or can do little; signals; readers that have had enough."""

import asyncio
import json
import os
import pty
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kcode.frontends.repl.theme import Glyphs
from kcode.providers.scripted import Step, call, says
from kcode.providers.scripted_http import Pace
from kcode.providers.scripted_server import ScriptedServer
from kcode.providers.scripted_wire import Wire
from kcode.types.events import MessageAdded
from tests.frontends.installed import KCODE, Place
from tests.reliability.provoke import (
    PATIENCE,
    Served,
    in_terminal,
    needs,
    processes,
    recorded,
    sh,
    unanswered,
)
from tests.repl.terminal import Terminal

SIGN = Glyphs().prompt
MARK = f"612.{os.getpid()}"
RUNS: list[Step] = [says("I run it.", call("Bash", command=f"echo begun; sleep {MARK}"))]
SHELL = ("-c", "import os; os.execvp('bash', ['bash', '--norc', '--noprofile', '-i'])")


def shell_line(terminal: Terminal, text: str) -> None:
    terminal.send(text + "\n")


def start_in_shell(terminal: Terminal) -> None:
    shell_line(terminal, f"{sys.executable} -m kcode")
    terminal.wait_for("scripted", PATIENCE)


def test_after_ctrl_z_the_shell_works_and_fg_brings_back_what_was_typed(tmp_path: Path) -> None:
    needs("bash")
    with in_terminal(tmp_path, [says("Back again.")], program=SHELL, ready="bash-") as (terminal, _):
        start_in_shell(terminal)
        terminal.send("half a thou")
        terminal.wait_for("half a thou")
        terminal.send("\x1a")
        terminal.wait_for("Stopped", PATIENCE)
        shell_line(terminal, "stty -a | tr ' ;' '\\n\\n' | grep -cx -e icanon -e echo -e isig")
        terminal.until(lambda: "3" in terminal.lines, "a terminal as shells want it")
        shell_line(terminal, "fg")
        terminal.until(lambda: terminal.prompt_line == f"{SIGN} half a thou", "the prompt", PATIENCE)
        terminal.send("ght")
        terminal.wait_for("half a thought")
        terminal.send("\r")
        terminal.wait_for("Back again.", PATIENCE)
        terminal.settle()
        terminal.send("\x04")
        terminal.settle(1.0)
        shell_line(terminal, "echo sta''tus $?")
        terminal.wait_for("status 0", PATIENCE)


def test_a_turn_goes_on_after_ctrl_z_and_fg(tmp_path: Path) -> None:
    needs("bash")
    steps = [says("", call("Bash", command="echo begun; sleep 1.5; echo over")), says("It ended well.")]
    with in_terminal(tmp_path, steps, program=SHELL, ready="bash-") as (terminal, _):
        start_in_shell(terminal)
        terminal.line("go")
        terminal.wait_for("begun", PATIENCE)
        terminal.send("\x1a")
        terminal.wait_for("Stopped", PATIENCE)
        shell_line(terminal, "fg")
        terminal.wait_for("It ended well.", PATIENCE)
        terminal.until(lambda: terminal.prompt_line == SIGN, "the prompt", PATIENCE)


def status_of(terminal: Terminal, seconds: float = 30.0) -> int | None:
    """Wait for the end of a program whose terminal is gone."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pid, code = os.waitpid(terminal.pid, os.WNOHANG)
        if pid:
            terminal.status = os.waitstatus_to_exitcode(code)
            return terminal.status
        time.sleep(0.05)
    return None


@pytest.mark.parametrize("environ", [{}, {"TERM": "dumb"}], ids=["drawn", "plain"])
@pytest.mark.parametrize("how", ["closed", "hup", "term"])
def test_a_terminal_that_goes_away_ends_the_program_its_commands_and_keeps_the_log(
    tmp_path: Path, how: str, environ: dict[str, str]
) -> None:
    ready = "plain" if environ else "scripted"
    with in_terminal(tmp_path, RUNS, environ=environ, ready=ready) as (terminal, _):
        if environ:
            terminal.send("go\n")
        else:
            terminal.line("go")
        terminal.until(lambda: bool(processes(MARK)), "the command", PATIENCE)
        if how == "closed":
            terminal.hang_up()
            status = status_of(terminal)
        else:
            terminal.signal(signal.SIGHUP if how == "hup" else signal.SIGTERM)
            status = terminal.wait_end(30.0)
        assert status == (143 if how == "term" else 129)
    assert processes(MARK) == []
    session = recorded(tmp_path)
    assert unanswered(session) == []
    # A copy of the folder may be told after the end.
    assert "turn_ended" in [event.type for event in session.events][-2:]


@pytest.mark.parametrize("term", ["xterm-256color", "dumb"])
def test_a_terminal_that_says_nothing_when_it_goes_away_does_not_make_it_spin(
    tmp_path: Path, term: str
) -> None:
    ours, theirs = pty.openpty()
    with Served([]) as served:
        environ = {**os.environ, "HOME": str(tmp_path), "KCODE_HOME": str(tmp_path / "k"), "TERM": term}
        environ |= {"KCODE_BASE_URL": served.server.base_url, "KCODE_MODEL": "scripted"}
        # In a session of its own, without a controlling terminal: no signal tells of the end.
        process = subprocess.Popen(
            KCODE,
            cwd=tmp_path,
            env=environ,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        seen = b""
        while b"kcode" not in seen:
            seen += os.read(ours, 65536)
        os.close(ours)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert process.wait(PATIENCE) in {0, 129}
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime - before.ru_utime < 4.0, "seconds of computing"


async def test_a_reader_of_one_line_ends_the_run_quietly_and_the_log_is_kept(place: Place) -> None:
    steps: list[Step] = [says("text", call("Glob", pattern="*.none")) for _ in range(100)]
    async with ScriptedServer([*steps, says("all there")], pace=Pace(delay=0.001)) as server:
        reader = sh('"$@" | head -1; echo ${PIPESTATUS[0]}')
        process = await place.start("-p", "go", "--json", base_url=server.base_url, under=reader)
        out, err = await asyncio.wait_for(process.communicate(), 60)
        first, status = out.decode().splitlines()
        assert json.loads(first)["type"]
        assert err == b"", err
        assert int(status) in {0, 1, 141}
        assert len(server.stats.requests) < 100
    session = recorded(place.home)
    assert (session.damaged, unanswered(session)) == (0, [])
    assert "turn_ended" in [event.type for event in session.events][-2:]


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
async def test_streams_that_are_closed_from_the_start_do_no_harm(place: Place, closed: str) -> None:
    async with ScriptedServer([says("fine")]) as server:
        shut = sh(f'exec "$@" {closed}')
        process = await place.start("-p", "go", base_url=server.base_url, under=shut)
        out, err = await asyncio.wait_for(process.communicate(), 60)
    assert b"Traceback" not in err
    assert out == (b"" if ">&-" in closed.replace("2>&-", "") else b"fine\n")
    session = recorded(place.home)
    assert (session.damaged, unanswered(session)) == (0, [])


def test_a_window_that_keeps_changing_its_size_loses_no_word(tmp_path: Path) -> None:
    pieces = [
        part
        for number in range(150)
        for part in (
            f'data: {{"choices": [{{"index": 0, "delta": {{"content": "w{number} "}}}}]}}\n\n'.encode(),
            0.02,
        )
    ]
    end = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
    chance = random.Random(1)
    with in_terminal(tmp_path, [Wire([*pieces, end]), says("", call("Bash", command="rm x"))]) as (
        terminal,
        _,
    ):
        terminal.line("go")
        terminal.wait_for("w3 ", PATIENCE)
        terminal.send("typed meanwhile")
        for columns, rows in [
            (1, 1),
            (10, 3),
            *((chance.randrange(1, 150), chance.randrange(1, 50)) for _ in range(30)),
        ]:
            terminal.resize(columns, rows)
            terminal.settle(0.05)
            assert terminal.status is None
        terminal.resize(80, 40)
        terminal.until(
            lambda: any(event.type == "turn_ended" for event in recorded(tmp_path).events),
            "the end",
            PATIENCE,
        )
        terminal.until(lambda: terminal.prompt_line == f"{SIGN} typed meanwhile", "the input", PATIENCE)
        said = [e.message for e in recorded(tmp_path).events if isinstance(e, MessageAdded)]
        assert said[-1].text.split() == [f"w{number}" for number in range(150)]
        terminal.send("\r")
        terminal.wait_for("Run this command?", PATIENCE)
        for columns, rows in [(1, 1), (10, 3), (3, 20), (200, 2), (80, 40)]:
            terminal.resize(columns, rows)
            terminal.settle(0.1)
        terminal.send("\x1b")
        terminal.wait_for("Interrupted", PATIENCE)


@pytest.mark.parametrize("term", ["", "dumb", "vt100", "no-such-terminal"])
def test_with_next_to_no_environment_it_talks_in_ascii(tmp_path: Path, term: str) -> None:
    (tmp_path / "work").mkdir()
    with Served([says("Grüße, 漢字 → \u2028 ok")]) as served:
        bare = ["env", "-i", f"PATH={os.environ['PATH']}", f"HOME={tmp_path}", "LC_ALL=C", "PYTHONUTF8=0"]
        bare += ["PYTHONCOERCECLOCALE=0", f"KCODE_BASE_URL={served.server.base_url}", "KCODE_MODEL=scripted"]
        bare += [f"PYTHONPATH={Path(__file__).parents[2]}", *([f"TERM={term}"] if term else [])]
        code = "import os, sys; os.execvp('env', sys.argv[1:])"
        terminal = Terminal(tmp_path / "work", code, *bare, *KCODE, script=Path("-c"))
        try:
            drawn = term in {"vt100", "no-such-terminal"}
            terminal.wait_for("scripted" if drawn else "plain", PATIENCE)
            terminal.send("go")
            terminal.settle(0.3)
            terminal.send("\r" if drawn else "\n")
            terminal.wait_for("ok", PATIENCE)
            assert b"Traceback" not in terminal.raw
            assert b"UnicodeEncodeError" not in terminal.raw
            assert terminal.raw.isascii()
        finally:
            terminal.close()


async def test_a_pipe_in_the_plainest_locale_gets_the_answer(place: Place) -> None:
    place.environ |= {
        "LC_ALL": "C",
        "LANG": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "TERM": "dumb",
    }
    async with ScriptedServer([says("Grüße, 漢字 → ok")]) as server:
        done = await place.run("-p", "go", "--verbose", base_url=server.base_url)
    assert done.status == 0
    assert "ok" in done.out
    assert "Traceback" not in done.err
