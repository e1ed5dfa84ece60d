"""What really starts processes while kcode works: an audit hook of the interpreter sees every one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kcode.environment.partial import version

GITPYTHON = [os.devnull]
"""On import it tries the git that it is told of: one that cannot be started."""
SCRIPT = """
import asyncio, json, sys
from pathlib import Path

sys.path.insert(0, sys.argv[2])
from spawn_watch import watch

seen = watch()
from app_bench import talk
from kcode.environment.sandbox import probe_partial
from kcode.providers.scripted import call, says

async def main():
    calls = [
        call("Bash", command="echo x > a.txt; git status"),
        call("Write", file_path="b.txt", content="b"),
        call("Git", arguments=["status"]),
        call("Git", arguments=["diff"]),
        call("Grep", pattern="x"),
        call("Glob", pattern="*.txt"),
        call("Read", file_path="a.txt"),
    ]
    talking = await talk(Path(sys.argv[1]), [[says("", *calls), says("done")]])
    await talking.conversation.prompt("go")
    await talking.conversation.git_line()
    inner = talking.conversation.environment._inner
    await inner.git.repository()
    await talking.command("/rewind 1 files")
    await talking.conversation.set_mode("auto")
    await talking.conversation.shell("true")
    await probe_partial()
    await talking.conversation.close()
    print(json.dumps(seen))

asyncio.run(main())
"""


HERE = str(Path(__file__).parent)


def told_by(script: str, *arguments: str) -> list[tuple[str, str, bool]]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ},
    )
    return [tuple(entry) for entry in json.loads(done.stdout.splitlines()[-1])]


def test_every_process_goes_through_the_one_spawn_function(root: Path) -> None:
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    seen = told_by(SCRIPT, str(root), HERE)
    programs = {Path(program).name for _, program, _ in seen}
    assert {"bash", "git", "rg"} <= programs
    # Also from the thread that puts up a fence.
    assert "true" in programs or not version()
    assert [program for _, program, ours in seen if not ours] == GITPYTHON


PROBE = """
import sys, json
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from spawn_watch import watch

seen = watch()

def quick():
    pass

if __name__ == "__main__":
    {code}
    print(json.dumps(seen))
"""
WAYS = {
    "subprocess": "import subprocess; subprocess.run(['true'])",
    "os.system": "import os; os.system('true')",
    "os.popen": "import os; os.popen('true').close()",
    "os.posix_spawn": "import os; os.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0)",
    "os.posix_spawnp": "import os; os.waitpid(os.posix_spawnp('true', ['true'], {'PATH': '/bin:/usr/bin'}), 0)",
    "os.spawn": "import os; os.spawnvp(os.P_WAIT, 'true', ['true'])",
    "os.fork": "import os; pid = os.fork() or os.execvp('true', ['true']); os.waitpid(pid, 0)",
    "os.forkpty": "import os; pid = os.forkpty()[0] or os.execvp('true', ['true']); os.waitpid(pid, 0)",
    "pty.fork": "import os, pty; pid = pty.fork()[0] or os.execvp('true', ['true']); os.waitpid(pid, 0)",
    "asyncio": (
        "import asyncio; f = asyncio.create_subprocess_exec; "
        "g = lambda: f('true'); asyncio.run(asyncio.wait_for(g(), 20))"
    ),
    "the shell of asyncio": "import asyncio; asyncio.run(asyncio.create_subprocess_shell('true'))",
    # With this the client of the MCP SDK starts a server on stdin and stdout.
    "anyio": "import anyio; anyio.run(anyio.open_process, ['true'])",
    "GitPython": "import git; git.cmd.Git('/').version()",
    "multiprocessing by fork": (
        "import multiprocessing as m; p = m.get_context('fork').Process(target=quick); p.start(); p.join()"
    ),
    "multiprocessing by spawn": (
        "import multiprocessing as m; m.set_start_method('spawn'); p = m.Process(target=print); p.start(); p.join()"
    ),
    "multiprocessing by a server": (
        "import multiprocessing as m; p = m.get_context('forkserver').Process(target=print); p.start(); p.join()"
    ),
    "a pool of processes": (
        "from concurrent.futures import ProcessPoolExecutor as P; P(1).submit(abs, 1).result()"
    ),
}


@pytest.mark.parametrize("code", WAYS.values(), ids=WAYS)
def test_any_other_way_is_found(code: str) -> None:
    seen = told_by(PROBE.replace("{code}", code), HERE)
    assert [entry for entry in seen if not entry[2]], seen


def test_the_one_way_is_not_taken_for_another() -> None:
    code = "import asyncio; from kcode.process.spawn import run; asyncio.run(run(['true'], cwd=Path('/')))"
    seen = told_by(PROBE.replace("{code}", code), HERE)
    assert seen
    assert [entry for entry in seen if not entry[2]] == []


def test_nothing_is_found_where_nothing_starts() -> None:
    assert told_by(PROBE.replace("{code}", "import asyncio; asyncio.run(asyncio.sleep(0))"), HERE) == []
