"""An editor's day with kcode: greeting, prompts, permissions, cancelling, ending."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from acp.exceptions import RequestError
from acp_editor import choose, messages, stage

from kcode.providers.scripted import call, says
from kcode.types.errors import ModelError

EDIT = call("Edit", file_path="a.txt", old_string="two", new_string="three")


async def test_it_greets_with_the_version_it_speaks_and_what_it_can(tmp_path: Path):
    async with stage(tmp_path, [], greet=False) as one:
        said = await one.raw("initialize", {"protocolVersion": 99})
        assert said["protocolVersion"] == 1
        assert said["agentInfo"]["name"] == "kcode"
        assert said["agentCapabilities"]["loadSession"] is True
        assert set(said["agentCapabilities"]["sessionCapabilities"]) >= {"list", "resume", "close", "delete"}
        again = await one.raw("initialize", {"protocolVersion": 1})
        assert again["protocolVersion"] == 1
        assert await one.end() == 0


async def test_a_terminal_to_set_up_in_is_offered_only_to_editors_that_have_one(tmp_path: Path):
    async with stage(tmp_path, [], greet=False) as one:
        plain = await one.raw("initialize", {"protocolVersion": 1})
        able = {"protocolVersion": 1, "clientCapabilities": {"auth": {"terminal": True}}}
        rich = await one.raw("initialize", able)
    assert [method.get("type") for method in plain["authMethods"]] == [None]
    assert [method.get("type") for method in rich["authMethods"]] == ["terminal", None]


async def test_an_answer_is_streamed_and_told_before_the_prompt_is_answered(tmp_path: Path):
    text = " ".join(f"word{n}" for n in range(4000))
    async with stage(tmp_path, [says(text, thinking="hm")]) as one:
        session = await one.new()
        answer = await one.prompt(session, "hi")
        assert answer.stop_reason == "end_turn"
        assert one.editor.text(session) == text
        assert one.editor.text(session, "agent_thought_chunk") == "hm"
        chunks = one.editor.of(session, "agent_message_chunk")
        assert len(chunks) > 1
        assert len({chunk["messageId"] for chunk in chunks}) == 1
        assert one.editor.of(session, "session_info_update")[0]["title"] == "hi"
        assert one.editor.of(session, "usage_update")[-1]["size"] > 0
        assert not one.editor.of(session, "user_message_chunk")
        assert await one.end() == 0
    found = messages(one.lines)
    ids = [message.get("id") for message in found]
    last_update = max(n for n, message in enumerate(found) if message.get("method") == "session/update")
    assert last_update < ids.index(2)


async def test_commands_are_told_right_after_the_session_is_there(tmp_path: Path):
    async with stage(tmp_path, []) as one:
        session = await one.new()
        await one.until(lambda: one.editor.of(session, "available_commands_update"))
        names = {c["name"] for c in one.editor.of(session)[0]["availableCommands"]}
    assert {"help", "model", "compact"} <= names
    assert not {"exit", "resume"} & names
    found = messages(one.lines)
    answered = next(n for n, message in enumerate(found) if "sessionId" in message.get("result", {}))
    assert found[answered + 1]["params"]["update"]["sessionUpdate"] == "available_commands_update"


async def test_an_edit_is_asked_about_and_shown_with_its_change(tmp_path: Path):
    async with stage(tmp_path, [says("", EDIT), says("done")]) as one:
        (one.cwd / "a.txt").write_text("one\ntwo\n", encoding="utf-8")
        session = await one.new()
        assert (await one.prompt(session, "edit")).stop_reason == "end_turn"
        path = str(one.cwd / "a.txt")
        asked = one.editor.asked[0]["call"]
        change = next(c for c in asked["content"] if c["type"] == "diff")
        assert change == {"type": "diff", "path": path, "oldText": "one\ntwo\n", "newText": "one\nthree\n"}
        assert (asked["kind"], asked["title"]) == ("edit", "Edit a.txt")
        assert asked["rawInput"]["old_string"] == "two"
        assert asked["locations"] == [{"path": path, "line": 2}]
        states = [u["status"] for u in one.editor.of(session) if u.get("toolCallId") and "status" in u]
        assert states == ["pending", "in_progress", "completed"]
        final = one.editor.call(session)
        assert final["content"] == [change]
        assert (one.cwd / "a.txt").read_text(encoding="utf-8") == "one\nthree\n"


async def test_a_new_file_has_no_text_before(tmp_path: Path):
    step = says("", call("Write", file_path="new.txt", content="a\nb\n"))
    async with stage(tmp_path, [step, says("done")]) as one:
        session = await one.new()
        await one.prompt(session, "write")
        change = one.editor.call(session)["content"][0]
        assert change == {"type": "diff", "path": str(one.cwd / "new.txt"), "newText": "a\nb\n"}


async def test_a_rejected_call_fails_and_the_model_goes_on(tmp_path: Path):
    async with stage(tmp_path, [says("", EDIT), says("Understood.")]) as one:
        (one.cwd / "a.txt").write_text("two\n", encoding="utf-8")
        session = await one.new()
        one.editor.choose = choose("reject_once")
        assert (await one.prompt(session, "edit")).stop_reason == "end_turn"
        final = one.editor.call(session)
        assert final["status"] == "failed"
        assert final["rawOutput"]["isError"] is True
        assert (one.cwd / "a.txt").read_text(encoding="utf-8") == "two\n"
        assert one.editor.text(session) == "Understood."


async def test_an_allowed_rule_is_not_asked_about_again(tmp_path: Path):
    run = says("", call("Bash", command="touch made"))
    again = says("", call("Bash", command="touch again"))
    async with stage(tmp_path, [run, again, says("done")]) as one:
        session = await one.new()
        one.editor.choose = choose("always")
        await one.prompt(session, "run")
        assert len(one.editor.asked) == 1
        names = [o.name for o in one.editor.asked[0]["options"]]
        assert any("Bash(touch" in name for name in names)
        assert (one.cwd / "again").exists()


async def test_accepting_edits_changes_the_mode_and_the_editor_hears_of_it(tmp_path: Path):
    second = call("Edit", file_path="a.txt", old_string="three", new_string="four")
    async with stage(tmp_path, [says("", EDIT), says("", second), says("done")]) as one:
        (one.cwd / "a.txt").write_text("two\n", encoding="utf-8")
        session = await one.new()
        one.editor.choose = choose("accept_edits")
        await one.prompt(session, "edit")
        assert len(one.editor.asked) == 1
        assert one.editor.of(session, "current_mode_update")[-1]["currentModeId"] == "acceptEdits"
        options = one.editor.of(session, "config_option_update")[-1]["configOptions"]
        assert {o["id"]: o["currentValue"] for o in options} == {"mode": "acceptEdits", "model": "scripted"}


async def test_dismissing_a_question_cancels_the_turn(tmp_path: Path):
    async with stage(tmp_path, [says("", EDIT), says("later")]) as one:
        (one.cwd / "a.txt").write_text("two\n", encoding="utf-8")
        session = await one.new()
        one.editor.choose = lambda _: None
        assert (await one.prompt(session, "edit")).stop_reason == "cancelled"
        assert one.editor.call(session)["status"] == "failed"
        assert (await one.prompt(session, "and?")).stop_reason == "end_turn"


async def test_cancelling_while_a_question_is_open_is_no_error(tmp_path: Path):
    async with stage(tmp_path, [says("", EDIT)]) as one:
        (one.cwd / "a.txt").write_text("two\n", encoding="utf-8")
        session = await one.new()
        one.editor.hold = asyncio.Event()
        turn = asyncio.ensure_future(one.prompt(session, "edit"))
        await one.until(lambda: one.editor.asked)
        await one.agent.cancel(session_id=session)
        assert (await turn).stop_reason == "cancelled"
        one.editor.hold.set()


@pytest.mark.parametrize("by_request", [False, True])
async def test_cancelling_ends_a_running_command_with_everything_it_started(tmp_path: Path, by_request: bool):
    command = "sleep 60 & echo $! > pid; wait"
    async with stage(tmp_path, [says("", call("Bash", command=command)), says("Back.")]) as one:
        session = await one.new()
        turn = asyncio.ensure_future(one.prompt(session, "wait"))
        pid = one.cwd / "pid"
        await one.until(lambda: pid.exists() and pid.read_text(encoding="utf-8").strip())
        if by_request:
            # The prompt is the third request after initialize and session/new.
            await one.agent._conn.send_notification("$/cancel_request", {"requestId": 2})
        else:
            await one.agent.cancel(session_id=session)
        assert (await turn).stop_reason == "cancelled"
        assert one.editor.call(session)["status"] == "failed"
        await one.until(lambda: not _lives(int(pid.read_text(encoding="utf-8"))))
        assert (await one.prompt(session, "go on")).stop_reason == "end_turn"
        assert one.editor.text(session).endswith("Back.")


async def test_output_of_a_running_command_is_shown_as_it_comes(tmp_path: Path):
    command = "echo first; sleep 1; echo second"
    async with stage(tmp_path, [says("", call("Bash", command=command)), says("done")]) as one:
        session = await one.new()
        await one.prompt(session, "run")
        updates = [u for u in one.editor.of(session, "tool_call_update") if u.get("content")]
        shown = [u["content"][0]["content"]["text"] for u in updates if u["content"][0]["type"] == "content"]
        assert any("first" in text and "second" not in text for text in shown)
        assert "second" in shown[-1]


async def test_a_call_that_cannot_be_prepared_is_shown_as_failed(tmp_path: Path):
    async with stage(tmp_path, [says("", call("Read", file_path="nowhere.txt")), says("done")]) as one:
        session = await one.new()
        await one.prompt(session, "read")
        final = one.editor.call(session)
        assert (final["kind"], final["status"]) == ("read", "failed")
        assert final["rawInput"] == {"file_path": "nowhere.txt"}
        assert "nowhere.txt" in final["content"][0]["content"]["text"]


async def test_the_plan_is_the_todo_list(tmp_path: Path):
    todos: Any = [{"content": "look", "status": "completed"}, {"content": "mend", "status": "in_progress"}]
    async with stage(tmp_path, [says("", call("TodoWrite", todos=todos)), says("done")]) as one:
        session = await one.new()
        await one.prompt(session, "plan")
        entries = one.editor.of(session, "plan")[-1]["entries"]
    assert [(e["content"], e["status"]) for e in entries] == [("look", "completed"), ("mend", "in_progress")]


@pytest.mark.parametrize(("kind", "code"), [("auth", -32000), ("quota", -32603), ("invalid", -32603)])
async def test_the_servers_failure_is_told_in_words(tmp_path: Path, kind: Any, code: int):
    async with stage(tmp_path, [ModelError("the till is empty", kind=kind), says("fine again")]) as one:
        session = await one.new()
        with pytest.raises(RequestError) as failure:
            await one.prompt(session, "hi")
        assert failure.value.code == code
        assert len(str(failure.value)) > 20
        assert failure.value.data == {"kind": kind, "transient": False}
        assert (await one.prompt(session, "again")).stop_reason == "end_turn"


async def test_a_turn_that_reaches_its_limit_says_so(tmp_path: Path):
    endless = [says("", call("Read", file_path="a.txt")) for _ in range(5)]
    async with stage(tmp_path, endless, "--max-turns", "2") as one:
        (one.cwd / "a.txt").write_text("x\n", encoding="utf-8")
        session = await one.new()
        assert (await one.prompt(session, "read")).stop_reason == "max_turn_requests"
        assert one.editor.text(session).strip()


async def test_two_sessions_work_at_once(tmp_path: Path):
    slow = says("", call("Bash", command="sleep 1; pwd"))
    async with stage(tmp_path, [slow, slow, says("a"), says("b")], "--permission-mode", "acceptEdits") as one:
        places = [tmp_path / "left", tmp_path / "right"]
        for place in places:
            place.mkdir()
        left, right = [await one.new(place) for place in places]
        assert left != right
        both = await asyncio.gather(one.prompt(left, "go"), one.prompt(right, "go"))
        assert [answer.stop_reason for answer in both] == ["end_turn", "end_turn"]
        for session, place in zip((left, right), places, strict=True):
            assert one.editor.call(session)["rawOutput"]["output"].strip() == str(place)


async def test_a_second_prompt_in_a_running_turn_is_refused_in_words(tmp_path: Path):
    async with stage(tmp_path, [says("", call("Bash", command="sleep 30"))]) as one:
        session = await one.new()
        turn = asyncio.ensure_future(one.prompt(session, "wait"))
        await one.until(lambda: one.editor.of(session, "tool_call"))
        with pytest.raises(RequestError, match="turn is running"):
            await one.prompt(session, "and this")
        await one.agent.cancel(session_id=session)
        assert (await turn).stop_reason == "cancelled"


@pytest.mark.parametrize("how", ["eof", "term"])
async def test_the_end_leaves_no_process_behind(tmp_path: Path, how: str):
    command = "sleep 60 & echo $! > pid; wait"
    async with stage(tmp_path, [says("", call("Bash", command=command))]) as one:
        session = await one.new()
        turn = asyncio.ensure_future(one.prompt(session, "wait"))
        pid = one.cwd / "pid"
        await one.until(lambda: pid.exists() and pid.read_text(encoding="utf-8").strip())
        if how == "term":
            one.process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(one.process.wait(), 15) == 0
        else:
            assert await one.end() == 0
        assert not _lives(int(pid.read_text(encoding="utf-8")))
        assert (await turn).stop_reason == "cancelled"


async def test_nothing_but_the_protocol_reaches_stdout(tmp_path: Path):
    steps = [
        says("", call("Bash", command="echo shout; echo loud >&2; echo out > /proc/$PPID/fd/1")),
        says("ok"),
    ]
    async with stage(tmp_path, steps) as one:
        session = await one.new()
        await one.prompt(session, "shout")
        await one.prompt(session, "/help")
        assert await one.end() == 0
    assert len(messages(one.lines)) > 5


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").split(")")[-1].split()[0] != "Z"
