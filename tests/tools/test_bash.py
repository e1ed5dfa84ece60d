"""The Bash tool tells the model what happened in words it can act on."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from kcode.environment.processes import LocalProcesses
from kcode.tools.bash import TOOL
from kcode.types.tool import CommandNeed

if TYPE_CHECKING:
    from conftest import Bench


@pytest.fixture(autouse=True)
async def ended(bench: "Bench") -> AsyncIterator[None]:
    yield
    await bench.environment.close()


async def test_output_is_the_whole_result_of_a_command_that_worked(bench: "Bench") -> None:
    output = await bench.call("bash", command="echo hi")

    assert [part.text for part in output.parts if part.type == "text"] == ["hi"]
    assert not output.is_error
    assert output.details["status"] == 0


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("true", "[no output]"),
        ("echo x; exit 3", "x\n[exit status 3]"),
        ("./no-program", "[exit status 127 (a command was not found)]"),
        ("sh -c 'kill -9 $$'; exit $?", "[exit status 137 (a program was ended by signal SIGKILL: killed"),
        ("kill -SEGV $$", "[ended by signal SIGSEGV: segmentation fault]"),
        ("mkdir sub; cd sub", "[working folder: "),
        ("cd /", "is outside the working folders"),
        ("sleep 30 & true", "[Still running in the background as bash_1: sleep"),
    ],
)
async def test_how_it_ended_is_said(bench: "Bench", command: str, told: str) -> None:
    assert told in await bench.text("bash", command=command)


@pytest.mark.parametrize(
    ("command", "is_error"),
    [
        ("exit 0", False),
        ("exit 1", True),
        ("grep nothing /dev/null", False),
        ("echo a | grep b", False),
        ("grep x /no/such/file", True),
        ("test -e nothing", False),
        ("grep nothing /dev/null || false", True),
    ],
)
async def test_only_a_failure_is_an_error(bench: "Bench", command: str, is_error: bool) -> None:
    assert (await bench.call("bash", command=command)).is_error is is_error


async def test_time_ends_a_command_and_the_model_hears_what_to_do(bench: "Bench") -> None:
    output = await bench.call("bash", command="echo part; sleep 30", timeout=1000)

    told = "".join(part.text for part in output.parts if part.type == "text")
    assert output.is_error
    assert told.startswith("part\n[Ended after 1 s")
    assert "run_in_background" in told
    assert output.details["timed_out"] is True


async def test_a_time_that_can_only_mean_seconds_is_taken_so_and_counted(bench: "Bench") -> None:
    output = await bench.call("bash", command="sleep 0.3; echo done", timeout=30)

    assert not output.is_error
    assert [repair.kind for repair in output.repairs] == ["seconds_for_milliseconds"]


async def test_what_would_run_is_known_before_it_runs(bench: "Bench") -> None:
    invocation = await bench.prepare("bash", {"command": "touch made", "description": "Make a file"})

    assert invocation.rule == "Bash(touch made)"
    assert invocation.needs == (CommandNeed("touch made", bench.root),)
    assert invocation.kind == "execute"
    assert invocation.side_effects
    assert invocation.description == "Make a file"
    assert not (bench.root / "made").exists()


async def test_a_changed_path_is_part_of_what_is_asked(bench: "Bench") -> None:
    await bench.call("bash", command="export PATH=/x:$PATH; mkdir sub; cd sub")

    invocation = await bench.prepare("bash", {"command": "ls"})

    assert invocation.needs == (CommandNeed("ls", bench.root / "sub", "PATH"),)


@pytest.mark.parametrize("command", ["", "  \n", "echo a\0b", "echo \ud83d"])
async def test_what_no_shell_can_run_is_refused_before_it_runs(bench: "Bench", command: str) -> None:
    assert await bench.refusal("bash", command=command)


async def test_a_shell_that_cannot_start_is_the_models_error(bench: "Bench") -> None:
    bench.root.rmdir()

    assert "could not be started" in await bench.refusal("bash", command="true")


async def test_long_output_names_the_file_that_holds_all_of_it(bench: "Bench") -> None:
    text = await bench.text("bash", command="seq 100000")

    found = re.search(r"\[All ([\d,]+) bytes of output: (.*)\]", text)
    assert found is not None
    assert os.stat(found[2]).st_size == int(found[1].replace(",", ""))  # noqa: PTH116 - a coroutine may not use Path
    assert len(text) < 35_000


async def test_a_background_command_is_read_filtered_and_ended(bench: "Bench") -> None:
    started = await bench.text(
        "bash", command="echo one; echo two; sleep 0.7; echo three; sleep 30", run_in_background=True
    )
    later = await bench.text("bash_output", bash_id="bash_1")
    filtered = await bench.text("bash_output", bash_id="bash_1", filter="nothing")
    killed = await bench.text("kill_bash", shell_id="bash_1")
    again = await bench.text("kill_bash", shell_id="bash_1")

    assert "[Started as bash_1." in started
    assert "one\ntwo" in started
    assert later == "three\n[bash_1 still running]"
    assert filtered == "[bash_1 still running, nothing new]"
    assert "were ended" in killed
    assert "had ended already" in again


async def test_a_background_command_that_fails_at_once_says_so_at_once(bench: "Bench") -> None:
    text = await bench.text("bash", command="echo no such port; exit 2", run_in_background=True)

    assert text == "no such port\n[bash_1 has already ended: exit status 2]"


async def test_a_command_that_the_person_moved_to_the_background_is_said_to_be_there(bench: "Bench") -> None:
    processes = bench.environment.processes
    assert isinstance(processes, LocalProcesses)
    call = asyncio.ensure_future(bench.text("bash", command="echo a; sleep 30"))
    await asyncio.sleep(0.4)

    processes.detach()

    assert (
        await call
        == "a\n[Moved to the background by the user as bash_1. BashOutput reads what it prints, KillBash ends it.]"
    )


@pytest.mark.parametrize("tool", ["bash_output", "kill_bash"])
async def test_an_unknown_id_is_answered_with_those_that_run(bench: "Bench", tool: str) -> None:
    await bench.call("bash", command="sleep 30", run_in_background=True)
    argument = "bash_id" if tool == "bash_output" else "shell_id"

    assert await bench.refusal(tool, **{argument: "7"}) == "No background command 7. Running: bash_1."


async def test_a_filter_that_is_no_pattern_is_refused(bench: "Bench") -> None:
    assert "regular expression" in await bench.refusal("bash_output", bash_id="bash_1", filter="(")


async def test_withheld_keys_are_explained(bench: "Bench") -> None:
    text = await bench.text("bash", command="echo 'git@host: Permission denied (publickey).' >&2; exit 128")

    assert "passEnv" in text


def test_its_description_stays_short() -> None:
    assert len(TOOL.description) < 300
    assert set(TOOL.args.model_fields) == {"command", "timeout", "description", "run_in_background"}
