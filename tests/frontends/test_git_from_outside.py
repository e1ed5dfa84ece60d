"""Git as the installed program offers it: worktrees with -w, and slash commands with -p."""

import subprocess

import pytest
from installed import Place

from kcode.providers.scripted import call, says


@pytest.fixture
def repository(place: Place) -> Place:
    git(place, "init", "-q", "-b", "main")
    git(place, "config", "user.email", "somebody@example.org")
    git(place, "config", "user.name", "Somebody")
    (place.folder / "a.txt").write_text("one\n")
    git(place, "add", ".")
    git(place, "commit", "-qm", "docs: begin")
    return place


def git(place: Place, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=place.folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


async def test_work_in_a_worktree_stays_there_and_is_told(repository: Place) -> None:
    steps = [says("", call("Write", file_path="new.txt", content="x\n")), says("done")]
    done, _ = await repository.ask(
        steps, "-p", "-w", "try", "--permission-mode", "acceptEdits", "--", "write it"
    )
    assert done.out == "done\n"
    assert (repository.folder / ".kcode/worktrees/try/new.txt").read_text() == "x\n"
    assert not (repository.folder / "new.txt").exists()
    assert "The worktree stays" in done.err
    assert git(repository, "status", "--porcelain") == ""


async def test_a_worktree_in_which_nothing_was_done_is_gone_afterwards(repository: Place) -> None:
    done, _ = await repository.ask([says("hello")], "-p", "hi", "-w")
    assert (done.out, done.err) == ("hello\n", "")
    assert git(repository, "worktree", "list").count("\n") == 0


async def test_a_prompt_in_the_place_of_the_name_is_pointed_out(repository: Place) -> None:
    done = await repository.run("-w", "fix the tests")
    assert done.status == 2
    assert "A prompt goes before the flag" in done.err


async def test_a_commit_that_nobody_can_confirm_is_not_made(repository: Place) -> None:
    (repository.folder / "a.txt").write_text("two\n")
    done, server = await repository.ask([says("docs: change a")], "-p", "/commit")
    assert "docs: change a" in done.out
    assert "Nothing was committed" in done.out
    assert git(repository, "log", "--format=%s") == "docs: begin"
    assert len(server.requests) == 1


async def test_a_commit_with_a_message_is_made_and_taken_back(repository: Place) -> None:
    (repository.folder / "a.txt").write_text("two\n")
    done, _ = await repository.ask([], "-p", "/commit docs: change a")
    assert "Committed" in done.out
    assert git(repository, "log", "-1", "--format=%s") == "docs: change a"
    done, _ = await repository.ask([], "-p", "/undo-commit")
    assert "Taken back" in done.out
    assert git(repository, "log", "-1", "--format=%s") == "docs: begin"


async def test_a_review_goes_to_the_model_with_the_changes(repository: Place) -> None:
    (repository.folder / "a.txt").write_text("two\n")
    done, server = await repository.ask([says("Nothing is wrong.")], "-p", "/review")
    assert done.out == "Nothing is wrong.\n"
    assert "+two" in str(server.requests[0])
