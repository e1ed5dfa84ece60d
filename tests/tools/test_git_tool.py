"""The Git tool looks without asking, asks for changes, and refuses what would start programs."""

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kcode.tools._git_arguments import check, is_safe, tidy
from kcode.types.errors import ToolError
from kcode.types.tool import NamedNeed, PathNeed

if TYPE_CHECKING:
    from conftest import Bench
else:
    Bench = object


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=T", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, check=True)


@pytest.fixture
def repo(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "T")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "t@example.com")
    bench.file("a.txt", "one\n")
    git(bench.root, "init")
    git(bench.root, "add", ".")
    git(bench.root, "commit", "-m", "first")
    return bench


async def test_looking_shows_what_git_prints(repo: Bench):
    repo.file("a.txt", "two\n")
    assert "modified:   a.txt" in await repo.text("git", command="status")
    assert "-one\n+two" in await repo.text("git", command="diff", args=["a.txt"])
    assert "first" in await repo.text("git", command="log", args=["--oneline -5"])
    assert "one" in await repo.text("git", command="show", args=["HEAD:a.txt"])
    assert "(T" in await repo.text("git", command="blame", args=["HEAD", "--", "a.txt"])


async def test_nothing_to_show_is_said(repo: Bench):
    assert await repo.text("git", command="diff") == "No differences."


async def test_changes_are_made_and_asked_for(repo: Bench):
    repo.file("a.txt", "two\n")
    await repo.call("git", command="add", args=["a.txt"])
    invocation = await repo.prepare("git", {"command": "commit", "args": ["-m", "second: ../etc and /this"]})
    assert invocation.rule == "Git(commit)"
    assert invocation.needs[0] == NamedNeed("Git", "commit", safe=False)
    assert invocation.side_effects
    assert "second" in (await repo.finish(invocation)).parts[0].model_dump()["text"]
    repo.file("a.txt", "three\n")
    await repo.call("git", command="restore", args=["a.txt"])
    assert (repo.root / "a.txt").read_text() == "two\n"


async def test_files_that_are_named_fall_under_the_rules_for_files(repo: Bench):
    shown = await repo.prepare("git", {"command": "show", "args": ["HEAD:.env"]})
    assert PathNeed("read", repo.root / ".env") in shown.needs
    put_back = await repo.prepare("git", {"command": "restore", "args": ["--source", "HEAD", "a.txt"]})
    assert PathNeed("edit", repo.root / "a.txt") in put_back.needs
    assert len(put_back.needs) == 2


@pytest.mark.parametrize(
    ("command", "args", "safe"),
    [
        ("status", ["-s"], True),
        ("diff", ["--cached"], True),
        ("log", ["-p", "-S", "word"], True),
        ("show", [], True),
        ("blame", ["a.txt"], True),
        ("branch", [], True),
        ("branch", ["-a"], True),
        ("branch", ["-vv"], True),
        ("branch", ["--show-current"], True),
        ("branch", ["--list", "f*"], True),
        ("branch", ["--merged", "main"], True),
        ("branch", ["new"], False),
        ("branch", ["-v", "new"], False),
        ("branch", ["--sort=refname", "new"], False),
        ("branch", ["-D", "old"], False),
        ("branch", ["-m", "a", "b"], False),
        ("branch", ["-f", "main", "HEAD~3"], False),
        ("branch", ["--unset-upstream"], False),
        ("add", ["."], False),
        ("commit", ["-m", "x"], False),
        ("restore", ["."], False),
    ],
)
def test_only_what_changes_nothing_is_safe(command: str, args: list[str], safe: bool):
    assert is_safe(command, args) is safe


@pytest.mark.parametrize(
    ("command", "args"),
    [
        ("diff", ["--output=x"]),
        ("diff", ["--outp", "x"]),
        ("log", ["--output=x"]),
        ("show", ["--ext-diff"]),
        ("log", ["--textconv"]),
        ("log", ["--show-signature"]),
        ("diff", ["--no-index", "/etc/passwd", "/dev/null"]),
        ("diff", ["-O/etc/passwd"]),
        ("blame", ["--contents", "/etc/passwd", "a.txt"]),
        ("blame", ["-S/etc/passwd", "a.txt"]),
        ("add", ["--pathspec-from-file=/etc/passwd"]),
        ("add", ["-p"]),
        ("add", ["-e"]),
        ("add", ["../outside.txt"]),
        ("add", ["src/../../outside.txt"]),
        ("add", ["/etc/passwd"]),
        ("add", [":/"]),
        ("add", ["--", "../outside.txt"]),
        ("restore", ["-p"]),
        ("restore", [":(top)a.txt"]),
        ("commit", []),
        ("commit", ["-a"]),
        ("commit", ["--amend"]),
        ("commit", ["-F", "/etc/passwd"]),
        ("commit", ["-aF/etc/passwd"]),
        ("commit", ["-m", "x", "-e"]),
        ("commit", ["-c", "HEAD"]),
        ("commit", ["-m", "x", "-S"]),
        ("commit", ["-m", "x", "--gpg-sign"]),
        ("commit", ["-m", "x", "../outside.txt"]),
        ("branch", ["--edit-description"]),
        ("status", ["--git-dir=/x"]),
        ("status", ["--work-tree=/x"]),
        ("status", ["a\0b"]),
        ("log", ["--upload-pack=x"]),
        ("log", ["ext::sh -c x"]),
    ],
)
def test_what_starts_programs_waits_or_leads_elsewhere_is_refused(command: str, args: list[str]):
    with pytest.raises(ToolError):
        check(command, args)


@pytest.mark.parametrize(
    ("command", "args"),
    [
        ("log", ["-p", "--stat", "HEAD..main", "--", "../x"]),
        ("log", ["-c"]),
        ("log", ["-Sword", "-Gword", "-n5", "--format=%H %s"]),
        ("diff", ["main...HEAD", "--", "src/"]),
        ("diff", ["--no-ext-diff", "--exit-code", "-U10", "-w"]),
        ("blame", ["-L1,10", "-w", "-C", "a.txt"]),
        ("commit", ["-am", "fix: ../path and -F"]),
        ("commit", ["-m", "--output", "--author", "A <a@b.c>"]),
        ("commit", ["--amend", "--no-edit"]),
        ("commit", ["-m", "subject\n\nbody with ext::"]),
        ("commit", ["--message=x", "--", "a.txt"]),
        ("add", ["-A"]),
        ("add", ["-u", "src"]),
        ("restore", ["--staged", "a..b.txt"]),
    ],
)
def test_ordinary_arguments_are_taken(command: str, args: list[str]):
    check(command, args)


def test_a_repeated_command_and_joined_options_are_mended():
    assert tidy("log", ["git", "log", "--oneline -5", "a b"]) == ["--oneline", "-5", "a b"]
    assert tidy("commit", ["commit", "-m a b"]) == ["-m a b"]
    assert tidy("log", ["-S 'it"]) == ["-S 'it"]


async def test_a_mended_call_is_recorded(repo: Bench):
    output = await repo.call("git", command="status", args=["git", "status", "-s"])
    assert [(r.place, r.kind) for r in output.repairs] == [("meaning", "git_arguments")]


async def test_a_failure_says_what_git_said(repo: Bench):
    assert "unknown revision" in await repo.refusal("git", command="log", args=["nowhere"])
    assert "nothing to commit" in await repo.refusal("git", command="commit", args=["-m", "x"])


async def test_outside_a_repository_git_says_so(bench: Bench):
    if any((folder / ".git").exists() for folder in bench.root.parents):
        pytest.skip("the temporary folder lies in a repository")
    assert "not a git repository" in await bench.refusal("git", command="status")


async def test_hooks_do_not_run_and_a_commit_says_so(repo: Bench):
    hook = repo.file(".git/hooks/pre-commit", "#!/bin/sh\ntouch hooked\nexit 1\n")
    hook.chmod(0o755)
    repo.file("a.txt", "two\n")
    text = await repo.text("git", command="commit", args=["-am", "second"])
    assert "pre-commit was not run" in text
    assert not (repo.root / "hooked").exists()


async def test_long_output_is_cut_with_a_hint(repo: Bench):
    repo.file("a.txt", "line\n" * 20_000)
    text = await repo.text("git", command="diff")
    assert len(text) < 31_000
    assert "more characters" in text
