"""Git runs without starting anything that a repository names, and copes with every state of one."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kcode.environment.git import LocalGit, read_head
from kcode.types.errors import ToolError


def git(folder: Path, *arguments: str) -> str:
    """Prepare a repository, as its owner would."""
    identity = ("-c", "user.name=T", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main")
    options = ("-c", "commit.gpgSign=false", "-c", "protocol.file.allow=always")
    done = subprocess.run(
        ["git", *identity, *options, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"},
    )
    return done.stdout


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = Path(os.path.realpath(tmp_path)) / "repo"
    folder.mkdir()
    git(folder, "init")
    (folder / "a.txt").write_text("one\n")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "first")
    return folder


def booby_trap(folder: Path, marker: Path) -> None:
    """Let everything in a repository that can name a program name one that leaves a mark."""
    trap = folder / ".git" / "trap"
    trap.write_text(f"#!/bin/sh\necho \"$0 $*\" >> '{marker}'\ncat\n")
    trap.chmod(0o755)
    for key in (
        "core.fsmonitor",
        "core.pager",
        "core.editor",
        "core.sshCommand",
        "diff.external",
        "diff.d.textconv",
        "diff.d.command",
        "filter.f.clean",
        "filter.f.smudge",
        "gpg.program",
        "credential.helper",
        "pager.log",
        "pager.status",
        "alias.st",
    ):
        git(folder, "config", key, str(trap) if not key.startswith("alias") else f"!{trap}")
    git(folder, "config", "commit.gpgSign", "true")
    git(folder, "config", "log.showSignature", "true")
    (folder / ".git" / "info").mkdir(exist_ok=True)
    (folder / ".git" / "info" / "attributes").write_text("*.txt diff=d filter=f\n")
    hooks = folder / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for hook in (
        "pre-commit",
        "post-commit",
        "prepare-commit-msg",
        "commit-msg",
        "post-index-change",
        "post-checkout",
        "reference-transaction",
    ):
        (hooks / hook).write_text(f"#!/bin/sh\necho {hook} >> '{marker}'\n")
        (hooks / hook).chmod(0o755)


COMMANDS = [
    ["status"],
    ["diff"],
    ["diff", "--stat"],
    ["log", "-p", "-1"],
    ["show", "HEAD"],
    ["blame", "a.txt"],
    ["grep", "changed"],
    ["ls-files"],
    ["branch", "-a"],
    ["add", "a.txt"],
    ["commit", "--author=T <t@example.com>", "-m", "second"],
    ["branch", "other"],
    ["restore", "--source=HEAD~1", "a.txt"],
    ["stash"],
]


async def test_no_command_starts_what_the_repository_names(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "T")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "t@example.com")
    marker = tmp_path / "marker"
    booby_trap(repo, marker)
    local = LocalGit(repo)
    for command in COMMANDS:
        (repo / "a.txt").write_text(f"changed {time.monotonic_ns()}\n")
        result = await local.run(command)
        assert result.status == 0, (command, result.error)
        assert not marker.exists(), (command, marker.read_text())
    await local.status_line()
    assert (await local.repository()) is not None
    assert not marker.exists(), marker.read_text()


async def test_options_before_the_command_are_not_taken(repo: Path):
    with pytest.raises(ToolError, match="command first"):
        await LocalGit(repo).run(["-c", "core.pager=touch x", "status"])


def test_the_traps_would_spring_for_plain_git(repo: Path, tmp_path: Path):
    marker = tmp_path / "marker"
    booby_trap(repo, marker)
    (repo / "a.txt").write_text("changed\n")
    git(repo, "status")
    assert marker.exists()


async def test_an_embedded_bare_repository_is_not_opened(repo: Path, tmp_path: Path):
    marker = tmp_path / "marker"
    inner = repo / "inner"
    git(repo, "init", "--bare", "inner")
    (inner / "config").write_text(
        "[core]\nrepositoryformatversion = 0\nbare = false\nworktree = .\n"
        f"fsmonitor = \"echo x >> '{marker}'; false\"\n"
    )
    result = await LocalGit(inner).run(["status"])
    assert result.status != 0
    assert "Bash" in result.error
    assert not marker.exists()


async def test_looking_at_a_repository_starts_no_program_at_all(repo: Path):
    code = (
        "import asyncio, sys\n"
        "def forbid(event, args):\n"
        "    if event in ('subprocess.Popen', 'os.exec', 'os.posix_spawn', 'os.fork', 'os.system'):\n"
        "        if args[0] != '/dev/null':\n"
        "            raise SystemExit(f'started {args}')\n"
        "sys.addaudithook(forbid)\n"
        "from pathlib import Path\n"
        "from kcode.environment.repository import discover\n"
        "print(discover(Path(sys.argv[1])).branch)\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(repo), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert (process.returncode, output.decode().strip()) == (0, "main")


async def test_the_status_line_says_what_changed(repo: Path):
    local = LocalGit(repo)
    assert await local.status_line() == "main"
    (repo / "a.txt").write_text("two\n")
    (repo / "new.txt").write_text("")
    assert await local.status_line() == "main, 1 changed, 1 untracked"


async def test_outside_a_repository_there_is_no_status(tmp_path: Path):
    folder = Path("/")
    assert await LocalGit(folder).status_line() == ""
    assert read_head(folder) is None
    assert tmp_path != folder


async def test_no_commits_yet(tmp_path: Path):
    git(tmp_path, "init")
    local = LocalGit(tmp_path)
    assert await local.status_line() == "main, no commits yet"
    found = await local.repository()
    assert found is not None
    assert (found.empty, found.branch) == (True, "main")


async def test_a_detached_head(repo: Path):
    commit = git(repo, "rev-parse", "HEAD").strip()
    git(repo, "checkout", "--detach")
    local = LocalGit(repo)
    assert await local.status_line() == f"detached at {commit[:8]}"
    found = await local.repository()
    assert found is not None
    assert found.detached
    assert read_head(repo) == commit[:8]


async def test_ahead_and_behind_and_conflicts(repo: Path, tmp_path: Path):
    clone = tmp_path / "clone"
    git(tmp_path, "clone", str(repo), "clone")
    (clone / "a.txt").write_text("mine\n")
    git(clone, "commit", "-am", "mine")
    (repo / "a.txt").write_text("theirs\n")
    git(repo, "commit", "-am", "theirs")
    git(clone, "fetch")
    local = LocalGit(clone)
    assert await local.status_line() == "main, ahead 1, behind 1"
    with pytest.raises(subprocess.CalledProcessError):
        git(clone, "merge", "origin/main")
    assert await local.status_line() == "main, 1 in conflict, ahead 1, behind 1"


async def test_a_lock_is_explained(repo: Path, monkeypatch: pytest.MonkeyPatch):
    lock = repo / ".git" / "index.lock"
    lock.touch()
    os.utime(lock, (time.time() - 7200, time.time() - 7200))
    (repo / "a.txt").write_text("two\n")
    local = LocalGit(repo)
    assert await local.status_line() == "main, 1 changed"
    result = await local.run(["add", "a.txt"])
    assert result.status != 0
    assert "7200 s old" in result.error


async def test_a_linked_worktree(repo: Path):
    git(repo, "worktree", "add", "../tree", "-b", "side")
    tree = repo.parent / "tree"
    local = LocalGit(tree)
    assert await local.status_line() == "side"
    assert read_head(tree) == "side"
    found = await local.repository()
    assert found is not None
    assert (found.linked, found.top) == (True, tree)


async def test_a_submodule(repo: Path, tmp_path: Path):
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init")
    git(other, "commit", "--allow-empty", "-m", "x")
    git(repo, "submodule", "add", str(other), "lib")
    git(repo, "commit", "-m", "with lib")
    assert await LocalGit(repo).status_line() == "main"
    found = await LocalGit(repo).repository()
    assert found is not None
    assert list(found.submodules) == ["lib"]
    assert await LocalGit(repo / "lib").status_line() == "main"


async def test_a_bare_repository(tmp_path: Path):
    git(tmp_path, "init", "--bare", "store.git")
    local = LocalGit(tmp_path / "store.git")
    assert await local.status_line() == ""
    found = await local.repository()
    assert found is not None
    assert found.bare


@pytest.mark.parametrize("damage", ["HEAD", "config", "index"])
async def test_a_damaged_repository_is_unknown(repo: Path, damage: str):
    (repo / ".git" / damage).write_bytes(b"\0garbage\xff\n")
    local = LocalGit(repo)
    assert await local.status_line() == "unknown"
    result = await local.run(["status"])
    assert result.status != 0
    assert result.error


async def test_a_git_that_hangs_is_unknown_within_200_ms(repo: Path, tmp_path: Path):
    slow = tmp_path / "slow-git"
    slow.write_text("#!/bin/sh\nsleep 60\n")
    slow.chmod(0o755)
    local = LocalGit(repo, program=str(slow))
    began = time.monotonic()
    assert await local.status_line() == "main, unknown"
    assert time.monotonic() - began < 0.4
    result = await local.run(["status"], seconds=0.2)
    assert "0.2 s" in result.error


async def test_without_git_the_error_says_so(repo: Path):
    local = LocalGit(repo, program="no-such-git")
    with pytest.raises(ToolError, match="not installed"):
        await local.run(["status"])
    assert await local.status_line() == "main, unknown"


async def test_variables_of_a_hook_lead_nowhere_else(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert (await LocalGit(repo).run(["log", "--format=%s"])).output == "first\n"


async def test_a_branch_with_an_escape_in_its_name_is_shown_harmless(repo: Path):
    (repo / ".git" / "HEAD").write_text("ref: refs/heads/x\x1b[2J\n")
    assert read_head(repo) == "x\\x1b[2J"
    assert "\x1b" not in await LocalGit(repo).status_line()
