import os
import subprocess
from pathlib import Path

import pytest
from app_bench import Person, edits, runs, talk, writes

from kcode.providers.scripted import call, says
from kcode.types.events import Checkpointed
from kcode.types.state import State


async def test_files_and_conversation_go_back_to_before_a_prompt(root: Path) -> None:
    (root / "a.txt").write_text("one\n")
    talking = await talk(root, [edits("a.txt", "one", "two"), writes(b_txt="new\n"), runs("echo x > c.txt")])
    before = talking.files()
    for prompt in ("first", "second", "third"):
        await talking.says(prompt)
    assert set(talking.files()) == {"a.txt", "b.txt", "c.txt"}

    result = await talking.command("/rewind 1 both")

    assert talking.files() == before
    assert talking.prompts == []
    assert result.draft == "first"
    assert "3 files put back" in result.text
    await talking.conversation.close()


async def test_only_the_files_or_only_the_conversation_go_back(root: Path) -> None:
    talking = await talk(root, [writes(a_txt="1\n"), writes(b_txt="2\n")])
    await talking.says("first")
    await talking.says("second")

    await talking.command("/rewind 2 conversation")
    assert (talking.prompts, set(talking.files())) == (["first"], {"a.txt", "b.txt"})
    await talking.command("/rewind 1 files")
    assert (talking.prompts, set(talking.files())) == (["first"], set())
    await talking.conversation.close()


async def test_what_the_shell_changed_comes_back_with_modes_links_and_deleted_folders(root: Path) -> None:
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    (root / "link").symlink_to("run.sh")
    (root / "deep" / "er").mkdir(parents=True)
    (root / "deep" / "er" / "data.bin").write_bytes(bytes(range(256)))
    (root / "crlf.txt").write_bytes(b"a\r\nb\r\n")
    (root / "file").write_text("was a file\n")
    (root / b"\xff odd\nname.txt".decode(errors="surrogateescape")).write_text("odd\n")
    script = (
        "chmod 644 run.sh && rm link && ln -s deep link && rm -r deep && sed -i 's/b/c/' crlf.txt && "
        "rm file && mkdir file && echo x > file/inner && rm *odd* && mkdir -p new/folder && echo y > new/folder/f"
    )
    talking = await talk(root, [runs(script)])
    before = talking.files()
    await talking.says("wreck it")
    assert talking.files() != before

    await talking.command("/rewind 1 files")

    assert talking.files() == before
    assert os.access(root / "run.sh", os.X_OK)
    assert (root / "link").readlink() == Path("run.sh")
    assert not (root / "new").exists()
    await talking.conversation.close()


async def test_a_file_that_somebody_else_changed_stays_and_is_named(root: Path) -> None:
    (root / "mine.txt").write_text("start\n")
    (root / "other.txt").write_text("start\n")
    talking = await talk(root, [runs("echo agent | tee mine.txt other.txt")])
    await talking.says("write")
    await talking.conversation.rewind_points()
    (root / "mine.txt").write_text("my own words\n")

    result = await talking.command("/rewind 1 files")

    assert (root / "mine.txt").read_text() == "my own words\n"
    assert (root / "other.txt").read_text() == "start\n"
    assert "mine.txt`: somebody else changed it" in result.text
    await talking.conversation.close()


async def test_a_change_by_a_person_between_two_of_the_agent_is_not_lost(root: Path) -> None:
    (root / "a.txt").write_text("start\n")
    talking = await talk(root, [runs("echo one >> a.txt"), runs("echo three >> a.txt")])
    await talking.says("first")
    await talking.conversation.rewind_points()
    with (root / "a.txt").open("a") as file:
        file.write("two\n")
    await talking.says("second")

    await talking.command("/rewind 1 files")
    assert (root / "a.txt").read_text() == "start\none\ntwo\nthree\n"
    await talking.command("/rewind 2 files")
    assert (root / "a.txt").read_text() == "start\none\ntwo\n"
    await talking.conversation.close()


async def test_going_back_can_be_taken_back_until_the_next_prompt(root: Path) -> None:
    talking = await talk(root, [writes(a_txt="1\n"), runs("echo 2 > b.txt; rm a.txt"), writes(c_txt="3\n")])
    await talking.says("first")
    await talking.says("second")
    after = talking.files()
    said = list(talking.conversation.state.transcript)
    await talking.command("/rewind 1 both")
    assert talking.files() == {}

    result = await talking.command("/rewind redo")

    assert talking.files() == after
    assert list(talking.conversation.state.transcript) == said
    assert "whole again" in result.text
    assert "nothing to redo" in (await talking.command("/rewind redo")).text
    await talking.command("/rewind 2 both")
    await talking.says("other")
    assert "nothing to redo" in (await talking.command("/rewind redo")).text
    await talking.conversation.close()


async def test_rewinding_twice_and_going_on_keeps_every_step_reachable(root: Path) -> None:
    (root / "a.txt").write_text("0\n")
    talking = await talk(root, [runs(f"echo {n} > a.txt") for n in range(1, 5)])
    await talking.says("one")
    await talking.says("two")
    await talking.command("/rewind 2 both")
    assert (root / "a.txt").read_text() == "1\n"
    await talking.says("three")
    assert (root / "a.txt").read_text() == "3\n"

    await talking.command("/rewind 1 both")

    assert (root / "a.txt").read_text() == "0\n"
    await talking.conversation.close()


async def test_a_resumed_session_goes_back_as_far_as_the_first_one(root: Path) -> None:
    (root / "a.txt").write_text("start\n")
    first = await talk(root, [edits("a.txt", "start", "edited"), runs("echo more >> a.txt; echo n > n.txt")])
    await first.says("edit")
    await first.says("append")
    session = first.conversation.session_id
    await first.conversation.close()
    again = await talk(root, [runs("rm a.txt")], resume=session)
    await again.says("remove")

    await again.command("/rewind 1 both")

    assert again.files() == {"a.txt": b"start\n"}
    assert again.prompts == []
    await again.conversation.close()


async def test_it_works_across_a_compaction(root: Path) -> None:
    (root / "a.txt").write_text("start\n")
    talking = await talk(root, [runs(f"echo {n} > a.txt") for n in range(5)])
    for prompt in ("p0", "p1", "p2"):
        await talking.says(f"{prompt} {'many words ' * 5000}")
    await talking.command("/compact fast")
    state: State = talking.conversation.state
    assert state.compacted is not None
    await talking.says("p3")

    await talking.command("/rewind 2 both")

    assert (root / "a.txt").read_text() == "0\n"
    assert [prompt.split()[0] for prompt in talking.prompts] == ["p0"]
    await talking.says("another")
    assert (root / "a.txt").read_text() == "4\n"
    await talking.conversation.close()


async def test_in_a_repository_ignored_files_are_left_out_and_git_itself_is_untouched(root: Path) -> None:
    def git(*arguments: str) -> str:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
        return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout

    git("init", "-q")
    (root / ".gitignore").write_text("ignored/\n")
    (root / "kept.txt").write_text("kept\n")
    (root / "ignored").mkdir()
    (root / "ignored" / "big").write_text("x")
    git("add", "-A")
    git("commit", "-qm", "start")
    (root / "untracked.txt").write_text("not yet in git\n")
    (root / "kept.txt").write_text("dirty\n")
    state = git("rev-parse", "HEAD"), git("status", "--porcelain"), git("stash", "list")
    talking = await talk(root, [runs("git reset -q --hard && git clean -fdq && rm -r ignored")])
    await talking.says("clean up")
    assert not (root / "untracked.txt").exists()

    await talking.command("/rewind 1 files")

    assert (root / "untracked.txt").read_text() == "not yet in git\n"
    assert (root / "kept.txt").read_text() == "dirty\n"
    assert not (root / "ignored").exists()
    assert state == (git("rev-parse", "HEAD"), git("status", "--porcelain"), git("stash", "list"))
    await talking.conversation.close()


async def test_a_file_tool_is_undone_also_in_ignored_places_and_outside_the_folder(root: Path) -> None:
    (root / ".gitignore").write_text("secret.txt\n")
    (root / "secret.txt").write_text("ignored\n")
    outside = root.parent / "outside.txt"
    outside.write_text("outside\n")
    talking = await talk(
        root, [edits("secret.txt", "ignored", "changed"), edits(str(outside), "outside", "changed")]
    )
    await talking.says("first")
    await talking.says("second")
    assert outside.read_text() == "changed\n"

    await talking.command("/rewind 1 files")

    assert (root / "secret.txt").read_text() == "ignored\n"
    assert outside.read_text() == "outside\n"
    await talking.conversation.close()


async def test_nothing_is_written_through_a_link_that_was_put_in_the_way(root: Path) -> None:
    (root / "d").mkdir()
    (root / "d" / "a.txt").write_text("start\n")
    talking = await talk(root, [runs("echo agent > d/a.txt")])
    await talking.says("change")
    await talking.conversation.rewind_points()
    elsewhere = root.parent / "elsewhere"
    (root / "d").rename(elsewhere)
    (root / "d").symlink_to(elsewhere)

    result = await talking.command("/rewind 1 files")

    assert (elsewhere / "a.txt").read_text() == "agent\n"
    assert "a folder on the way is a link now" in result.text
    await talking.conversation.close()


async def test_the_list_names_prompts_with_lines_for_each_file_and_asks_what_to_restore(root: Path) -> None:
    (root / "a.txt").write_text("one\ntwo\n")
    person = Person()
    talking = await talk(
        root, [edits("a.txt", "one", "1"), runs("printf 'x\\ny\\n' > made.txt; rm a.txt")], person=person
    )
    await talking.says("change a")
    await talking.says("let the shell do it")
    person.answers = ["#2 let the shell", "Files only"]

    await talking.command("/rewind")

    options = {option.label: option.description for option in person.asked[0].options}
    assert options["#1 change a"] == "a.txt +1 -1"
    assert "made.txt +2 -0" in options["#2 let the shell do it"]
    assert "a.txt +0 -2" in options["#2 let the shell do it"]
    assert "made.txt" in person.asked[1].text
    assert (root / "a.txt").read_text() == "1\ntwo\n"
    assert not (root / "made.txt").exists()
    await talking.conversation.close()


async def test_without_an_answer_the_prompts_are_listed_and_nothing_changes(root: Path) -> None:
    talking = await talk(root, [writes(a_txt="1\n")])
    assert "nothing to go back to" in (await talking.command("/rewind")).text
    await talking.says("first")

    text = (await talking.command("/rewind")).text

    assert "1. " in text
    assert "a.txt +1 -0" in text
    assert talking.prompts == ["first"]
    assert (await talking.command("/rewind 7")).is_error
    assert (await talking.command("/rewind x")).is_error
    assert (await talking.command("/rewind 1 sideways")).is_error
    await talking.conversation.close()


async def test_reading_takes_no_copy_of_the_folder(root: Path) -> None:
    (root / "a.txt").write_text("one\n")
    talking = await talk(
        root, [[says("", call("Read", file_path="a.txt")), says("done")], runs("cat a.txt | head -1; ls -l")]
    )
    await talking.says("read")
    await talking.says("read by command")
    assert [event for event in talking.person.events if isinstance(event, Checkpointed)] == []
    await talking.conversation.close()


async def test_a_command_that_cannot_be_undone_is_told_before_it_runs(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(root))
    (root / "a.txt").write_text("precious\n")
    talking = await talk(root, [runs("ls"), runs("rm a.txt"), runs("rm b.txt")])
    (root / "b.txt").write_text("precious\n")
    await talking.says("look")
    assert talking.person.notices == []
    await talking.says("remove")

    assert "/rewind could not bring back" in talking.person.requests[-1].reason
    assert talking.person.notices == []
    await talking.command("/permissions allow Bash(rm:*)")
    await talking.says("remove unasked")
    assert any("`rm b.txt`" in notice for notice in talking.person.notices)
    result = await talking.command("/rewind 2 files")
    assert "What commands changed is not known" in result.text
    await talking.conversation.close()


async def test_files_that_are_too_large_are_named_and_left_alone(root: Path) -> None:
    (root / "small.txt").write_text("small\n")
    with (root / "large.bin").open("wb") as file:
        file.truncate(11_000_000)
    talking = await talk(root, [runs("rm large.bin small.txt")])
    await talking.says("remove")

    result = await talking.command("/rewind 1 files")

    assert (root / "small.txt").read_text() == "small\n"
    assert "large.bin" in result.text
    await talking.conversation.close()
