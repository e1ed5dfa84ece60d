"""The editor's files and terminals in the place of this machine's."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
from acp_editor import Stage, stage

from kcode.environment.sandbox import probe
from kcode.providers.scripted import call, says

FILES: dict[str, Any] = {"fs": {"readTextFile": True, "writeTextFile": True}}
TERMINAL: dict[str, Any] = {"terminal": True}


def result(one: Stage, position: int = -1) -> str:
    """What the model was told last by a tool."""
    told = [m for m in one.server.requests[position].json()["messages"] if m["role"] == "tool"]
    return json.dumps(told[-1]["content"])


async def test_unsaved_changes_are_what_is_read_and_edited(tmp_path: Path):
    edit = call("Edit", file_path="a.txt", old_string="unsaved", new_string="mended")
    steps = [says("", call("Read", file_path="a.txt")), says("", edit), says("done")]
    async with stage(tmp_path, steps, capabilities=FILES) as one:
        path = one.cwd / "a.txt"
        path.write_text("on disk\n", encoding="utf-8")
        one.editor.buffers[str(path)] = "unsaved words\n"
        session = await one.new()
        await one.prompt(session, "go")
        assert "unsaved words" in result(one, 1)
        change = one.editor.call(session)["content"][0]
        assert (change["oldText"], change["newText"]) == ("unsaved words\n", "mended words\n")
        assert one.editor.written == [str(path)]
        assert path.read_text(encoding="utf-8") == "mended words\n"


async def test_a_buffer_that_missed_a_commands_change_is_not_believed(tmp_path: Path):
    read = call("Read", file_path="a.txt")
    steps = [says("", read), says("", call("Bash", command="echo new > a.txt")), says("", read), says("ok")]
    async with stage(tmp_path, steps, capabilities=FILES) as one:
        path = one.cwd / "a.txt"
        path.write_text("old\n", encoding="utf-8")
        one.editor.buffers[str(path)] = "old\n"
        session = await one.new()
        await one.prompt(session, "go")
        assert "new" in result(one)


async def test_windows_endings_and_other_encodings_survive_the_editor(tmp_path: Path):
    first = call("Edit", file_path="crlf.txt", old_string="two", new_string="three")
    second = call("Edit", file_path="latin.txt", old_string="two", new_string="three")
    async with stage(tmp_path, [says("", first, second), says("ok")], capabilities=FILES) as one:
        (one.cwd / "crlf.txt").write_bytes(b"one\r\ntwo\r\n")
        (one.cwd / "latin.txt").write_bytes("grün\ntwo\n".encode("latin-1"))
        session = await one.new()
        one.editor.buffers[str(one.cwd / "crlf.txt")] = "one\ntwo\n"
        await one.prompt(session, "go")
        assert (one.cwd / "crlf.txt").read_bytes() == b"one\r\nthree\r\n"
        assert (one.cwd / "latin.txt").read_bytes() == "grün\nthree\n".encode("latin-1")


async def test_files_that_the_editor_fails_at_are_read_and_written_here(tmp_path: Path):
    edit = call("Edit", file_path="a.txt", old_string="plain", new_string="mended")
    steps = [says("", call("Read", file_path="a.txt")), says("", edit), says("ok")]
    async with stage(tmp_path, steps, capabilities=FILES) as one:
        (one.cwd / "a.txt").write_bytes(b"plain\n")
        one.editor.broken = True
        session = await one.new()
        await one.prompt(session, "go")
        assert "plain" in result(one, 1)
        assert (one.cwd / "a.txt").read_bytes() == b"mended\n"
        assert one.editor.written == []


async def test_commands_run_in_the_editors_terminals_and_their_state_carries_over(tmp_path: Path):
    steps = [
        says("", call("Bash", command="cd sub; export WORD=carried; echo in; exit 3")),
        says("", call("Bash", command='pwd; echo "$WORD"; echo "key:${KCODE_API_KEY:-none}"')),
        says("ok"),
    ]
    async with stage(tmp_path, steps, capabilities=TERMINAL) as one:
        (one.cwd / "sub").mkdir()
        session = await one.new()
        await one.prompt(session, "go")
        assert "in" in result(one, 1)
        assert "3" in result(one, 1)
        second = result(one)
        assert str(one.cwd / "sub") in second
        assert "carried" in second
        assert "key:none" in second
        assert len(one.editor.terminals) == 2
        assert all(terminal.released for terminal in one.editor.terminals.values())
        assert one.editor.call(session)["content"] == [{"type": "terminal", "terminalId": "term-1"}]


async def test_cancelling_kills_and_releases_the_terminal(tmp_path: Path):
    steps = [says("", call("Bash", command="sleep 60"))]
    async with stage(tmp_path, steps, capabilities=TERMINAL) as one:
        session = await one.new()
        turn = asyncio.ensure_future(one.prompt(session, "wait"))
        await one.until(lambda: one.editor.terminals)
        await one.agent.cancel(session_id=session)
        assert (await turn).stop_reason == "cancelled"
        terminal = one.editor.terminals["term-0"]
        assert terminal.killed
        assert terminal.released


async def test_a_command_that_takes_too_long_is_killed_in_its_terminal(tmp_path: Path):
    steps = [says("", call("Bash", command="echo early; sleep 60", timeout=1)), says("ok")]
    async with stage(tmp_path, steps, capabilities=TERMINAL) as one:
        session = await one.new()
        await one.prompt(session, "wait")
        assert "early" in result(one)
        assert "Ended after 1 s" in result(one)
        assert one.editor.terminals["term-0"].released


async def test_a_background_command_keeps_its_terminal_until_the_session_ends(tmp_path: Path):
    start = call("Bash", command="echo up; sleep 60", run_in_background=True)
    steps = [says("", start), says("", call("BashOutput", bash_id="terminal_1")), says("ok")]
    async with stage(tmp_path, steps, capabilities=TERMINAL) as one:
        session = await one.new()
        await one.prompt(session, "start")
        assert "terminal_1" in result(one, 1)
        terminal = one.editor.terminals["term-0"]
        assert not terminal.released
        await one.agent.close_session(session_id=session)
        assert terminal.released


async def test_without_a_terminal_commands_run_here(tmp_path: Path):
    async with stage(
        tmp_path, [says("", call("Bash", command="echo here")), says("ok")], capabilities=TERMINAL
    ) as one:
        one.editor.broken = True
        session = await one.new()
        await one.prompt(session, "go")
        assert "here" in result(one)
        assert one.editor.terminals == {}
        assert "here" in one.editor.call(session)["content"][0]["content"]["text"]


async def test_a_replay_names_no_terminal(tmp_path: Path):
    steps = [says("", call("Bash", command="echo shown")), says("ok")]
    async with stage(tmp_path, steps, capabilities=TERMINAL) as one:
        session = await one.new()
        await one.prompt(session, "go")
        one.editor.updates.clear()
        await one.agent.load_session(cwd=str(one.cwd), session_id=session, mcp_servers=[])
        assert "terminal" not in json.dumps(one.editor.call(session)["content"])
        assert "shown" in one.editor.call(session)["content"][0]["content"]["text"]


async def test_what_has_to_be_fenced_in_runs_here_and_not_in_the_editors_terminal(tmp_path: Path):
    found = await probe(os.environ, [])
    if found.level != "full":
        pytest.skip(f"NOT TESTED: {found.shown}")
    outside = tmp_path / "outside"
    steps = [
        says(
            "", call("Bash", command=f"make -v >/dev/null; cd sub; export WORD=carried; touch in {outside}")
        ),
        says("", call("Bash", command="pwd")),
        says("", call("Bash", command='make -v >/dev/null; echo "$PWD $WORD"')),
        says("ok"),
    ]
    async with stage(tmp_path, steps, capabilities=TERMINAL) as one:
        (one.cwd / "sub").mkdir()
        session = await one.new()
        await one.agent.set_session_mode(session_id=session, mode_id="auto")
        await one.prompt(session, "go")
        assert one.editor.asked == []
        assert (one.cwd / "sub" / "in").exists()
        assert not outside.exists()
        assert [t.output.decode().strip() for t in one.editor.terminals.values()] == [f"{one.cwd}/sub"]
        assert f"{one.cwd}/sub carried" in result(one)


async def test_where_every_command_is_fenced_the_editor_starts_none(tmp_path: Path):
    found = await probe(os.environ, [])
    if found.level == "none":
        pytest.skip(f"NOT TESTED: {found.shown}")
    outside = tmp_path / "outside"
    steps = [says("", call("Bash", command=f"touch in {outside}")), says("ok")]
    home = tmp_path / "home" / ".kcode"
    home.mkdir(parents=True)
    (home / "settings.json").write_text('{"sandbox": {"mode": "always"}}', encoding="utf-8")
    async with stage(tmp_path, steps, capabilities=TERMINAL) as one:
        session = await one.new()
        await one.prompt(session, "go")
        assert one.editor.terminals == {}
        assert (one.cwd / "in").exists()
        assert not outside.exists()
