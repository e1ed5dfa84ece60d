import asyncio
import json
import os
import signal
import stat
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from installed import Place

from kcode.providers.scripted import call, says
from kcode.providers.scripted_http import Pace
from kcode.providers.scripted_server import ScriptedServer
from kcode.types.errors import ModelError
from kcode.types.messages import Usage

RESULT_KEYS = {
    "type", "subtype", "is_error", "duration_ms", "duration_api_ms", "num_turns", "result", "stop_reason",
    "terminal_reason", "session_id", "total_cost_usd", "usage", "modelUsage", "permission_denials", "uuid",
    "files_changed",
}  # fmt: skip


async def test_the_answer_and_nothing_else_is_on_stdout(place: Place) -> None:
    done, server = await place.ask([says("Forty-two.")], "what?")
    assert (done.status, done.out, done.err) == (0, "Forty-two.\n", "")
    assert server.connections == 1


async def test_what_is_piped_in_is_appended_to_the_prompt(place: Place) -> None:
    _, server = await place.ask([says("ok")], "Review this:", piped="the piped text\n")
    body = json.loads(server.requests[0].body)
    assert body["messages"][-1]["content"] == "Review this:\n\nthe piped text\n"


async def test_a_prompt_may_come_from_stdin_alone(place: Place) -> None:
    done, server = await place.ask([says("ok")], piped="all of it")
    assert done.status == 0
    assert json.loads(server.requests[0].body)["messages"][-1]["content"] == "all of it"


@pytest.mark.parametrize("arguments", [(), ("",), ("   ",)])
async def test_an_empty_prompt_is_refused_with_what_to_do(place: Place, arguments: tuple[str, ...]) -> None:
    done = await place.run("-p", *arguments, base_url="http://127.0.0.1:1/v1")
    assert done.status == 2
    assert "Give a prompt" in done.err
    assert "Traceback" not in done.err


async def test_the_json_result_has_every_key(place: Place) -> None:
    steps = [
        says("", call("Write", file_path="new.txt", content="hello\n"), usage=Usage(input=500, output=12)),
        says("Written.", usage=Usage(input=1000, cached=800, output=20)),
    ]
    done, _ = await place.ask(steps, "write", "--output-format", "json", "--permission-mode", "acceptEdits")
    result = done.json
    assert set(result) >= RESULT_KEYS
    assert (result["type"], result["subtype"], result["is_error"]) == ("result", "success", False)
    assert (result["result"], result["num_turns"], result["stop_reason"]) == ("Written.", 2, "end_turn")
    assert result["usage"] == {
        "input_tokens": 700,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 800,
        "output_tokens": 32,
    }
    assert [Path(c["path"]).name for c in result["files_changed"]] == ["new.txt"]
    assert (place.folder / "new.txt").read_text() == "hello\n"
    assert result["total_cost_usd"] is None
    assert result["permission_denials"] == []


async def test_verbose_json_is_an_array_that_ends_with_the_result(place: Place) -> None:
    done, _ = await place.ask([says("ok")], "hi", "--output-format", "json", "--verbose")
    assert [m["type"] for m in done.json] == ["system", "assistant", "result"]


async def test_stream_json_tells_everything_in_order(place: Place) -> None:
    (place.folder / "a.txt").write_text("one\n")
    steps = [says("I look.", call("Read", file_path="a.txt")), says("It says one.")]
    done, _ = await place.ask(steps, "read", "--output-format", "stream-json", "--include-partial-messages")
    kinds = [line["type"] for line in done.lines if line["type"] != "stream_event"]
    assert kinds == ["system", "assistant", "assistant", "user", "assistant", "result"]
    init = done.lines[0]
    assert {"cwd", "session_id", "tools", "model", "permissionMode", "slash_commands"} <= set(init)
    assert len({line["session_id"] for line in done.lines}) == 1
    use = next(
        b
        for line in done.lines
        if line["type"] == "assistant"
        for b in line["message"]["content"]
        if b["type"] == "tool_use"
    )
    result = next(line for line in done.lines if line["type"] == "user")["message"]["content"][0]
    assert result["tool_use_id"] == use["id"]
    assert "one" in result["content"]
    assert any(line["type"] == "stream_event" for line in done.lines)


async def test_the_event_log_is_printed_as_it_happens(place: Place) -> None:
    done, _ = await place.ask([says("ok")], "hi", "--json")
    kinds = [line["type"] for line in done.lines]
    assert kinds[0] == "prompt_set"
    assert kinds[-1] == "turn_ended"
    assert {"turn_started", "message_added", "text_delta", "step_started"} <= set(kinds)


async def test_a_call_that_is_not_allowed_is_refused_and_the_run_goes_on(place: Place) -> None:
    steps = [says("", call("Bash", command="touch made")), says("I could not.")]
    done, server = await place.ask(steps, "go", "--output-format", "json")
    assert done.status == 0
    assert not (place.folder / "made").exists()
    denial = done.json["permission_denials"][0]
    assert (denial["tool_name"], denial["tool_input"]) == ("Bash", {"command": "touch made"})
    told = json.loads(server.requests[1].body)["messages"][-1]["content"]
    assert "touch" in told
    assert "Nobody can be asked" in told


async def test_rules_from_the_command_line_count(place: Place) -> None:
    steps = [says("", call("Bash", command="touch made"), call("Bash", command="touch other")), says("Done.")]
    done, _ = await place.ask(
        steps, "go", "--allowedTools", "Bash(touch *)", "--disallowedTools", "Bash(touch other)"
    )
    assert done.status == 0
    assert (place.folder / "made").exists()
    assert not (place.folder / "other").exists()


async def test_a_denied_tool_is_not_offered(place: Place) -> None:
    _, server = await place.ask([says("ok")], "hi", "--disallowedTools", "Bash")
    names = [t["function"]["name"] for t in json.loads(server.requests[0].body)["tools"]]
    assert "Bash" not in names
    assert "Read" in names


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (ModelError("no such model", kind="not_found"), 1),
        (ModelError("wrong key", kind="auth"), 1),
        (ModelError("no money left", kind="quota"), 1),
    ],
)
async def test_a_failure_of_the_vendor_is_told_and_has_its_status(
    place: Place, failure: ModelError, status: int
) -> None:
    done, _ = await place.ask([failure] * 9, "hi", "--output-format", "json")
    assert done.status == status
    result = done.json
    assert (result["subtype"], result["is_error"]) == ("error_during_execution", True)
    assert result["errors"][0]
    assert "result" not in result


async def test_a_limit_ends_the_run_with_status_3(place: Place) -> None:
    steps = [says("", call("Glob", pattern="*")) for _ in range(9)]
    done, server = await place.ask(steps, "go", "--output-format", "json", "--max-turns", "2")
    assert done.status == 3
    assert done.json["subtype"] == "error_max_turns"
    assert done.json["num_turns"] == 2
    assert len(server.requests) == 2


async def test_nothing_set_up_is_told_in_three_lines(place: Place) -> None:
    done = await place.run("-p", "hi")
    assert done.status == 2
    assert len(done.err.strip().splitlines()) == 3
    assert "KCODE_BASE_URL" in done.err


async def test_an_unreachable_server_is_a_failure_that_may_pass(place: Place) -> None:
    place.environ["KCODE_MODEL"] = ""
    done = await place.run("-p", "hi", base_url="http://127.0.0.1:1/v1")
    assert done.status == 4
    assert "127.0.0.1:1" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
async def test_a_signal_ends_the_run_and_its_commands(
    place: Place, number: signal.Signals, status: int
) -> None:
    mark = f"61.{os.getpid()}"
    steps = [says("", call("Bash", command=f"sleep {mark}"))]
    async with ScriptedServer(steps) as server:
        process = await place.start("-p", "go", "--allowedTools", "Bash", base_url=server.base_url)
        until = time.monotonic() + 30
        while not running(mark):
            assert time.monotonic() < until
            await asyncio.sleep(0.05)
        process.send_signal(number)
        await asyncio.wait_for(process.communicate(), 10)
    assert process.returncode == status
    assert not running(mark)


def running(mark: str) -> bool:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[:2] == [b"sleep", mark.encode()]:
            return True
    return False


async def test_a_reader_that_goes_away_ends_the_run_quietly(place: Place) -> None:
    steps: list[Any] = [says("text", call("Glob", pattern="*")) for _ in range(200)]
    async with ScriptedServer(steps, pace=Pace(delay=0.001)) as server:
        process = await place.start("-p", "go", "--output-format", "stream-json", base_url=server.base_url)
        assert process.stdout is not None
        assert process.stderr is not None
        await process.stdout.readline()
        process.stdout._transport.close()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
        await asyncio.wait_for(process.wait(), 30)
        errors = (await process.stderr.read()).decode()
    assert "Traceback" not in errors
    assert len(server.requests) < 200


async def test_the_session_is_private_and_can_be_continued(place: Place) -> None:
    async with ScriptedServer([says("Blue."), says("As I said.")]) as server:
        await place.run("-p", "my colour is blue", base_url=server.base_url)
        done = await place.run(
            "-p", "-c", "which colour?", "--output-format", "json", base_url=server.base_url
        )
    assert done.status == 0
    texts = [m["content"] for m in json.loads(server.requests[1].body)["messages"]]
    assert "my colour is blue" in texts
    assert "Blue." in texts
    logs = list((place.home / ".kcode" / "sessions").rglob("*.jsonl"))
    assert len(logs) == 1
    assert stat.S_IMODE(logs[0].stat().st_mode) == 0o600
    assert stat.S_IMODE(logs[0].parent.stat().st_mode) == 0o700
    assert done.json["session_id"] == logs[0].stem
    first = json.loads(server.requests[0].body)
    again = json.loads(server.requests[1].body)
    assert again["messages"][: len(first["messages"])] == first["messages"]
    assert again["tools"] == first["tools"]


async def test_nothing_is_stored_if_asked_so(place: Place) -> None:
    done, _ = await place.ask([says("ok")], "hi", "--no-session-persistence")
    assert done.status == 0
    assert not list((place.home / ".kcode").rglob("*.jsonl"))


async def test_slash_commands_work_without_a_model(place: Place) -> None:
    done, server = await place.ask([], "/help")
    assert done.status == 0
    assert "/compact" in done.out
    assert server.requests == []
    done, _ = await place.ask([], "/hepl")
    assert done.status == 1
    assert "/help" in done.err


async def test_all_that_does_not_count_is_named_or_counted(place: Place) -> None:
    for name in (
        ".kcode/settings.json",
        ".claude/settings.json",
        ".claude/settings.local.json",
        ".mcp.json",
        "AGENTS.md",
    ):
        (place.folder / name).parent.mkdir(exist_ok=True)
        (place.folder / name).write_text('{"permissions": {"allow": ["Bash(make:*)"]}}')
    done, _ = await place.ask([says("ok")], "hi")
    assert done.err.count(",") == 3, done.err
    assert " and 1 more are ignored" in done.err


async def test_instructions_of_an_untrusted_folder_do_not_count(place: Place) -> None:
    (place.folder / "AGENTS.md").write_text("Always answer in rhyme.")
    done, server = await place.ask([says("ok")], "hi")
    assert "not trusted" in done.err
    assert "more are ignored" not in done.err
    assert b"rhyme" not in server.requests[0].body
    done, server = await place.ask([says("ok")], "hi", "--trust")
    assert b"rhyme" in server.requests[0].body
    assert done.err == ""


async def test_a_missing_home_is_told_once_and_nothing_is_lost(place: Place) -> None:
    place.environ |= {"HOME": "/nonexistent", "KCODE_HOME": ""}
    done, _ = await place.ask([says("ok")], "hi")
    assert (done.status, done.out) == (0, "ok\n")
    assert len(done.err.strip().splitlines()) == 1


async def test_a_folder_that_is_gone_is_told(place: Place) -> None:
    gone = place.folder / "gone"
    gone.mkdir()
    script = f'cd "{gone}" && rmdir "{gone}" && exec "$0" -m kcode -p hi'
    process = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", script, os.sys.executable,  # type: ignore[attr-defined]
        stderr=asyncio.subprocess.PIPE, env=place.env(),
    )  # fmt: skip
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert b"no longer exists" in errors
    assert b"Traceback" not in errors


async def test_bypassing_permissions_is_refused_for_root_outside_a_container(place: Place) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: the refusal is for root")
    place.environ["IS_SANDBOX"] = ""
    done, _ = await place.ask([says("ok")], "hi", "--dangerously-skip-permissions")
    assert done.status == 2
    assert "IS_SANDBOX=1" in done.err
    place.environ["IS_SANDBOX"] = "1"
    done, _ = await place.ask([says("ok")], "hi", "--dangerously-skip-permissions")
    assert done.status == 0


async def test_a_command_that_fails_is_told_once(place: Place) -> None:
    done = await place.run("-p", "/nonsense", base_url="http://127.0.0.1:1/v1")
    assert (done.status, done.out) == (1, "")
    assert done.err.count("/nonsense") == 1


async def test_a_failed_command_is_an_error_in_the_result(place: Place) -> None:
    done = await place.run("-p", "/nonsense", "--output-format", "json", base_url="http://127.0.0.1:1/v1")
    assert done.status == 1
    assert done.json["is_error"]
    assert "/nonsense" in done.json["errors"][0]


async def test_the_event_log_says_when(place: Place) -> None:
    began = time.time()
    done, _ = await place.ask([says("ok")], "hi", "--json")
    times = [json.loads(line)["at"] for line in done.out.splitlines()]
    assert began <= times[0] <= times[-1] <= time.time()
    assert times == sorted(times)


async def test_ctrl_c_while_the_endpoint_is_examined_leaves_no_traceback(place: Place) -> None:
    async with ScriptedServer([ModelError("", kind="timeout")] * 3) as server:
        process = await place.start("doctor", base_url=server.base_url)
        while not server.requests:
            await asyncio.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 130
    assert errors == b""


async def test_ctrl_c_while_starting_leaves_no_traceback(place: Place) -> None:
    mark = place.folder / "mark"
    settings = json.dumps({"apiKeyHelper": f"touch '{mark}'; sleep 20; echo key"})
    process = await place.start("-p", "hi", "--settings", settings)
    while not mark.exists():
        await asyncio.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 130
    assert b"Traceback" not in errors


async def test_ctrl_c_in_the_middle_of_an_import_leaves_no_traceback(place: Place) -> None:
    mark, modules = place.folder / "mark", place.folder / "modules"
    modules.mkdir()
    # Real modules do this in their own ways, none of them on purpose.
    (modules / "pydantic.py").write_text(
        f"import pathlib, time\npathlib.Path({str(mark)!r}).touch()\n"
        "try:\n    time.sleep(20)\nexcept KeyboardInterrupt:\n    raise RuntimeError('half loaded')\n"
    )
    place.environ["PYTHONPATH"] = os.pathsep.join([str(modules), os.environ.get("PYTHONPATH", "")])
    process = await place.start("-p", "hi")
    while not mark.exists():
        await asyncio.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == -signal.SIGINT
    assert errors == b""


async def test_help_needs_no_working_folder(place: Place) -> None:
    gone = place.folder / "gone"
    gone.mkdir()
    script = f'cd "{gone}" && rmdir "{gone}" && exec "$0" -m kcode --help'
    process = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", script, sys.executable, stdout=asyncio.subprocess.PIPE, env=place.env()
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    assert out.startswith(b"usage: kcode")
