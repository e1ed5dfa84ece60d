import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcode.providers.reply import Reply
from kcode.types.errors import ModelError
from kcode.types.messages import AssistantMessage
from kcode.types.model import Delta, ToolSpec

TOOLS = [
    ToolSpec(name=name, description="", parameters={"type": "object", "properties": {"command": {}}})
    for name in ("Bash", "Read")
]
LEAK = (
    "<|tool_calls_section_begin|><|tool_call_begin|>functions.Bash:0<|tool_call_argument_begin|>"
    '{"command":"ls"}<|tool_call_end|><|tool_calls_section_end|>'
)


def stream(*deltas: dict[str, Any], finish: str = "stop") -> bytes:
    choices: list[dict[str, Any]] = [
        *({"delta": delta} for delta in deltas),
        {"delta": {}, "finish_reason": finish},
    ]
    events = [f"data: {json.dumps({'choices': [choice]})}\n\n" for choice in choices]
    return "".join([*events, "data: [DONE]\n\n"]).encode()


def received(data: bytes, size: int = 10_000, tools: Any = TOOLS) -> tuple[AssistantMessage, list[Delta]]:
    reply = Reply(tools, model="kimi")
    shown: list[Delta] = []
    for at in range(0, len(data), size):
        shown += reply.feed(data[at : at + size])
    message, rest = reply.finish()
    return message, shown + rest


def words(deltas: list[Delta]) -> str:
    return "".join(d.text for d in deltas)


def said(text: str) -> list[dict[str, Any]]:
    return [{"content": text[i : i + 3]} for i in range(0, len(text), 3)]


def test_a_plain_answer_is_shown_as_it_comes_and_kept_whole():
    message, shown = received(stream({"reasoning_content": "hm"}, *said("Hello, world.")))
    assert (message.text, message.thinking, message.model) == ("Hello, world.", "hm", "kimi")
    assert words(shown) == "Hello, world."
    assert [d.thinking for d in shown if d.thinking] == ["hm"]
    assert [r.kind for r in message.repairs] == []


def test_a_leaked_call_is_a_call_and_is_not_shown():
    message, shown = received(stream(*said(f"I look. {LEAK}")))
    assert [(c.name, c.arguments) for c in message.tool_calls] == [("Bash", '{"command":"ls"}')]
    assert message.finish == "tool_calls"
    assert words(shown) == message.text == "I look. "


def test_a_leak_in_the_thinking_is_a_call_and_is_not_shown():
    message, shown = received(stream(*({"reasoning": d["content"]} for d in said(f"hm {LEAK}"))))
    assert [c.name for c in message.tool_calls] == ["Bash"]
    assert "".join(d.thinking for d in shown) == message.thinking == "hm "


def test_thinking_in_tags_is_shown_as_thinking():
    message, shown = received(stream(*said("<think>plan</think>\n\nanswer")))
    assert (message.thinking, message.text) == ("plan", "answer")
    assert ("".join(d.thinking for d in shown), words(shown)) == ("plan", "answer")


@pytest.mark.parametrize("size", [1, 3, 7, 10_000])
def test_thinking_between_words_is_shown_as_thinking_and_joins_what_was_thought(size: int):
    text = "Look.\n<think>plan</think>\nThe <think> tag.\n<think>\nnever closed"
    message, shown = received(stream({"reasoning_content": "hm"}, *said(text)), size)
    clean = "Look.\nThe <think> tag.\n<think>\nnever closed"
    assert (message.thinking, message.text) == ("hm\nplan", clean)
    assert ("".join(d.thinking for d in shown), words(shown)) == ("hm\nplan", clean)


def test_a_call_is_announced_under_the_name_of_the_offered_tool():
    call = {
        "tool_calls": [{"index": 0, "id": "x", "function": {"name": "functions.bash:0", "arguments": "{}"}}]
    }
    message, shown = received(stream(call, finish="tool_calls"))
    assert [d.call for d in shown] == ["Bash"]
    assert message.tool_calls[0].name == "Bash"
    assert message.tool_calls[0].id != "x"


def test_a_written_call_is_held_back_and_runs_but_shows_beside_a_proper_one():
    text = 'So:\n```json\n{"name": "Bash", "arguments": {"command": "ls"}}\n```'
    message, shown = received(stream(*said(text)))
    assert [c.name for c in message.tool_calls] == ["Bash"]
    assert words(shown).rstrip() == message.text == "So:"
    call = {"tool_calls": [{"index": 0, "id": "x", "function": {"name": "Read", "arguments": "{}"}}]}
    message, shown = received(stream(*said(text), call))
    assert [c.name for c in message.tool_calls] == ["Read"]
    assert words(shown) == message.text == text


@pytest.mark.parametrize(
    ("deltas", "finish", "match"),
    [
        ([], "stop", "nothing at all"),
        ([{"content": " \n"}], "stop", "nothing at all"),
        ([{"reasoning_content": "hm"}], "stop", "only thinking"),
        ([{"content": "(Empty response: {'content': []})"}], "stop", "nothing at all"),
        ([], "tool_calls", "announced a tool call"),
    ],
)
def test_a_reply_without_answer_and_call_is_an_error_that_may_pass(deltas: Any, finish: str, match: str):
    with pytest.raises(ModelError, match=match) as error:
        received(stream(*deltas, finish=finish))
    assert error.value.kind == "empty"
    assert error.value.transient


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_a_reply_that_was_ended_from_outside_may_be_empty(finish: str):
    message, _ = received(stream({"reasoning_content": "hm"}, finish=finish))
    assert (message.finish, message.text) == (finish, "")


def test_keep_alive_comments_are_no_events_and_the_end_is_known():
    reply = Reply()
    reply.feed(b": keep-alive\n\n" * 5)
    assert (reply.events, reply.done) == (0, False)
    reply.feed(stream({"content": "a"}))
    assert (reply.events, reply.done) == (2, True)
    failed = Reply()
    failed.feed(b'data: {"error": {"message": "overloaded"}}\n\n')
    assert failed.done


FRAGMENTS = [
    "Hello ",
    LEAK,
    LEAK[:40],
    "`x` ",
    "```\ncode\n```\n",
    "<think>",
    "a</think>",
    '{"name": "Bash", ',
    '"arguments": {}}',
    "é🙂",
    "\n",
]  # fmt: skip - one list


def stable(message: AssistantMessage) -> AssistantMessage:
    count = itertools.count()
    parts = [
        part.model_copy(update={"id": str(next(count))}) if part.type == "tool_call" else part
        for part in message.parts
    ]
    return message.model_copy(update={"parts": tuple(parts)})


def outcome(data: bytes, size: int) -> AssistantMessage | str:
    try:
        return stable(received(data, size)[0])
    except ModelError as error:
        return str(error)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(FRAGMENTS), max_size=6).map("".join),
    st.lists(st.sampled_from(FRAGMENTS), max_size=3).map("".join),
    st.integers(1, 60),
    st.booleans(),
)
def test_the_message_does_not_depend_on_packets_nor_on_chunks(
    text: str, thinking: str, size: int, once: bool
):
    whole = stream({"reasoning_content": thinking}, {"content": text}, {"content": "."})
    pieces = stream(
        *({"reasoning_content": d["content"]} for d in said(thinking)), *said(text), {"content": "."}
    )
    assert outcome(whole if once else pieces, size) == outcome(whole, 10_000)


def test_the_shared_streams_become_messages(wire_corpus: Callable[[str], Any]):
    tools = [ToolSpec(name=n, description="", parameters=s) for n, s in wire_corpus("tools.json").items()]
    wanted = {"cut": "broken_stream", "error": "overloaded", "empty": "empty", "think_only": "empty"}
    for row in wire_corpus("streams.jsonl"):
        data = "".join((d if d.startswith(":") else f"data: {d}") + "\n\n" for d in row["data"]).encode()
        for size in (1, 4, 10_000):
            if row["outcome"] in wanted:
                with pytest.raises(ModelError) as error:
                    received(data, size, tools)
                assert error.value.kind == wanted[row["outcome"]], row["id"]
                continue
            message, shown = received(data, size, tools)
            assert message.finish == row["outcome"], row["id"]
            assert [[c.name, c.arguments] for c in message.tool_calls] == [c[1:] for c in row["calls"]], row[
                "id"
            ]
            assert words(shown) == message.text == row["content"], row["id"]


def test_the_shared_leaks_come_through_a_stream_unseen(wire_corpus: Callable[[str], Any]):
    tools = [ToolSpec(name=n, description="", parameters=s) for n, s in wire_corpus("tools.json").items()]
    for row in wire_corpus("leaks.jsonl"):
        key = "reasoning_content" if row["where"] == "reasoning" else "content"
        data = stream(*({key: d["content"]} for d in said(row["text"])))
        message, shown = received(data, 11, tools)
        assert [[c.name, json.loads(c.arguments)] for c in message.tool_calls] == row["calls"], row["id"]
        text = words(shown) if key == "content" else "".join(d.thinking for d in shown)
        if "think-no-open" not in row["id"]:
            assert text == row["clean"], row["id"]
