"""/diff, /commit, /review, /undo-commit and /map on real repositories."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from command_desk import Desk

NewDesk = Callable[[str], Desk]


async def test_diff_shows_work_and_new_files(desk: Desk) -> None:
    desk.file("a.txt", "one\nchanged\n")
    desk.file("sub/b.txt", "staged\n")
    desk.git("add", "sub")
    desk.file("new.txt", "x")
    text = (await desk.run("diff")).text
    assert "+changed" in text
    assert "+staged" in text
    assert "`new.txt`" in text


async def test_diff_says_when_nothing_has_changed(desk: Desk) -> None:
    assert "Nothing has changed since" in (await desk.run("diff")).text


async def test_diff_takes_ranges_and_files_but_no_programs(desk: Desk) -> None:
    assert "+more" in (await desk.run("diff", "HEAD~1 HEAD -- a.txt")).text
    refused = await desk.run("diff", "--ext-diff")
    assert refused.is_error
    assert "does not take" in refused.text
    assert (await desk.run("diff", "no-such-range")).is_error
    assert (await desk.run("diff", "'open")).is_error


async def test_a_diff_that_holds_a_fence_cannot_leave_its_own(desk: Desk) -> None:
    desk.file("a.txt", "```\n# not a heading\n")
    assert (await desk.run("diff")).text.startswith("````diff")


async def test_commit_shows_the_message_before_it_is_made(desk: Desk) -> None:
    desk.file("a.txt", "one\nchanged\n")
    desk.messages, desk.answers = ["docs: change a"], ["Commit"]
    result = await desk.run("commit")
    assert not result.is_error
    assert "docs: change a" in desk.questions[0].text
    assert desk.git("log", "-1", "--format=%s") == "docs: change a"
    assert desk.git("status", "--porcelain") == ""
    assert "docs: go on" in desk.prompts[0]
    assert "+changed" in desk.prompts[0]


@pytest.mark.parametrize("answer", ["Cancel", "no", "don't", None])
async def test_without_a_yes_nothing_is_committed_or_staged(desk: Desk, answer: str | None) -> None:
    desk.file("a.txt", "changed\n")
    desk.messages, desk.answers = ["docs: change"], [answer]
    result = await desk.run("commit")
    assert "Nothing was committed" in result.text
    assert desk.git("log", "-1", "--format=%s") == "docs: go on"
    assert desk.git("diff", "--cached", "--name-only") == ""


async def test_a_wish_is_given_to_the_model_and_the_new_message_is_shown(desk: Desk) -> None:
    desk.file("a.txt", "changed\n")
    desk.messages, desk.answers = ["docs: change", "docs: shorten a"], ["say what happens to a", "Commit"]
    await desk.run("commit")
    assert "say what happens to a" in desk.prompts[1]
    assert "docs: shorten a" in desk.questions[1].text
    assert desk.git("log", "-1", "--format=%s") == "docs: shorten a"


async def test_what_is_staged_is_committed_alone(desk: Desk) -> None:
    desk.file("a.txt", "staged\n")
    desk.git("add", "a.txt")
    desk.file("sub/b.txt", "not staged\n")
    desk.messages, desk.answers = ["docs: a alone"], ["Commit"]
    await desk.run("commit")
    assert desk.git("show", "--name-only", "--format=") == "a.txt"
    assert "not staged" not in desk.prompts[0]


async def test_new_files_go_along_or_stay_out_and_secrets_never_go(desk: Desk) -> None:
    desk.file("a.txt", "changed\n")
    desk.file("new.txt", "new\n")
    desk.file(".env", "KEY=1\n")
    desk.messages, desk.answers = ["docs: one", "docs: two"], ["Commit without the new files", "Commit"]
    first = await desk.run("commit")
    assert desk.git("show", "--name-only", "--format=") == "a.txt"
    assert "`new.txt`" in first.text
    second = await desk.run("commit")
    assert desk.git("show", "--name-only", "--format=") == "new.txt"
    assert "`.env`" in second.text
    assert desk.git("status", "--porcelain") == "?? .env"


async def test_a_message_of_ones_own_needs_no_model(desk: Desk) -> None:
    desk.file("a.txt", "changed\n")
    assert "Committed" in (await desk.run("commit", "-m is not an option here")).text
    assert desk.git("log", "-1", "--format=%s") == "-m is not an option here"
    assert desk.prompts == []


async def test_what_models_put_around_a_message_is_taken_off(desk: Desk) -> None:
    desk.file("a.txt", "changed\n")
    desk.messages, desk.answers = ["```\ndocs: fenced\n\nBody.\n```"], ["Commit"]
    await desk.run("commit")
    assert desk.git("log", "-1", "--format=%B") == "docs: fenced\n\nBody."


async def test_from_a_sub_folder_everything_is_committed(desk: Desk, new_desk: NewDesk) -> None:
    below = new_desk("sub")
    desk.file("a.txt", "changed\n")
    desk.file("sub/new [1].txt", "new\n")
    below.messages, below.answers = ["docs: all"], ["Commit"]
    await below.run("commit")
    assert desk.git("show", "--name-only", "--format=").splitlines() == ["a.txt", "sub/new [1].txt"]


async def test_hooks_do_not_run_and_that_is_said(desk: Desk) -> None:
    hook = desk.root / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {desk.root}/ran\n")
    hook.chmod(0o755)
    desk.file("a.txt", "changed\n")
    assert "pre-commit did not run" in (await desk.run("commit", "docs: x")).text
    assert not (desk.root / "ran").exists()


async def test_nothing_to_commit_conflicts_and_no_repository_are_refused(desk: Desk, tmp_path: Path) -> None:
    assert "nothing to commit" in (await desk.run("commit")).text
    desk.git("checkout", "-qb", "other", "HEAD~1")
    desk.file("a.txt", "one\nelse\n")
    desk.git("commit", "-qam", "docs: else")
    with pytest.raises(Exception, match="merge"):
        desk.git("merge", "main")
    refused = await desk.run("commit")
    assert refused.is_error
    assert "conflicts in `a.txt`" in refused.text
    assert "merge is under way" in (await desk.run("undo_commit")).text


@pytest.mark.parametrize("command", ["diff", "commit", "review", "undo_commit"])
async def test_outside_a_repository_it_is_said(new_desk: NewDesk, command: str) -> None:
    result = await new_desk("").run(command)
    assert result.is_error
    assert result.text == "This folder is not a git repository."


@pytest.mark.parametrize("command", ["diff", "commit", "review", "undo_commit"])
async def test_a_damaged_repository_is_said_to_be_one(desk: Desk, command: str) -> None:
    (desk.root / ".git/HEAD").write_text("nonsense")
    result = await desk.run(command)
    assert result.is_error
    assert "damaged" in result.text


async def test_a_lock_is_explained_and_nothing_is_lost(desk: Desk) -> None:
    desk.file("a.txt", "changed\n")
    (desk.root / ".git/index.lock").write_text("")
    result = await desk.run("commit", "docs: x")
    assert result.is_error
    assert "lock" in result.text
    assert (desk.root / "a.txt").read_text() == "changed\n"


async def test_the_first_commit_can_be_made_and_taken_back(new_desk: NewDesk) -> None:
    desk = new_desk("")
    desk.git("init", "-q")
    desk.git("config", "user.email", "somebody@example.org")
    desk.git("config", "user.name", "Somebody")
    desk.file("a.txt", "x")
    assert "no commit yet" in (await desk.run("undo_commit")).text
    desk.messages, desk.answers = ["Begin"], ["Commit"]
    assert "Committed" in (await desk.run("commit")).text
    assert "Taken back" in (await desk.run("undo_commit")).text
    assert desk.git("status", "--porcelain") == "A  a.txt"


async def test_undo_keeps_the_changes_and_names_the_way_back(desk: Desk) -> None:
    commit = desk.git("rev-parse", "HEAD")
    text = (await desk.run("undo_commit")).text
    assert desk.git("log", "-1", "--format=%s") == "docs: begin"
    assert desk.git("diff", "--cached", "--name-only") == "a.txt"
    assert commit[:10] in text
    desk.git("reset", "--soft", commit[:10])
    assert desk.git("rev-parse", "HEAD") == commit


async def test_what_was_pushed_or_merged_is_not_taken_back(desk: Desk, tmp_path: Path) -> None:
    desk.git("init", "-q", "--bare", str(tmp_path / "far"))
    desk.git("push", "-q", str(tmp_path / "far"), "main")
    desk.git("fetch", "-q", str(tmp_path / "far"), "main:refs/remotes/origin/main")
    assert "has been pushed (origin/main)" in (await desk.run("undo_commit")).text
    desk.git("checkout", "-qb", "other", "HEAD~1")
    desk.file("c.txt", "c")
    desk.git("add", ".")
    desk.git("commit", "-qm", "docs: c")
    desk.git("merge", "-q", "main", "-m", "merge")
    assert "is a merge" in (await desk.run("undo_commit")).text


async def test_a_detached_head_can_commit_and_undo(desk: Desk) -> None:
    desk.git("checkout", "-q", "--detach")
    desk.file("a.txt", "changed\n")
    assert "Committed" in (await desk.run("commit", "docs: loose")).text
    assert "Taken back" in (await desk.run("undo_commit")).text


async def test_a_review_is_asked_of_the_model(desk: Desk) -> None:
    last = await desk.run("review")
    assert "the last commit" in last.prompt
    assert "+more" in last.prompt
    desk.file("a.txt", "now\n")
    desk.file("new.txt", "x")
    work = await desk.run("review")
    assert "+now" in work.prompt
    assert "`new.txt`" in work.prompt
    assert "docs: begin" in (await desk.run("review", "HEAD~1")).prompt
    assert "+more" in (await desk.run("review", "HEAD~1..main")).prompt
    assert (await desk.run("review", "--output=x")).is_error
    assert (await desk.run("review", "HEAD..HEAD")).is_error


async def test_a_program_that_the_repository_names_does_not_run(desk: Desk) -> None:
    trap = desk.root / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {desk.root}/ran\ncat\n")
    trap.chmod(0o755)
    for key in (
        "core.fsmonitor",
        "diff.external",
        "filter.f.clean",
        "gpg.program",
        "diff.t.command",
        "diff.t.textconv",
    ):
        desk.git("config", key, str(trap))
    desk.git("config", "commit.gpgSign", "true")
    desk.file(".gitattributes", "*.txt filter=f diff=t\n")
    desk.file("a.txt", "changed\n")
    desk.messages, desk.answers = ["docs: change"], ["Commit"]
    for name in ("diff", "review", "commit", "undo_commit"):
        await desk.run(name)
    assert not (desk.root / "ran").exists()


async def test_a_map_is_drawn_for_the_person(desk: Desk) -> None:
    assert (await desk.run("map")).is_error
    desk.file("app/a.py", "from app.b import helper\n\ndef go():\n    return helper()\n")
    desk.file("app/b.py", "def helper():\n    return 1\n")
    text = (await desk.run("map")).text
    assert "def helper()  [1-2]" in text
    assert "Nothing here is called nonsense" in (await desk.run("map", "nonsense")).text


async def test_commands_work_in_a_linked_worktree_and_not_in_a_bare_repository(
    desk: Desk, new_desk: NewDesk, tmp_path: Path
) -> None:
    desk.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "work/side"))
    side = new_desk("side")
    side.file("a.txt", "changed\n")
    assert "Committed" in (await side.run("commit", "docs: beside")).text
    assert "Taken back" in (await side.run("undo_commit")).text
    desk.git("clone", "-q", "--bare", ".", str(tmp_path / "work/bare"))
    for name in ("diff", "commit", "review", "undo_commit"):
        assert (await new_desk("bare").run(name)).is_error


async def test_a_submodule_is_committed_as_the_commit_it_stands_at(desk: Desk, tmp_path: Path) -> None:
    desk.git("clone", "-q", ".", str(tmp_path / "other"))
    desk.git(
        "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(tmp_path / "other"), "inner"
    )
    desk.git("commit", "-qm", "docs: add inner")
    desk.git("-C", "inner", "checkout", "-q", "HEAD~1")
    desk.messages, desk.answers = ["docs: move inner"], ["Commit"]
    assert "Subproject commit" in (await desk.run("diff")).text
    assert "Committed" in (await desk.run("commit")).text
    assert desk.git("show", "--name-only", "--format=") == "inner"


async def test_a_commit_that_git_refuses_says_why(desk: Desk) -> None:
    (desk.root / ".git/refs/heads/main.lock").write_text("")
    desk.file("a.txt", "changed\n")
    result = await desk.run("commit", "docs: x")
    assert result.is_error
    assert "git commit failed" in result.text
    assert (desk.root / "a.txt").read_text() == "changed\n"


async def test_repositories_inside_and_names_that_are_no_text_stay_out(desk: Desk) -> None:
    desk.git("clone", "-q", ".", "inner")
    (desk.root / os.fsdecode(b"odd\xff.txt")).write_text("x")
    desk.file("new.txt", "x")
    desk.messages, desk.answers = ["docs: new"], ["Commit"]
    text = (await desk.run("commit")).text
    assert "`inner/` (a repository of its own)" in text
    assert "no UTF-8" in text
    assert desk.git("show", "--name-only", "--format=") == "new.txt"
