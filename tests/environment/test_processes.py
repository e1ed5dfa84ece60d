"""Shell commands on this machine: what carries over, what is shown, and how they end."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from command_bench import Bench, alive, gone, pid_in

from kcode.environment.processes import LocalProcesses
from kcode.process import tree

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who descends from whom")


Make: TypeAlias = Callable[[], LocalProcesses]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = Path(os.path.realpath(tmp_path)) / "work"
    folder.mkdir()
    return folder


@pytest.fixture
async def shell(root: Path) -> AsyncIterator[Bench]:
    processes = LocalProcesses(root)
    yield Bench(processes, root)
    await processes.close()


def _descriptors() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())


# What carries over


async def test_the_folder_and_exported_variables_carry_over(shell: Bench) -> None:
    await shell("mkdir -p 'a b' && cd 'a b' && export GREETING='hi \"you\"' && local_only=1")

    assert await shell.out('echo "$PWD $GREETING $local_only"') == f'{shell.root}/a b hi "you"'
    assert shell.processes.cwd == shell.root / "a b"


async def test_an_unset_variable_stays_unset(shell: Bench) -> None:
    await shell("export A=1")
    await shell("unset A")

    assert await shell.out("echo ${A-gone}") == "gone"


@pytest.mark.parametrize("ending", ["exit 3", "false", "trap 'true' EXIT", "(exit 1)"])
async def test_the_folder_carries_over_however_the_command_ends(shell: Bench, ending: str) -> None:
    await shell(f"mkdir sub; cd sub; {ending}")

    assert shell.processes.cwd == shell.root / "sub"


@pytest.mark.parametrize("ending", ["exec true", "kill -9 $$"])
async def test_a_command_that_is_replaced_or_killed_changes_nothing(shell: Bench, ending: str) -> None:
    await shell(f"mkdir sub; cd sub; export A=1; {ending}")

    assert shell.processes.cwd == shell.root
    assert await shell.out("echo ${A-none}") == "none"


async def test_a_folder_outside_is_left_again_and_that_is_said(shell: Bench) -> None:
    result = await shell("cd / && pwd")

    assert result.output == "/\n"
    assert result.cwd == shell.root
    assert "outside the working folders" in result.notes[0]


async def test_a_folder_with_the_same_beginning_is_outside(shell: Bench) -> None:
    result = await shell("mkdir ../work2 && cd ../work2")

    assert result.cwd == shell.root


async def test_a_link_does_not_lead_outside(shell: Bench) -> None:
    (shell.root / "link").symlink_to("/")

    assert (await shell("cd link")).cwd == shell.root


async def test_an_added_folder_may_be_entered(root: Path) -> None:
    other = root.parent / "other"
    other.mkdir()
    processes = LocalProcesses(root, folders=lambda: [root, other])

    await Bench(processes, root)(f"cd {other}")

    assert processes.cwd == other
    await processes.close()


async def test_a_command_that_deletes_its_own_folder_is_followed_by_one_in_the_root(shell: Bench) -> None:
    await shell("mkdir sub && cd sub")

    result = await shell('rmdir "$PWD"')

    assert "no longer exists" in result.notes[0]
    assert await shell.out("pwd") == str(shell.root)


async def test_a_folder_that_something_else_deleted_is_noticed(shell: Bench) -> None:
    await shell("mkdir sub && cd sub")
    (shell.root / "sub").rmdir()

    result = await shell("pwd")

    assert result.output == f"{shell.root}\n"
    assert "no longer exists" in result.notes[0]


async def test_a_root_that_is_gone_is_an_error(shell: Bench) -> None:
    shell.root.rmdir()

    with pytest.raises(FileNotFoundError):
        await shell("pwd")


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("export PATH=/x:$PATH", "PATH"),
        ("export LD_PRELOAD=/x.so", "LD_PRELOAD"),
        ("export PYTHONPATH=.", "PYTHONPATH"),
        ("export GIT_DIR=x", "GIT_DIR"),
        ("export BASH_ENV=x", "BASH_ENV"),
        ("export SOMETHING=1", ""),
        ("PATH=/x:$PATH true", ""),
    ],
)
async def test_a_change_of_how_commands_are_found_is_named(shell: Bench, command: str, name: str) -> None:
    await shell(command)

    assert shell.processes.tainted == name


# What a command is given


async def test_a_secret_does_not_reach_a_command_but_a_named_one_does(root: Path) -> None:
    env = {**os.environ, "MY_API_KEY": "planted", "GH_TOKEN": "passed", "KCODE_X": "planted"}
    processes = LocalProcesses(root, env=env, pass_env=["GH_TOKEN"])

    output = await Bench(processes, root).out("env; cat /proc/self/environ 2>/dev/null | tr '\\0' '\\n'")
    await processes.close()

    assert "planted" not in output
    assert "GH_TOKEN=passed" in output


@pytest.mark.parametrize(
    "command", ["cat", "read line </dev/tty", "git commit -q", "python3 -c 'input()'", "head -c 1"]
)
async def test_what_waits_for_a_person_ends_at_once(shell: Bench, command: str) -> None:
    await shell("git init -q . 2>/dev/null")
    started = time.monotonic()

    await shell(command)

    assert time.monotonic() - started < 5


async def test_a_very_long_command_runs(shell: Bench) -> None:
    assert await shell.out(f': {"x" * 300_000}\necho "done $#"') == "done 0"


async def test_a_command_that_begins_with_a_dash_is_a_command(shell: Bench) -> None:
    assert "not found" in await shell.out("-x")


async def test_an_environment_that_is_too_large_is_an_error_that_says_so(shell: Bench) -> None:
    await shell("export BIG=$(head -c 200000 /dev/zero | tr '\\0' x)")

    with pytest.raises(OSError, match="too long"):
        await shell("true")


# What is shown


async def test_both_streams_are_shown_as_they_come(shell: Bench) -> None:
    assert (await shell("echo 1; echo 2 >&2; echo 3")).output == "1\n2\n3\n"


async def test_control_sequences_do_not_reach_anyone(shell: Bench) -> None:
    result = await shell(r"printf '\033[31mred\033[0m \033]52;c;aGk=\007x\rsafe\n'; sleep 0.3")

    assert result.output == "red x␍safe\n"
    assert "".join(shell.shown) == "red x␍safe\n"


async def test_bytes_that_are_no_text_are_replaced(shell: Bench) -> None:
    assert (await shell(r"printf 'a\377b'")).output == "a\ufffdb"


async def test_progress_is_shown_while_a_command_runs(shell: Bench) -> None:
    await shell("for n in 1 2 3; do echo $n; sleep 0.2; done")

    assert "".join(shell.shown) == "1\n2\n3\n"
    assert len(shell.shown) > 1


async def test_too_much_output_keeps_its_ends_and_goes_to_a_private_file(shell: Bench) -> None:
    result = await shell("seq 200000")

    assert result.output.startswith("1\n2\n")
    assert result.output.endswith("199999\n200000\n")
    assert len(result.output) < 35_000
    assert result.spill is not None
    assert result.total_bytes == result.spill.stat().st_size
    assert result.spill.stat().st_mode & 0o077 == 0
    assert result.spill.parent.stat().st_mode & 0o077 == 0


async def test_files_of_one_session_do_not_meet_those_of_another(root: Path, tmp_path: Path) -> None:
    first, second = (LocalProcesses(root, scratch=tmp_path / "spill") for _ in range(2))

    one, two = [await Bench(p, root)("seq 100000") for p in (first, second)]
    await first.close()
    await second.close()

    assert one.spill is not None
    assert two.spill is not None
    assert one.spill.read_bytes() == two.spill.read_bytes()
    assert one.spill != two.spill
    assert {path.suffix for path in (tmp_path / "spill").rglob("*") if path.is_file()} == {".txt"}


async def test_a_place_for_files_that_cannot_be_written_is_no_hindrance(root: Path) -> None:
    processes = LocalProcesses(root, scratch=Path("/proc/nowhere"))

    assert await Bench(processes, root).out("echo ok") == "ok"
    await processes.close()


async def test_a_listener_that_fails_is_heard_of_and_the_command_ends(shell: Bench) -> None:
    async def broken(text: str) -> None:
        raise RuntimeError(text)

    with pytest.raises(RuntimeError):
        await shell.processes.run("echo hi; sleep 0.5", broken, seconds=20)


# How commands end


@pytest.mark.parametrize(
    ("command", "status"), [("exit 3", 3), ("nosuch", 127), ("./x", 126), ("kill -SEGV $$", -11)]
)
async def test_the_status_is_reported(shell: Bench, command: str, status: int) -> None:
    (shell.root / "x").write_text("")

    assert (await shell(command)).status == status


async def test_time_ends_everything_and_keeps_what_was_printed(shell: Bench) -> None:
    result = await shell("echo part; sleep 60 & echo $! >pid; wait", seconds=0.4)

    assert (result.timed_out, result.status, result.output) == (True, None, "part\n")
    assert not alive(await pid_in(shell.root / "pid"))


@linux
@pytest.mark.parametrize(
    "daemon",
    [
        "setsid sh -c 'echo $$ >pid; exec sleep 60' >/dev/null 2>&1 &",
        "(setsid sh -c 'echo $$ >pid; exec sleep 60' &)",
        "(setsid env -i PATH=$PATH sh -c 'echo $$ >pid; exec sleep 60' &)",
        "(setsid sh -c 'trap \"\" TERM; echo $$ >pid; while :; do sleep 1; done' &)",
    ],
    ids=["left the group", "double fork", "clean environment", "deaf"],
)
async def test_time_ends_daemons_too(shell: Bench, daemon: str) -> None:
    await shell(f"{daemon}\nsleep 60", seconds=0.5)

    assert not alive(await pid_in(shell.root / "pid"))


@linux
async def test_cancelling_ends_daemons_too_and_returns_at_once(shell: Bench) -> None:
    task = asyncio.ensure_future(
        shell("trap '' TERM; (setsid sh -c 'echo $$ >pid; exec sleep 60' &); sleep 60")
    )
    pid = await pid_in(shell.root / "pid")
    started = time.monotonic()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert time.monotonic() - started < 0.5
    assert await gone(pid)


async def test_cancelling_shows_what_was_printed_until_then(shell: Bench) -> None:
    task = asyncio.ensure_future(shell("echo begun; echo $$ >pid; sleep 60"))
    await pid_in(shell.root / "pid")

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert "".join(shell.shown) == "begun\n"


async def test_cancelling_at_any_moment_never_hangs_and_leaves_nothing(shell: Bench) -> None:
    before = set(tree.children(os.getpid()))
    for round_ in range(60):
        task = asyncio.ensure_future(shell("sleep 60"))
        await asyncio.sleep(round_ % 20 / 4000)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 5)

    left = set(tree.children(os.getpid())) - before
    assert [pid for pid in left if not await gone(pid)] == []
    assert await shell.out("echo ok") == "ok"


async def test_a_process_that_was_left_does_not_hold_up_the_result_and_is_named(shell: Bench) -> None:
    started = time.monotonic()

    result = await shell("sleep 60 & echo ok")

    assert time.monotonic() - started < 2
    assert (result.status, result.output) == (0, "ok\n")
    assert "sleep" in result.notes[0]
    assert list(shell.processes.background()) == ["bash_1"]
    assert await shell.processes.kill("bash_1")
    assert list(shell.processes.background()) == []


@linux
async def test_a_daemon_that_holds_nothing_open_is_found_too_and_ends_with_the_session(shell: Bench) -> None:
    result = await shell("(setsid sh -c 'echo $$ >pid; exec sleep 60' >/dev/null 2>&1 &); sleep 0.2")
    pid = await pid_in(shell.root / "pid")

    assert f"process {pid}" in result.notes[0]
    assert alive(pid)
    await shell.processes.close()
    assert not alive(pid)


WAITS = "while [ ! -e go ]; do sleep 0.02; done"
"""Words of shell that wait for a file, so that no test depends on how long something takes."""


async def test_a_process_that_was_left_may_go_on_printing(shell: Bench) -> None:
    await shell("(sleep 0.6; echo later; sleep 0.1; echo end >done) &")

    assert (await shell.rest("bash_1"))[0] == "later\n"
    assert (shell.root / "done").exists()


# In the background


async def test_a_background_command_tells_what_is_new_each_time(shell: Bench) -> None:
    started = await shell(f"echo one; {WAITS}; echo two; exit 4", background=True)
    assert started.background == "bash_1"
    assert started.status is None

    first = await shell.processes.output("bash_1")
    while not first.output:
        await asyncio.sleep(0.01)
        first = await shell.processes.output("bash_1")
    (shell.root / "go").touch()

    assert (first.output, first.running, first.status) == ("one\n", True, None)
    assert await shell.rest("bash_1") == ("two\n", 4)


async def test_a_background_command_changes_nothing_for_the_others(shell: Bench) -> None:
    await shell("mkdir sub; cd sub; export A=1", background=True)
    await shell.rest("bash_1")

    assert await shell.out('echo "$PWD ${A-none}"') == f"{shell.root} none"


async def test_a_running_command_can_be_moved_to_the_background(shell: Bench) -> None:
    task = asyncio.ensure_future(shell(f"echo a; {WAITS}; echo b"))
    while not shell.shown:
        await asyncio.sleep(0.01)

    moved = shell.processes.detach()
    result = await task
    (shell.root / "go").touch()

    assert list(moved) == ["bash_1"]
    assert (result.background, result.status, result.output) == ("bash_1", None, "a\n")
    assert await shell.rest("bash_1") == ("b\n", 0)


async def test_killing_what_has_ended_says_so(shell: Bench) -> None:
    await shell("true", background=True)
    await shell.rest("bash_1")

    assert not await shell.processes.kill("bash_1")
    with pytest.raises(KeyError):
        await shell.processes.kill("bash_9")


async def test_closing_ends_everything(root: Path) -> None:
    processes = LocalProcesses(root)
    shell = Bench(processes, root)
    await shell("echo $$ >pid; trap '' TERM; sleep 60", background=True)
    waiting = asyncio.ensure_future(shell("echo $$ >pid2; sleep 60"))
    pids = [await pid_in(root / "pid"), await pid_in(root / "pid2")]

    await processes.close()
    await waiting

    assert not any(map(alive, pids))
    assert processes.scratch is None


async def test_commands_at_the_same_time_keep_their_output_apart(shell: Bench) -> None:
    results = await asyncio.gather(*(shell(f"sleep 0.05; echo {n}") for n in range(8)))

    assert [result.output for result in results] == [f"{n}\n" for n in range(8)]


async def test_no_descriptor_and_no_file_is_left_behind(shell: Bench) -> None:
    await shell("true")
    assert shell.processes.scratch is not None
    before = _descriptors()

    for _ in range(20):
        await shell("echo x; nosuch")

    assert _descriptors() == before
    assert list(shell.processes.scratch.iterdir()) == []
