"""Real commands in a real fence, as root and as an ordinary user."""

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fenced_folders import CLEAN, NOBODY, USERS, Folders, base_folder, give_to

from kcode.environment.sandbox import Fence, probe, wrap


class Fenced(Folders):
    """Commands that run fenced in, in these folders."""

    def run(self, command: str, *, network: bool = False) -> subprocess.CompletedProcess[str]:
        fence = Fence([self.root], self.home, [self.home / "own"], self.scratch, network=network)
        argv = wrap(self.sandbox, fence, ["/bin/bash", "-c", command], self.root)
        if self.user == "nobody":
            argv = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *argv]
        return subprocess.run(
            argv, cwd=self.root, env=CLEAN, capture_output=True, text=True, check=False, timeout=30
        )

    def succeeds(self, command: str) -> bool:
        return self.run(command).returncode == 0


@pytest.fixture(params=USERS)
def fenced(request: pytest.FixtureRequest) -> Iterator[Fenced]:
    sandbox = asyncio.run(probe(os.environ, []))
    if sandbox.level != "full":
        why = f"NOT TESTED: {sandbox.shown}. Set KCODE_REQUIRE_BWRAP=1 to make this a failure."
        if os.environ.get("KCODE_REQUIRE_BWRAP") == "1":
            pytest.fail(why)
        pytest.skip(why)
    with base_folder() as base:
        root, home = base / "work", base / "home"
        (home / "own" / "sessions").write_text("kcode's own")
        subprocess.run(["git", "init", "-q", str(root)], check=True)
        (root / ".kcode").mkdir()
        (root / ".kcode" / "settings.json").write_text("{}")
        (root / ".mcp.json").write_text("{}")
        give_to(request.param, base)
        yield Fenced(sandbox, root, home, base / "scratch", request.param)


def test_the_working_folder_and_tmp_can_be_written_and_nothing_else(fenced: Fenced) -> None:
    assert fenced.succeeds("echo x > inside && mkdir d && echo y > d/f && echo z > /tmp/t")
    assert (fenced.root / "d" / "f").read_text() == "y\n"
    assert fenced.run("cat /tmp/t").stdout == "z\n"
    assert not Path("/tmp/t").exists()
    for place in ("/etc/kcode-test", "/usr/kcode-test", "/var/tmp/kcode-test", f"{fenced.home}/new"):
        assert not fenced.succeeds(f"echo x > {place}")
        assert not Path(place).exists()


def test_links_and_remounts_lead_out_for_nobody(fenced: Fenced) -> None:
    (fenced.root / "link").symlink_to(fenced.home / "plain")
    assert not fenced.succeeds("echo x > link")
    assert not fenced.succeeds("mount -o remount,bind,rw / && echo x > /etc/kcode-test")
    assert not fenced.succeeds(f"mv {fenced.home}/plain .")
    assert (fenced.home / "plain").read_text() == "plain"
    assert not Path("/etc/kcode-test").exists()


def test_git_works_but_what_names_programs_for_it_stays(fenced: Fenced) -> None:
    config = (fenced.root / ".git" / "config").read_text()
    committed = fenced.run(
        "echo a > a && git add a && git -c user.name=a -c user.email=a@b commit -qm a && git log --oneline"
    )
    assert committed.returncode == 0, committed.stderr
    assert not fenced.succeeds("git config core.fsmonitor ./evil")
    assert not fenced.succeeds("echo x >> .git/config")
    assert not fenced.succeeds("echo x > .git/hooks/pre-commit")
    assert not fenced.succeeds("mv .git x")
    assert not fenced.succeeds("rm -rf .git/config")
    assert not fenced.succeeds("mv .git/hooks .git/h")
    assert (fenced.root / ".git" / "config").read_text() == config


def test_files_that_make_kcode_run_programs_stay(fenced: Fenced) -> None:
    for command in (
        "echo x > .kcode/settings.json",
        "mv .kcode k && mkdir .kcode",
        "rm .mcp.json",
        "echo x > .kcode/new",
    ):
        assert not fenced.succeeds(command)
    assert (fenced.root / ".kcode" / "settings.json").read_text() == "{}"


def test_the_keys_of_the_person_are_hidden(fenced: Fenced) -> None:
    shown = fenced.run(
        f"cat {fenced.home}/.ssh/id {fenced.home}/.netrc {fenced.home}/own/sessions; ls {fenced.home}/own"
    )
    assert shown.stdout == ""
    assert fenced.run(f"cat {fenced.home}/plain").stdout == "plain"


def test_there_is_no_network_unless_it_is_allowed(fenced: Fenced) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        connect = f"exec 3<>/dev/tcp/127.0.0.1/{server.getsockname()[1]}"
        assert not fenced.succeeds(connect)
        assert fenced.run(connect, network=True).returncode == 0
    assert not fenced.succeeds("getent hosts localhost.example")


def test_other_processes_are_out_of_reach_and_daemons_end_with_their_command(fenced: Fenced) -> None:
    assert not fenced.succeeds(f"kill -0 {os.getpid()} || ls /proc/{os.getpid()}/root")
    fenced.run("setsid -f sh -c 'sleep 1; echo late > late' >/dev/null 2>&1")
    subprocess.run(["sleep", "1.5"], check=True)
    assert not (fenced.root / "late").exists()


def test_nothing_of_the_surroundings_is_in_the_first_process(fenced: Fenced) -> None:
    assert "SECRET" not in fenced.run("tr '\\0' '\\n' < /proc/1/environ").stdout
    assert fenced.run("cat /proc/self/status").stdout.count("CapEff:\t0000000000000000") == 1


async def test_a_program_in_a_working_folder_is_never_taken_for_bubblewrap(tmp_path: Path) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\ntouch " + str(tmp_path / "ran") + "\n")
    fake.chmod(0o755)
    await probe({"PATH": str(tmp_path)}, [tmp_path])
    assert not (tmp_path / "ran").exists()


def test_a_worktree_that_points_anywhere_makes_nothing_writable(fenced: Fenced) -> None:
    shutil.rmtree(fenced.root / ".git")
    (fenced.root / ".git").write_text(f"gitdir: {fenced.home}\n")
    assert not fenced.succeeds(f"echo x > {fenced.home}/new")
    assert not (fenced.home / "new").exists()


def test_a_linked_worktree_can_commit(fenced: Fenced) -> None:
    commit = "git -c user.name=a -c user.email=a@b commit -qm a"
    assert fenced.succeeds(f"echo a > a && git add a && {commit} && git worktree add -q ../work/tree")
    inner = replace(fenced, root=fenced.root / "tree")
    done = inner.run(f"echo b > b && git add b && {commit} && git log --oneline | wc -l")
    assert (done.returncode, done.stdout.strip()) == (0, "2"), done.stderr
    assert not inner.succeeds("git config core.fsmonitor ./evil")
