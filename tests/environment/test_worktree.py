"""Worktrees: a second folder of the same repository."""

import subprocess
from pathlib import Path

import pytest

from kcode.environment.search import LocalSearch
from kcode.environment.worktree import leave_worktree, open_worktree
from kcode.types.errors import ConfigError


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path.resolve() / "work"
    (root / "sub").mkdir(parents=True)
    git(root, "init", "-q", "-b", "main")
    git(root, "config", "user.email", "somebody@example.org")
    git(root, "config", "user.name", "Somebody")
    (root / "sub/a.txt").write_text("x")
    git(root, "add", ".")
    git(root, "commit", "-qm", "one")
    return root


async def test_one_works_in_the_same_sub_folder_on_a_branch_of_its_own(repository: Path) -> None:
    tree = await open_worktree(repository / "sub", "try")
    assert tree.cwd == repository / ".kcode/worktrees/try/sub"
    assert (tree.cwd / "a.txt").read_text() == "x"
    assert git(tree.cwd, "branch", "--show-current") == "kcode/try"


async def test_neither_git_nor_a_search_sees_it_from_outside(repository: Path) -> None:
    await open_worktree(repository, "try")
    assert git(repository, "status", "--porcelain") == ""
    found = await LocalSearch(repository).glob("**/*.txt", repository)
    assert list(found.lines) == ["sub/a.txt"]


async def test_one_in_which_nothing_was_done_goes_away(repository: Path) -> None:
    tree = await open_worktree(repository)
    assert await leave_worktree(tree) == ""
    assert not tree.path.exists()
    assert git(repository, "branch", "--format=%(refname:short)") == "main"


@pytest.mark.parametrize("kind", ["new", "changed", "ignored", "committed"])
async def test_one_that_holds_anything_stays_and_can_be_gone_back_to(repository: Path, kind: str) -> None:
    tree = await open_worktree(repository, "try")
    if kind == "ignored":
        (tree.path / ".gitignore").write_text("*.log\n")
        git(tree.path, "add", ".")
        git(tree.path, "commit", "-qm", "two")
        (tree.path / "x.log").write_text("x")
    else:
        (tree.path / ("new.txt" if kind == "new" else "sub/a.txt")).write_text("y")
    if kind == "committed":
        git(tree.path, "commit", "-qam", "two")
    words = await leave_worktree(tree)
    assert str(tree.path) in words
    again = await open_worktree(repository, "try")
    assert (again.path, again.start) == (tree.path, "")
    assert await leave_worktree(again) != ""
    assert tree.path.exists()


async def test_from_inside_one_the_next_stands_beside_it(repository: Path) -> None:
    first = await open_worktree(repository, "one")
    second = await open_worktree(first.path, "two")
    assert second.path.parent == first.path.parent


async def test_a_branch_whose_worktree_is_gone_is_taken_up_again(repository: Path) -> None:
    tree = await open_worktree(repository, "try")
    (tree.path / "sub/a.txt").write_text("y")
    git(tree.path, "commit", "-qam", "two")
    git(repository, "worktree", "remove", str(tree.path))
    again = await open_worktree(repository, "try")
    assert (again.path / "sub/a.txt").read_text() == "y"
    assert await leave_worktree(again) != ""


@pytest.mark.parametrize("name", ["fix it", "../up", "a..b", "x.lock", "-x", "a/b", "é"])
async def test_names_that_cannot_be_are_refused(repository: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot name a worktree"):
        await open_worktree(repository, name)


async def test_without_a_repository_or_a_commit_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not a git repository"):
        await open_worktree(tmp_path, "x")
    git(tmp_path, "init", "-q")
    with pytest.raises(ConfigError, match="no commit yet"):
        await open_worktree(tmp_path, "x")


async def test_no_program_of_the_repository_runs(repository: Path) -> None:
    hook = repository / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {repository.parent}/ran\n")
    hook.chmod(0o755)
    await open_worktree(repository, "try")
    assert not (repository.parent / "ran").exists()
