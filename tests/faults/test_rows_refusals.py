"""Rows 61 to 77 of the fault matrix: requests that the server refuses."""

import asyncio
import base64
import json
from dataclasses import replace
from typing import cast

import pytest
from fault_bench import Faults, Talk, refuses, said, until, wired

from kcode.app.profiles import Profiles
from kcode.config.home import find_home
from kcode.providers.dialect import Dialect, choose, target
from kcode.providers.profile import departures
from kcode.providers.scripted import call, says
from kcode.providers.scripted_wire import Wire
from kcode.types.connection import Connection
from kcode.types.messages import AssistantMessage, ImagePart
from kcode.types.model import JsonObject, Request

_KIMI = choose(target(Connection("https://api.moonshot.ai/v1", model="kimi-k3")))


def _spoken(talk: Talk) -> Dialect:
    return cast("Dialect", talk.conversation._agent.model.dialect)  # pyright: ignore[reportAttributeAccessIssue] - the tests' model has one


def _fields(_: object) -> JsonObject:
    return {"temperature": 0.2, "top_p": 0.5, "n": 2}


async def test_row_61_a_sampling_parameter_that_is_refused_is_never_sent_again(faults: Faults):
    async with faults(said("one"), said("two"), dialect=replace(_KIMI, fields=_fields), expect=3) as talk:
        assert (await talk.say()).stop_reason == "end_turn"
        assert (await talk.say()).stop_reason == "end_turn"
    assert len(talk.refused) == 3
    assert not {"temperature", "top_p", "n"} & talk.bodies[-1].keys()
    assert talk.repairs["wire:refused"] == 3
    assert talk.notices.count("refused a part") == 3


async def test_row_62_a_refused_way_of_thinking_is_left_out_and_told_once(faults: Faults):
    def fields(_: object) -> JsonObject:
        return {"thinking": {"type": "enabled"}}

    async with faults(said("one"), said("two"), dialect=replace(_KIMI, fields=fields), expect=1) as talk:
        await talk.say()
        await talk.say()
    assert "thinking" not in talk.bodies[-1]
    assert talk.notices.count("refused a part") == 1


async def test_row_63_a_refused_tool_choice_is_left_out(faults: Faults):
    same = [wired("Glob", {"pattern": "*.none"}) for _ in range(12)]
    words = "tool_choice 'none' is incompatible with thinking enabled"
    async with faults(*same, refuses(400, words), said("Stuck.")) as talk:
        ended = await talk.say()
    assert "tool_choice" not in talk.bodies[-1]
    assert talk.answers[-1].text == "Stuck."
    assert "12 times" in ended.note


async def test_row_64_missing_reasoning_is_filled_and_remembered(faults: Faults):
    dropping = replace(_KIMI, reasoning="dropped")
    thinks = says("", call("Bash", command="echo 1"), thinking="hm")
    steps = [thinks, says("", call("Bash", command="echo 2")), said("ok")]
    async with faults(*steps, dialect=dropping, expect=1) as talk:
        ended = await talk.say()
    assert ended.stop_reason == "end_turn"
    acts = [m for m in talk.bodies[-1]["messages"] if m.get("tool_calls")]
    assert [m["reasoning_content"] for m in acts] == ["hm", ""]
    assert len(talk.refused) == 1


async def test_row_64_a_filler_stands_where_an_empty_one_is_refused(faults: Faults):
    words = "thinking is enabled but reasoning_content is missing in assistant tool call message at index 2"
    refused = [refuses(400, words)] * 2
    async with faults(wired("Bash", {"command": "echo 1"}), *refused, said("ok")) as talk:
        ended = await talk.say()
    assert ended.stop_reason == "end_turn"
    assert next(m for m in talk.bodies[-1]["messages"] if m.get("tool_calls"))["reasoning_content"] == " "


@pytest.mark.parametrize(
    "wire",
    [
        refuses(400, "Invalid request: the message at position 2 with role 'assistant' must not be empty"),
        Wire([b'{"detail":[{"loc":["body","messages",6,"content"],"msg":"message.6.content invalid input"}]}'], 422,
             {"content-type": "application/json"}),
    ],
)  # fmt: skip
async def test_row_65_content_that_is_refused_is_spelt_the_other_way(faults: Faults, wire: Wire):
    steps = [wired("Bash", {"command": "echo 1"}), wire, wired("Bash", {"command": "echo 2"}), said("ok")]
    async with faults(*steps) as talk:
        ended = await talk.say()
    assert ended.stop_reason == "end_turn"
    before, after = (next(m for m in b["messages"] if m.get("tool_calls")) for b in talk.bodies[1:3])
    assert ("content" in before) != ("content" in after)
    last = [m for m in talk.bodies[-1]["messages"] if m.get("tool_calls")]
    assert all(("content" in m) == ("content" in after) for m in last)


async def test_row_66_a_broken_pairing_is_put_right_once_and_then_told(faults: Faults):
    lost = refuses(400, "Invalid request: tool_call_id  is not found")
    async with faults(wired("Bash", {"command": "echo 1"}), lost, said("ok")) as talk:
        assert (await talk.say()).stop_reason == "end_turn"
        assert _spoken(talk).strict
    async with faults(*[lost] * 9, options={"persist": True}) as talk:
        ended = await talk.say()
        assert ended.stop_reason == "error"
        assert len(talk.bodies) == 2
        assert "2 forms" in ended.note


@pytest.mark.parametrize(
    "words",
    [
        "messages.2: `tool_use` ids were found without `tool_result` blocks immediately after: call_1",
        "messages.1.content.0: unexpected `tool_use_id` found in `tool_result` blocks",
        "Unexpected role 'tool' after role 'user'",
    ],
)
async def test_row_66_other_vendors_words_for_it_are_understood(faults: Faults, words: str):
    async with faults(wired("Bash", {"command": "echo 1"}), refuses(400, words), said("ok")) as talk:
        assert (await talk.say()).stop_reason == "end_turn"
        assert _spoken(talk).strict


async def test_row_66_a_result_without_its_call_in_the_history_is_sent_in_a_legal_form(faults: Faults):
    from kcode.types.events import MessageAdded
    from kcode.types.messages import TextPart, ToolMessage

    async with faults(said("one"), said("two"), expect=1) as talk:
        await talk.say()
        lost = ToolMessage(call_id="call_lost", name="Bash", parts=(TextPart(text="lost"),))
        talk.conversation.state.apply(MessageAdded(message=lost))
        assert (await talk.say()).stop_reason == "end_turn"
    assert all(m["role"] != "tool" for m in talk.bodies[-1]["messages"])


async def test_row_67_a_tool_whose_schema_is_refused_is_left_out(faults: Faults):
    words = "function.parameters of TodoWrite is not a valid moonshot flavored json schema, details: <At path 'x'>"
    async with faults(refuses(400, words), said("ok")) as talk:
        ended = await talk.say()
    assert ended.stop_reason == "end_turn"
    names = [[t["function"]["name"] for t in b["tools"]] for b in talk.bodies]
    assert set(names[0]) - set(names[1]) == {"TodoWrite"}
    assert "TodoWrite" in talk.notices


async def test_row_68_no_request_carries_two_tools_of_one_name(faults: Faults):
    async with faults(said("ok")) as talk:
        await talk.say()
        model = talk.conversation._agent.model
        tools = [*talk.conversation.state.tools, *talk.conversation.state.tools]
        body = json.loads(model._encoder.body(Request("", [], tools)))  # pyright: ignore[reportAttributeAccessIssue, reportUnknownArgumentType, reportUnknownMemberType] - as above
    names = [t["function"]["name"] for t in body["tools"]]
    assert len(names) == len(set(names)) == len(talk.conversation.state.tools)


@pytest.mark.parametrize(
    "words",
    [
        "Invalid request: Your request exceeded model token limit: 100000 (requested: 274613)",
        "Input token length too long",
    ],
)
async def test_row_69_an_overflow_makes_the_conversation_shorter_and_goes_on(faults: Faults, words: str):
    for i in range(6):
        (faults.folder / f"{i}.txt").write_text(f"line {i} of a long text that fills the window\n" * 1_900)
    reads = [wired("Read", {"file_path": f"{i}.txt"}) for i in range(6)]

    def answers(request: Request) -> AssistantMessage:
        del request
        return says("A summary: a.txt was read.")

    async with faults(*reads, refuses(400, words), *[answers] * 4) as talk:
        ended = await talk.say()
        learnt = talk.conversation.model.window
    assert ended.stop_reason == "end_turn"
    assert (learnt == 100_000) == ("100000" in words)
    assert len(json.dumps(talk.bodies[-1])) <= len(json.dumps(talk.bodies[6]))


async def test_row_69_a_window_that_was_learnt_is_kept_for_the_next_run(faults: Faults):
    from kcode.app.models import remember
    from kcode.providers import catalog
    from kcode.providers.openai_chat import OpenAIChat

    profiles = Profiles(find_home({"HOME": str(faults.folder.parent / "home")}))
    connection = Connection("https://vendor.example/v1", model="kimi-k3")
    model = OpenAIChat(connection, catalog.lookup("kimi-k3", connection.base_url))
    remember(model, connection, profiles)
    model.hooks.learnt({"no_text": "omitted"}, 262_144)
    again = OpenAIChat(connection, catalog.lookup("kimi-k3", connection.base_url))
    remember(again, connection, profiles)
    assert again.info.window == 262_144
    assert departures(again.dialect, choose(target(connection))) == {"no_text": "omitted"}
    set_by_hand = replace(connection, window=50_000)
    other = OpenAIChat(set_by_hand, replace(model.info, window=50_000))
    remember(other, set_by_hand, profiles)
    assert other.info.window == 50_000


_PICTURE = base64.b64encode(b"\x89PNG" + bytes(900_000)).decode()


async def test_row_70_a_body_that_is_too_large_loses_its_pictures_first(faults: Faults):
    async with faults(said("one"), said("two"), said("three"), expect=1) as talk:
        for _ in range(3):
            picture = ImagePart(media_type="image/png", data=_PICTURE)
            ended = await talk.conversation.prompt("look", [picture])
            assert ended.stop_reason == "end_turn"
    assert len(json.dumps(talk.bodies[-1])) < 2_097_152


async def test_row_70_a_server_that_takes_less_is_sent_fewer_pictures_and_its_window_stays(faults: Faults):
    too_large = refuses(413, "Request body too large: 1500000 bytes exceeds the limit")
    fine = [said(f"picture {n}") for n in range(3)]
    async with faults(*fine, too_large, too_large, said("all")) as talk:
        for _ in range(4):
            picture = ImagePart(media_type="image/png", data=_PICTURE[:200_000])
            assert (await talk.conversation.prompt("look", [picture])).stop_reason == "end_turn"
        assert talk.conversation.state.window_learnt == 0
        assert talk.conversation.state.compacted is None
    assert "Summaries" not in talk.notices
    pictures = [json.dumps(body).count('"image_url": {') for body in talk.bodies]
    assert pictures == [1, 2, 3, 4, 1, 0]


async def test_row_71_a_picture_that_is_refused_is_left_out_not_the_turn(faults: Faults):
    picture = ImagePart(media_type="image/png", data="aGk=")
    words = "image_url is not supported by this model"
    async with faults(refuses(400, words), refuses(400, words), said("ok")) as talk:
        ended = await talk.conversation.prompt("look", [picture])
    assert ended.stop_reason == "end_turn"
    assert "image_url" not in json.dumps(talk.bodies[-1]["messages"])
    assert "left out" in json.dumps(talk.bodies[-1]["messages"])


async def test_row_72_a_model_that_is_gone_comes_with_the_nearest_that_is_there(faults: Faults):
    words = "Not found the model kimi-k2-0711-preview or Permission denied"
    gone = refuses(404, words, "resource_not_found_error")
    async with faults(gone, said("ok")) as talk:
        talk.server._served.models[:] = [{"id": "kimi-k2.6"}, {"id": "kimi-k3.1-pro"}, {"id": "kimi-k33"}]
        ended = await talk.say()
        assert ended.stop_reason == "error"
        assert "Did you mean kimi-k33?" in ended.note
        assert (await talk.say()).stop_reason == "end_turn"


@pytest.mark.parametrize(
    ("wire", "kind", "words"),
    [
        (refuses(401, "Invalid Authentication"), "auth", "MOONSHOT_API_KEY"),
        (refuses(402, "We're unable to verify your membership benefits at this time"), "quota", "balance"),
        (refuses(403, "You've reached your usage limit for this billing cycle"), "quota", "waiting does not help"),
        (refuses(429, "Your account is suspended due to insufficient balance", "exceeded_current_quota_error"),
         "quota", "waiting does not help"),
        (refuses(403, "Kimi For Coding is currently only available for Coding Agents", "access_terminated_error"),
         "forbidden", "platform.kimi.ai"),
    ],
)  # fmt: skip
async def test_rows_73_and_74_what_waiting_does_not_mend_is_sent_once_and_explained(
    faults: Faults, wire: Wire, kind: str, words: str
):
    async with faults(wire, said("never")) as talk:
        ended = await talk.say()
    assert ended.error is not None
    assert (ended.error.kind, len(talk.bodies), talk.retries) == (kind, 1, [])
    assert words in ended.note
    assert talk.server.stats.requests[0].headers["user-agent"].startswith("kcode/")


async def test_row_74_the_program_never_calls_itself_another(faults: Faults):
    only = refuses(
        403, "Kimi For Coding is currently only available for Coding Agents such as Kimi CLI, Claude Code"
    )
    async with faults(only, only) as talk:
        await talk.say()
        await talk.say()
    agents = {r.headers["user-agent"] for r in talk.server.stats.requests}
    assert len(agents) == 1
    assert agents.pop().startswith("kcode/")


async def test_row_75_where_one_request_is_allowed_sub_agents_queue(faults: Faults):
    limit = refuses(429, "Your account reached organization max concurrency: 1, please try again after 1 seconds",
                    "rate_limit_reached_error")  # fmt: skip
    first = says("", *(call("Agent", prompt=f"part {i}", read_only=True) for i in range(3)))
    running, most = 0, 0

    async def slow(request: Request) -> AssistantMessage:
        nonlocal running, most
        del request
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.02)
        running -= 1
        return says("part done")

    async def plays(request: Request) -> AssistantMessage:
        return await slow(request)

    async with faults(limit, first, *[plays] * 4) as talk:
        ended = await talk.say()
    assert ended.stop_reason == "end_turn"
    assert most == 1
    assert talk.retries == ["rate_limited"]
    assert [m.is_error for m in talk.results] == [False] * 3


async def test_row_76_an_overloaded_server_is_waited_for_as_long_as_is_set(faults: Faults):
    busy = refuses(
        429, "The engine is currently overloaded, please try again later", "engine_overloaded_error"
    )
    settings = {"retries": {"overloadedSeconds": 1200}}
    async with faults(*[busy] * 60, settings=settings) as talk:
        ended = await talk.say()
    assert 900 < sum(talk.waits) < 1500
    assert 44 < max(talk.waits) <= 75
    assert "/model" in ended.note
    assert ended.error is not None
    assert ended.error.transient


async def test_row_76_waiting_can_be_interrupted(faults: Faults):
    busy = refuses(529, "overloaded")

    async def sleep(_: float) -> None:
        await asyncio.sleep(60)

    async with faults(busy, said("ok"), sleep=sleep) as talk:
        turn = asyncio.create_task(talk.say())
        await until(lambda: talk.retries)
        talk.conversation.cancel()
        assert (await asyncio.wait_for(turn, 0.5)).stop_reason == "cancelled"
        assert (await talk.say()).stop_reason == "end_turn"


@pytest.mark.parametrize(
    "wire",
    [
        refuses(500, "server error", "server_error"),
        refuses(500, "unexpected_output", "unexpected_output"),
        Wire(
            [b"<html><h1>502 Bad Gateway</h1>" + b"x" * 5_000 + b"</html>"],
            502,
            {"content-type": "text/html"},
        ),
        Wire([b"upstream connect error"], 503, {"content-type": "text/plain"}),
        Wire([], 504, {"content-type": "text/plain"}),
    ],
)
async def test_row_77_a_failing_server_is_asked_again_with_jitter(faults: Faults, wire: Wire):
    async with faults(wire, wire, said("ok")) as talk:
        ended = await talk.say()
    assert (ended.stop_reason, talk.retries) == ("end_turn", ["server", "server"])
    assert 0.75 <= talk.waits[0] <= 1.25
    assert 1.5 <= talk.waits[1] <= 2.5
    from kcode.types.events import Retrying

    assert all(len(e.message) < 500 for e in talk.of(Retrying))
