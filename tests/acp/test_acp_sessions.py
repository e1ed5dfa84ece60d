"""Sessions as an editor handles them: stored, shown again, copied, closed, chosen for, trusted."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from acp.exceptions import RequestError
from acp_editor import choose, stage

from kcode.providers.scripted import call, says

EDIT = call("Edit", file_path="a.txt", old_string="two", new_string="three")


def kinds(updates: list[dict[str, Any]]) -> list[str]:
    return [update["sessionUpdate"] for update in updates]


async def test_a_stored_session_is_listed_and_shown_whole_before_load_is_answered(tmp_path: Path):
    steps = [says("Looking.", EDIT, thinking="hm"), says("Done.")]
    async with stage(tmp_path, steps) as one:
        (one.cwd / "a.txt").write_text("one\ntwo\n", encoding="utf-8")
        session = await one.new()
        await one.prompt(session, "mend a.txt")
        live = one.editor.call(session)
    async with stage(tmp_path, [says("Still here.")]) as one:
        listed = (await one.agent.list_sessions(cwd=str(one.cwd))).sessions
        assert [(s.session_id, s.cwd, s.title) for s in listed] == [(session, str(one.cwd), "mend a.txt")]
        assert listed[0].updated_at
        answer = await one.raw("session/load", {"sessionId": session, "cwd": str(one.cwd), "mcpServers": []})
        shown = list(one.editor.of(session))
        assert {o["id"] for o in answer["configOptions"]} == {"mode", "model"}
        assert answer["modes"]["currentModeId"] == "default"
        assert one.editor.text(session, "user_message_chunk") == "mend a.txt"
        assert one.editor.text(session, "agent_thought_chunk") == "hm"
        assert one.editor.text(session) == "Looking.Done."
        again = one.editor.call(session)
        for key in ("title", "kind", "status", "content", "locations", "rawInput", "rawOutput"):
            assert again[key] == live[key], key
        order = [k for k in kinds(shown) if k != "session_info_update"]
        assert order.index("user_message_chunk") < order.index("tool_call") < len(order) - 1
        await one.until(lambda: one.editor.of(session, "available_commands_update"))
        await one.prompt(session, "are you there?")
        assert one.editor.text(session).endswith("Still here.")
        sent = json.dumps(one.server.requests[-1].json()["messages"])
        assert "mend a.txt" in sent


async def test_resume_shows_nothing_and_goes_on(tmp_path: Path):
    async with stage(tmp_path, [says("One."), says("Two.")]) as one:
        session = await one.new()
        await one.prompt(session, "first")
        await one.agent.close_session(session_id=session)
        before = len(one.editor.of(session))
        await one.agent.resume_session(session_id=session, cwd=str(one.cwd))
        await one.until(lambda: len(one.editor.of(session)) > before)
        assert set(kinds(one.editor.of(session)[before:])) <= {"available_commands_update", "usage_update"}
        await one.prompt(session, "second")
        assert "first" in json.dumps(one.server.requests[-1].json()["messages"])


async def test_a_fork_goes_its_own_way(tmp_path: Path):
    async with stage(tmp_path, [says("One."), says("Two.")]) as one:
        session = await one.new()
        await one.prompt(session, "first")
        fork = (await one.agent.fork_session(session_id=session, cwd=str(one.cwd))).session_id
        assert fork != session
        await one.prompt(fork, "second")
        assert "first" in json.dumps(one.server.requests[-1].json()["messages"])
        listed = {s.session_id for s in (await one.agent.list_sessions()).sessions}
        assert listed == {session, fork}


async def test_a_closed_session_is_gone_and_a_deleted_one_is_not_listed(tmp_path: Path):
    async with stage(tmp_path, [says("One.")]) as one:
        session = await one.new()
        await one.prompt(session, "first")
        await one.agent.close_session(session_id=session)
        with pytest.raises(RequestError) as failure:
            await one.prompt(session, "second")
        assert failure.value.code == -32002
        assert await one.raw("session/delete", {"sessionId": session}) == {}
        assert await one.raw("session/delete", {"sessionId": session}) == {}
        assert (await one.agent.list_sessions()).sessions == []


async def test_closing_a_session_cancels_its_turn(tmp_path: Path):
    async with stage(tmp_path, [says("", call("Bash", command="sleep 30"))]) as one:
        session = await one.new()
        turn = asyncio.ensure_future(one.prompt(session, "wait"))
        await one.until(lambda: one.editor.of(session, "tool_call"))
        await one.agent.close_session(session_id=session)
        assert (await turn).stop_reason == "cancelled"


async def test_mode_and_model_can_be_chosen_in_both_ways(tmp_path: Path):
    async with stage(tmp_path, [says("hi")]) as one:
        one.server.models.append({"id": "other", "object": "model", "owned_by": "kcode"})
        opened = await one.new_whole()
        session = opened.session_id
        assert opened.modes is not None
        assert opened.modes.current_mode_id == "default"
        await one.agent.set_session_mode(session_id=session, mode_id="plan")
        await one.until(lambda: one.editor.of(session, "current_mode_update"))
        assert one.editor.of(session, "current_mode_update")[-1]["currentModeId"] == "plan"
        change = {"sessionId": session, "configId": "model", "value": "other"}
        options = (await one.raw("session/set_config_option", change))["configOptions"]
        assert {o["id"]: o["currentValue"] for o in options} == {"mode": "plan", "model": "other"}
        assert all(o["type"] == "select" for o in options)
        model = next(o for o in options if o["id"] == "model")
        assert [choice["value"] for choice in model["options"]] == ["scripted", "other"]
        await one.prompt(session, "hello")
        assert one.server.requests[-1].json()["model"] == "other"


async def test_a_model_chosen_in_a_running_turn_is_used_after_it(tmp_path: Path):
    steps = [says("", call("Bash", command="sleep 1")), says("first"), says("second")]
    async with stage(tmp_path, steps) as one:
        one.server.models.append({"id": "other", "object": "model", "owned_by": "kcode"})
        session = await one.new()
        turn = asyncio.ensure_future(one.prompt(session, "wait"))
        await one.until(lambda: one.editor.of(session, "tool_call"))
        change = {"sessionId": session, "configId": "model", "value": "other"}
        options = (await one.raw("session/set_config_option", change))["configOptions"]
        assert next(o["currentValue"] for o in options if o["id"] == "model") == "other"
        assert (await turn).stop_reason == "end_turn"
        await one.prompt(session, "next")
        assert [r.json()["model"] for r in one.server.requests] == ["scripted", "scripted", "other"]


@pytest.mark.parametrize(
    ("method", "params", "code", "words"),
    [
        ("session/new", {"cwd": "relative", "mcpServers": []}, -32602, "absolute"),
        ("session/new", {"cwd": "/nowhere/at/all", "mcpServers": []}, -32602, "does not exist"),
        ("session/new", {"mcpServers": []}, -32602, "cwd: "),
        ("session/load", {"sessionId": "nope", "cwd": "/", "mcpServers": []}, -32002, "nope"),
        ("session/prompt", {"sessionId": "nope", "prompt": [{"type": "text", "text": "x"}]}, -32002, "nope"),
        ("session/prompt", {"sessionId": "SESSION", "prompt": []}, -32602, "empty"),
        ("session/prompt", {"sessionId": "SESSION", "prompt": [{"type": "text"}]}, -32602, "text"),
        ("session/set_mode", {"sessionId": "SESSION", "modeId": "yolo"}, -32602, "yolo"),
        (
            "session/set_config_option",
            {"sessionId": "SESSION", "configId": "colour", "value": "x"},
            -32602,
            "colour",
        ),
        (
            "session/set_config_option",
            {"sessionId": "SESSION", "configId": "model", "value": "unheard"},
            -32602,
            "unheard",
        ),
        ("session/nonsense", {}, -32601, "nonsense"),
        ("_vendor/thing", {}, -32601, ""),
        ("authenticate", {"methodId": "smoke"}, -32602, "smoke"),
        ("initialize", {"protocolVersion": "new"}, -32602, "protocolVersion"),
    ],
)
async def test_what_cannot_be_used_is_refused_with_the_right_code(
    tmp_path: Path, method: str, params: dict[str, Any], code: int, words: str
):
    async with stage(tmp_path, []) as one:
        if params.get("sessionId") == "SESSION":
            params = {**params, "sessionId": await one.new()}
        with pytest.raises(RequestError) as failure:
            await one.raw(method, params)
        assert failure.value.code == code
        assert words in str(failure.value)
        assert await one.end() == 0


async def test_lines_that_are_no_messages_are_answered_and_survived(tmp_path: Path):
    async with stage(tmp_path, []) as one:
        assert one.process.stdin is not None
        for line in (b"not json", b"[]", b"7", b'{"jsonrpc":"2.0","id":[1],"result":{}}', b"", b'{"id":5}'):
            one.process.stdin.write(line + b"\n")
        await one.new()
        answers = [json.loads(line) for line in one.lines]
        codes = [a["error"]["code"] for a in answers if "error" in a]
        assert codes == [-32700, -32600, -32600, -32600, -32600]


async def test_without_a_model_the_editor_is_told_to_authenticate_and_how(tmp_path: Path):
    nothing = {"KCODE_BASE_URL": "", "KCODE_MODEL": "", "KCODE_API_KEY": ""}
    async with stage(tmp_path, [], environ=nothing) as one:
        with pytest.raises(RequestError, match="KCODE_API_KEY") as failure:
            await one.new()
        assert failure.value.code == -32000
        with pytest.raises(RequestError) as failure:
            await one.raw("authenticate", {"methodId": "settings"})
        assert failure.value.code == -32000
        assert await one.end() == 0


async def test_with_a_model_authenticate_is_content(tmp_path: Path):
    async with stage(tmp_path, []) as one:
        assert await one.raw("authenticate", {"methodId": "settings"}) == {}


async def test_a_folder_with_instructions_is_asked_about_once_and_then_counts(tmp_path: Path):
    async with stage(tmp_path, [says("a"), says("b"), says("c")]) as one:
        (one.cwd / "AGENTS.md").write_text("Always whistle.\n", encoding="utf-8")
        session = await one.new()
        one.editor.choose = choose("trust")
        assert (await one.prompt(session, "hi")).stop_reason == "end_turn"
        asked = one.editor.asked[0]["call"]
        assert "trust" in asked["title"]
        assert "AGENTS.md" in asked["content"][0]["content"]["text"]
        assert one.editor.call(session, asked["toolCallId"])["status"] == "completed"
        assert "Always whistle." in json.dumps(one.server.requests[-1].json()["messages"])
        await one.prompt(session, "again")
        other = await one.new()
        await one.prompt(other, "and here?")
        assert len(one.editor.asked) == 1


async def test_what_changes_while_the_question_stands_is_asked_about_and_counts_only_as_shown(tmp_path: Path):
    async with stage(tmp_path, [says("a")]) as one:
        file = one.cwd / "AGENTS.md"
        file.write_text("Always whistle.\n", encoding="utf-8")
        yes = choose("trust")

        def swap(options: list[Any]) -> str | None:
            file.write_text("Always shout.\n", encoding="utf-8")
            one.editor.choose = choose("reject_once")
            return yes(options)

        session = await one.new()
        one.editor.choose = swap
        assert (await one.prompt(session, "hi")).stop_reason == "end_turn"
        assert len(one.editor.asked) == 2
        assert "Always" not in json.dumps(one.server.requests[-1].json()["messages"])


async def test_a_folder_that_is_not_trusted_works_without_its_files(tmp_path: Path):
    async with stage(tmp_path, [says("a"), says("b")]) as one:
        (one.cwd / "AGENTS.md").write_text("Always whistle.\n", encoding="utf-8")
        session = await one.new()
        one.editor.choose = choose("reject_once")
        assert (await one.prompt(session, "hi")).stop_reason == "end_turn"
        assert (await one.prompt(session, "and?")).stop_reason == "end_turn"
        assert len(one.editor.asked) == 1
        assert "whistle" not in json.dumps(one.server.requests[-1].json()["messages"])


async def test_dismissing_the_question_of_trust_cancels_the_turn_and_asks_again(tmp_path: Path):
    async with stage(tmp_path, [says("a")]) as one:
        (one.cwd / "AGENTS.md").write_text("Always whistle.\n", encoding="utf-8")
        session = await one.new()
        one.editor.choose = lambda _: None
        assert (await one.prompt(session, "hi")).stop_reason == "cancelled"
        one.editor.choose = choose("trust")
        assert (await one.prompt(session, "hi")).stop_reason == "end_turn"
        assert len(one.editor.asked) == 2


async def test_what_was_chosen_before_trust_still_holds_after_it(tmp_path: Path):
    async with stage(tmp_path, [says("a")]) as one:
        (one.cwd / "AGENTS.md").write_text("Always whistle.\n", encoding="utf-8")
        session = await one.new()
        await one.agent.set_session_mode(session_id=session, mode_id="plan")
        one.editor.choose = choose("trust")
        await one.prompt(session, "hi")
        assert one.editor.of(session, "current_mode_update")[-1]["currentModeId"] == "plan"


async def test_slash_commands_answer_without_the_model(tmp_path: Path):
    async with stage(tmp_path, []) as one:
        session = await one.new()
        assert (await one.prompt(session, "/help")).stop_reason == "end_turn"
        assert "/compact" in one.editor.text(session)
        await one.prompt(session, "/hlep")
        assert "Did you mean /help?" in one.editor.text(session)
        await one.prompt(session, "/exit")
        assert "Use the editor" in one.editor.text(session)
        assert one.server.requests == []


async def test_a_commands_question_gets_a_call_of_its_own_that_ends(tmp_path: Path):
    async with stage(tmp_path, []) as one:
        one.server.models.append({"id": "other", "object": "model", "owned_by": "kcode"})
        session = await one.new()
        one.editor.choose = choose("1")
        await one.prompt(session, "/model")
        assert "`other`" in one.editor.text(session)
        assert one.editor.call(session)["status"] == "completed"
        await one.until(lambda: one.editor.of(session, "config_option_update"))
        options = one.editor.of(session, "config_option_update")[-1]["configOptions"]
        assert next(o["currentValue"] for o in options if o["id"] == "model") == "other"


async def test_servers_of_the_editor_are_named_and_left_out(tmp_path: Path):
    async with stage(tmp_path, [says("hi")]) as one:
        server: dict[str, Any] = {"name": "jetbrains", "command": "/bin/true", "args": [], "env": []}
        opened = await one.raw("session/new", {"cwd": str(one.cwd), "mcpServers": [server]})
        await one.prompt(opened["sessionId"], "hello")
        assert "jetbrains" in one.editor.text(opened["sessionId"], "agent_thought_chunk")


@pytest.mark.parametrize("forms", [True, False])
async def test_the_agents_questions_reach_the_person(tmp_path: Path, forms: bool):
    questions: Any = [{"question": "Tea?", "options": [{"label": "Yes"}, {"label": "No"}]}]
    can: dict[str, Any] = {"elicitation": {"form": {}}} if forms else {}
    steps = [says("", call("AskUserQuestion", questions=questions)), says("ok")]
    async with stage(tmp_path, steps, capabilities=can) as one:
        session = await one.new()
        one.editor.answer = {"answer": "No", "other": ""}
        one.editor.choose = choose("1")
        await one.prompt(session, "ask me")
        assert one.editor.forms == (["Tea?"] if forms else [])
        sent = one.server.requests[-1].json()["messages"][-1]
        assert "Answer: No" in json.dumps(sent)


async def test_pictures_and_attached_files_reach_the_model(tmp_path: Path):
    pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    blocks = [
        {"type": "text", "text": "See "},
        {"type": "resource_link", "name": "a b.py", "uri": "file:///src/a%20b.py"},
        {"type": "resource", "resource": {"uri": "file:///src/b.py", "text": "print('attached')"}},
        {"type": "image", "mimeType": "image/png", "data": pixel},
    ]
    async with stage(
        tmp_path, [says("seen")], environ={"KCODE_MODEL": "moonshot-v1-8k-vision-preview"}
    ) as one:
        session = await one.new()
        await one.raw("session/prompt", {"sessionId": session, "prompt": blocks})
        parts = one.server.requests[-1].json()["messages"][-1]["content"]
        text = next(part["text"] for part in parts if part["type"] == "text")
        assert "See `/src/a b.py` `/src/b.py`" in text
        assert "print('attached')" in text
        assert any(part["type"] == "image_url" for part in parts)


async def test_paths_are_spelled_as_the_editor_named_the_folder(tmp_path: Path):
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    (real / "a.txt").write_text("two\n", encoding="utf-8")
    async with stage(tmp_path, [says("", EDIT), says("done")]) as one:
        session = await one.new(link)
        await one.prompt(session, "edit")
        assert one.editor.call(session)["locations"][0]["path"] == str(link / "a.txt")
        assert one.editor.call(session)["content"][0]["path"] == str(link / "a.txt")
