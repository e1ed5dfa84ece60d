"""A program on the other side of stdin and stdout."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from installed import Place

from kcode.providers.scripted import call, says
from kcode.providers.scripted_server import ScriptedServer


class Host:
    """Writes lines and reads them."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.seen: list[dict[str, Any]] = []

    def send(self, **message: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")

    def say(self, text: str) -> None:
        self.send(
            type="user", message={"role": "user", "content": text}, parent_tool_use_id=None, session_id=""
        )

    def control(self, name: str, **request: Any) -> None:
        self.send(type="control_request", request_id=name, request=request)

    async def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        assert self.process.stdout is not None
        while True:
            line = await asyncio.wait_for(self.process.stdout.readline(), 30)
            assert line, f"stdout ended after {self.seen[-3:]}"
            self.seen.append(json.loads(line))
            if wanted(self.seen[-1]):
                return self.seen[-1]

    async def result(self) -> dict[str, Any]:
        return await self.until(lambda m: m["type"] == "result")

    async def answer(self, name: str) -> dict[str, Any]:
        found = await self.until(
            lambda m: m["type"] == "control_response" and m["response"]["request_id"] == name
        )
        return found["response"]


StartHost = Callable[..., AbstractAsyncContextManager[Host]]


@pytest.fixture
def host(place: Place) -> StartHost:
    @asynccontextmanager
    async def start(steps: list[Any], *flags: str) -> AsyncGenerator[Host]:
        async with ScriptedServer(steps) as server:
            process = await place.start(
                "-p",
                "--input-format",
                "stream-json",
                "--output-format",
                "stream-json",
                *flags,
                base_url=server.base_url,
                stdin=asyncio.subprocess.PIPE,
            )
            assert process.stdin is not None
            yield Host(process)
            process.stdin.close()
            assert await asyncio.wait_for(process.wait(), 20) == 0

    return start


async def test_each_message_gets_its_events_and_a_result(host: StartHost) -> None:
    async with host([says("One."), says("Two.")]) as h:
        h.say("first")
        assert (await h.result())["result"] == "One."
        h.say("second")
        assert (await h.result())["result"] == "Two."
        assert [m["type"] for m in h.seen] == ["system", "assistant", "result"] * 2
        assert len({m["session_id"] for m in h.seen}) == 1


async def test_messages_sent_early_wait_their_turn_and_stdin_may_end_first(place: Place) -> None:
    lines = "".join(
        json.dumps({"type": "user", "message": {"role": "user", "content": [{"type": "text", "text": t}]}})
        + "\n"
        for t in ("a", "b")
    )
    async with ScriptedServer([says("A."), says("B.")]) as server:
        done = await place.run("-p", "--input-format", "stream-json", base_url=server.base_url, piped=lines)
    assert done.status == 0
    assert [m["result"] for m in done.lines if m["type"] == "result"] == ["A.", "B."]


async def test_a_question_that_the_time_ends_is_taken_back(host: StartHost, place: Place) -> None:
    steps = [says("", call("Bash", command="touch no"))]
    async with host(steps, "--permission-prompt-tool", "stdio", "--max-time", "2") as h:
        h.say("go")
        asked = await h.until(lambda m: m["type"] == "control_request")
        taken_back = await h.until(lambda m: m["type"] == "control_cancel_request")
        assert taken_back["request_id"] == asked["request_id"]
        result = await h.result()
        assert (result["subtype"], result["errors"]) == (
            "error_max_time",
            ["Reached the limit of 2 s (--max-time)."],
        )
        allowed = {"subtype": "success", "request_id": asked["request_id"], "response": {"behavior": "allow"}}
        h.send(type="control_response", response=allowed)
        h.control("1", subtype="get_context_usage")
        assert (await h.answer("1"))["subtype"] == "success"
    assert not (place.folder / "no").exists()


async def test_the_host_decides_about_calls(host: StartHost, place: Place) -> None:
    steps = [
        says("", call("Bash", command="touch yes")),
        says("", call("Bash", command="touch no")),
        says("Done."),
    ]
    async with host(steps, "--permission-prompt-tool", "stdio") as h:
        h.say("go")
        for behaviour in ("allow", "deny"):
            asked = await h.until(lambda m: m["type"] == "control_request")
            assert asked["request"]["subtype"] == "can_use_tool"
            assert asked["request"]["tool_name"] == "Bash"
            body = {"behavior": behaviour, "message": "not that"}
            h.send(
                type="control_response",
                response={"subtype": "success", "request_id": asked["request_id"], "response": body},
            )
        result = await h.result()
        assert [d["tool_input"] for d in result["permission_denials"]] == [{"command": "touch no"}]
    assert (place.folder / "yes").exists()
    assert not (place.folder / "no").exists()


async def test_control_requests_are_answered(host: StartHost) -> None:
    async with host([]) as h:
        h.control("r1", subtype="initialize", hooks=None)
        answer = await h.answer("r1")
        assert {c["name"] for c in answer["response"]["commands"]} >= {"compact", "cost", "context"}
        h.control("r2", subtype="set_permission_mode", mode="acceptEdits")
        assert (await h.answer("r2"))["response"] == {"mode": "acceptEdits"}
        h.control("r3", subtype="nonsense")
        answer = await h.answer("r3")
        assert (answer["subtype"], answer["error_code"]) == ("error", "unsupported_request")
        h.control("r4", subtype="get_context_usage")
        assert (await h.answer("r4"))["response"]["limit"] > 0


async def test_an_interrupt_ends_the_turn_and_the_next_one_works(host: StartHost) -> None:
    steps = [says("", call("Bash", command="sleep 60")), says("Back.")]
    async with host(steps, "--allowedTools", "Bash") as h:
        h.say("go")
        await h.until(lambda m: m["type"] == "assistant")
        await asyncio.sleep(0.5)
        h.control("r1", subtype="interrupt")
        result = await h.result()
        assert (result["stop_reason"], result["is_error"]) == ("cancelled", True)
        h.say("again")
        assert (await h.result())["result"] == "Back."


async def test_slash_commands_and_junk_do_no_harm(host: StartHost) -> None:
    async with host([says("ok")]) as h:
        assert h.process.stdin is not None
        h.process.stdin.write(b"{not json\n[]\n" + json.dumps({"type": "keep_alive"}).encode() + b"\n")
        h.say("/cost")
        result = await h.result()
        assert "Cost" in result["result"]
        assert result["num_turns"] == 0
        h.say("hi")
        assert (await h.result())["result"] == "ok"
