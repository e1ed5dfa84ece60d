"""What really starts processes while kcode works: an audit hook of the interpreter sees every one."""

import json
import os
import subprocess
import sys
from pathlib import Path

from kcode.environment.partial import version

GITPYTHON = [os.devnull]
"""On import it tries the git that it is told of: one that cannot be started."""
SCRIPT = """
import asyncio, json, os, sys, traceback
from pathlib import Path

seen = []
STARTERS = {
    *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn"),
    *("os.fork", "os.forkpty", "pty.spawn"),
}

def watch(event, arguments):
    if event in STARTERS:
        files = [frame.filename for frame in traceback.extract_stack()]
        ours = any(name.endswith("kcode/process/spawn.py") for name in files)
        seen.append([event, str(arguments[0]) if arguments else "", ours])

sys.addaudithook(watch)
sys.path.insert(0, sys.argv[2])
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
    if len(sys.argv) > 3:
        import subprocess
        subprocess.run(["true"])
    print(json.dumps(seen))

asyncio.run(main())
"""


def watched(root: Path, *more: str) -> list[tuple[str, str, bool]]:
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(root), str(Path(__file__).parent), *more],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ},
    )
    return [tuple(entry) for entry in json.loads(done.stdout)]


def test_every_process_goes_through_the_one_spawn_function(root: Path) -> None:
    seen = watched(root)
    programs = {Path(program).name for _, program, _ in seen}
    assert {"bash", "git", "rg"} <= programs
    # Also from the thread that puts up a fence.
    assert "true" in programs or not version()
    assert [program for _, program, ours in seen if not ours] == GITPYTHON


def test_the_audit_finds_another_way(root: Path) -> None:
    assert [program for _, program, ours in watched(root, "sneak") if not ours] == [*GITPYTHON, "true"]
