import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcode.providers.assemble import Assembler, Response
from kcode.providers.assemble_lines import LIMIT
from kcode.providers.assemble_usage import read_usage
from kcode.types.errors import ModelError
from kcode.types.messages import Usage


def sse(payload: Any) -> str:
    return f"data: {json.dumps(payload, ensure_ascii=False)}\n\n"


def event(delta: Any, finish: str | None = None, **more: Any) -> str:
    return sse({"model": "kimi", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more})


def call(piece: Any = None, **more: Any) -> dict[str, Any]:
    function = {key: more.pop(key) for key in ("name",) if key in more}
    return {"tool_calls": [{"function": {**function, "arguments": piece}, **more}]}


def in_pieces(*pieces: str) -> list[dict[str, Any]]:
    return [call(piece, index=0, id="x", name="bash") for piece in pieces]


STOP = event({}, "stop")
DONE = "data: [DONE]\n\n"


def whole(*parts: str | bytes, cut: bool = False) -> Response:
    assembler = Assembler()
    for part in parts:
        assembler.feed(part if isinstance(part, bytes) else part.encode())
    return assembler.finish(cut=cut)


def calls(*deltas: dict[str, Any]) -> list[tuple[str, str, str]]:
    response = whole(*(event(delta) for delta in deltas), event({}, "tool_calls"), DONE)
    return [(c.id, c.name, c.arguments) for c in response.calls]


def kinds(response: Response) -> list[str]:
    return [repair.kind for repair in response.repairs]


def test_text_and_thinking_are_joined_and_shown_as_they_come():
    assembler = Assembler()
    shown = assembler.feed((event({"reasoning_content": "hm"}) + event({"content": "a"})).encode())
    shown += assembler.feed((event({"content": "b"}) + STOP + DONE).encode())
    response = assembler.finish()
    assert [(d.text, d.thinking) for d in shown] == [("", "hm"), ("a", ""), ("b", "")]
    assert (response.text, response.thinking, response.finish, response.model) == ("ab", "hm", "stop", "kimi")
    assert response.reasoning_key == "reasoning_content"
    assert response.repairs == ()


def test_a_call_is_announced_once_when_its_name_is_known():
    assembler = Assembler()
    shown = assembler.feed(
        (event(call("", index=0, id="a", name="bash")) + event(call("{}", index=0))).encode()
    )
    assert [d.call for d in shown] == ["bash"]


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning", "reasoning_text"])
def test_the_reasoning_key_is_reported_so_that_it_can_go_back(key: str):
    response = whole(event({key: "a"}), event({key: "b", "content": ""}), event({"content": "c"}), STOP)
    assert (response.thinking, response.reasoning_key) == ("ab", key)


def test_reasoning_under_two_keys_at_once_is_not_doubled():
    delta = {
        "reasoning": "a",
        "reasoning_content": "a",
        "reasoning_details": [{"type": "reasoning.text", "text": "a"}],
    }
    assert whole(event(delta), event(delta), STOP).thinking == "aa"


def test_reasoning_only_in_details_or_in_content_parts_is_found():
    details = {
        "reasoning_details": [
            {"type": "reasoning.text", "text": "a"},
            {"type": "reasoning.encrypted", "data": "x"},
        ]
    }
    assert whole(event(details), STOP).thinking == "a"
    parts = {
        "content": [
            {"type": "thinking", "thinking": [{"type": "text", "text": "a"}]},
            {"type": "text", "text": "b"},
        ]
    }
    response = whole(event(parts), STOP)
    assert (response.thinking, response.text) == ("a", "b")


@pytest.mark.parametrize(
    ("deltas", "want"),
    [
        pytest.param(
            [
                call('{"a"', index=0, id="x", name="read"),
                call('{"b"', index=1, id="y", name="grep"),
                call(":1}", index=0),
                call(":2}", index=1),
            ],
            [("x", "read", '{"a":1}'), ("y", "grep", '{"b":2}')],
            id="interleaved",
        ),
        pytest.param(
            [
                call('{"a"', index=1, id="y", name="grep"),
                call('{"b"', index=0, id="x", name="read"),
                call(":1}", index=1),
                call(":2}", index=0),
            ],
            [("x", "read", '{"b":2}'), ("y", "grep", '{"a":1}')],
            id="out of order",
        ),
        pytest.param(
            [call(piece, index=0, id="0", name="bash") for piece in ("", '{"a"', ":1}")],
            [("0", "bash", '{"a":1}')],
            id="id and name in every chunk",
        ),
        pytest.param(
            [call('{"a"', index=0, id="0", name="bash"), call(":1}", index=0, id="0", name="")],
            [("0", "bash", '{"a":1}')],
            id="empty name later",
        ),
        pytest.param(
            [
                call('{"a"', id="x", name="bash"),
                call(":1}"),
                call('{"b"', id="y", name="read"),
                call(":2}", id="y"),
            ],
            [("x", "bash", '{"a":1}'), ("y", "read", '{"b":2}')],
            id="no index",
        ),
        pytest.param(
            [call('{"a":1}', name="bash"), call('{"b":2}', name="bash")],
            [("", "bash", '{"a":1}'), ("", "bash", '{"b":2}')],
            id="neither index nor id",
        ),
        pytest.param(
            [
                call('{"a"', index=0, id="x", name="read"),
                call('{"b"', index=0, id="y", name="read"),
                call(":1}", index=0, id="x"),
                call(":2}", index=0, id="y"),
            ],
            [("x", "read", '{"a":1}'), ("y", "read", '{"b":2}')],
            id="one index, two ids, interleaved",
        ),
        pytest.param(
            [call('{"a":1}', index=0, name="read"), call('{"a":2}', index=0, name="read")],
            [("", "read", '{"a":1}'), ("", "read", '{"a":2}')],
            id="one index, no ids",
        ),
        pytest.param(
            [
                call('{"a"', index=0, id="r1", name="bash"),
                call(':"x', index=0, id="r2"),
                call('"}', index=0, id="r3"),
            ],
            [("r1", "bash", '{"a":"x"}')],
            id="a new id for every chunk",
        ),
        pytest.param(
            [call('{"a"', index=0, id="r1", name="bash"), call(":1}", index=0, id="r2", name="bash")],
            [("r1", "bash", '{"a":1}')],
            id="a new id and the name for every chunk",
        ),
        pytest.param(
            [call('{"a":1}', index=0, id="x", name="bash")] * 2,
            [("x", "bash", '{"a":1}')],
            id="sent twice",
        ),
        pytest.param(
            in_pieces('{"a"', ":1}", '{"a"', ":1}"),
            [("x", "bash", '{"a":1}')],
            id="sent twice in pieces",
        ),
        pytest.param(
            [call('{"a":1}', index=0, name="bash")] * 2,
            [("", "bash", '{"a":1}')],
            id="sent twice without id",
        ),
        pytest.param(
            [call('{"a":1}', index=i, id="x", name="bash") for i in (0, 1)],
            [("x", "bash", '{"a":1}')],
            id="sent twice under another index",
        ),
        pytest.param(
            [call('{"a":1}', index=i, id=f"x{i}", name="bash") for i in (0, 1)],
            [("x0", "bash", '{"a":1}'), ("x1", "bash", '{"a":1}')],
            id="two equal calls",
        ),
        pytest.param(
            in_pieces('{"a', '{"a":', '{"a":1}'),
            [("x", "bash", '{"a":1}')],
            id="cumulative",
        ),
        pytest.param(
            in_pieces('{"a":', '{"a":1}', "}"),
            [("x", "bash", '{"a":{"a":1}}')],
            id="nested object that looks cumulative",
        ),
        pytest.param([call(None, index=0, id="x", name="bash")], [("x", "bash", "")], id="null"),
        pytest.param(
            [call({"a": "é"}, index=0, id="x", name="bash")], [("x", "bash", '{"a":"é"}')], id="object"
        ),
        pytest.param(
            [call("{", index=0, id="x", name="ba"), call(None, index=0, name="bash"), call("}", index=0)],
            [("x", "bash", "{}")],
            id="cumulative name",
        ),
        pytest.param(
            [call(None, index=0, id="x", name="get_"), call("{}", index=0, name="weather")],
            [("x", "get_weather", "{}")],
            id="name in pieces",
        ),
        pytest.param(
            [call("{}", index="0", id=7, name="bash"), call("", index="1", id="", name="")],
            [("7", "bash", "{}")],
            id="numbers as strings, strings as numbers, a ghost",
        ),
        pytest.param(
            [{"tool_calls": [None, 3, {"index": 0, "id": "x", "name": "bash", "arguments": "{}"}]}],
            [("x", "bash", "{}")],
            id="no function object, junk entries",
        ),
        pytest.param(
            [
                {"function_call": {"name": "bash", "arguments": '{"a"'}},
                {"function_call": {"arguments": ":1}"}},
            ],
            [("", "bash", '{"a":1}')],
            id="the old function_call",
        ),
        pytest.param(
            [call(p, index=0, id="x") for p in ('{"a', '{"a', '":"b', '":"b', '"}', '"}')],
            [("x", "", '{"a":"b"}')],
            id="every chunk twice",
        ),
        pytest.param(
            in_pieces('{"a":"', "ha", "ha", '"}'),
            [("x", "bash", '{"a":"haha"}')],
            id="a chunk like the one before it",
        ),
        pytest.param(
            [call('{"a"', index="0", id="x", name="bash"), call(":1}", index=0), call("", index=0.0)],
            [("x", "bash", '{"a":1}')],
            id="one index in three spellings",
        ),
        pytest.param(
            [
                call('{"a":1}', index="10", id="x", name="read"),
                call('{"b":2}', index="9", id="y", name="bash"),
            ],
            [("y", "bash", '{"b":2}'), ("x", "read", '{"a":1}')],
            id="indices as strings are in the order of their numbers",
        ),
        pytest.param(
            [
                call("", index=0, id="0", name="read"),
                call('{"a":1}', index=0),
                call("", index=0, id="0", name="bash"),
                call('{"b":2}', index=0),
            ],
            [("0", "read", '{"a":1}'), ("0", "bash", '{"b":2}')],
            id="every call has the same id",
        ),
        pytest.param(
            [call('{"a":1}{"a":2}', index=0, id="x", name="bash")],
            [("x", "bash", '{"a":1}{"a":2}')],
            id="glued calls stay as they are",
        ),
    ],
)
def test_calls_are_put_together_however_they_are_numbered(
    deltas: list[dict[str, Any]], want: list[tuple[str, str, str]]
):
    assert calls(*deltas) == want


USAGE = {"prompt_tokens": 8, "completion_tokens": 3, "cached_tokens": 5}


@pytest.mark.parametrize(
    "last",
    [
        pytest.param(event({}, "stop", usage=USAGE), id="beside the choices"),
        pytest.param(
            STOP + f"data: {json.dumps({'choices': [], 'usage': USAGE})}\n\n", id="in a chunk of its own"
        ),
        pytest.param(STOP + f"data: {json.dumps({'choices': None, 'usage': USAGE})}\n\n", id="choices null"),
        pytest.param(
            f"data: {json.dumps({'choices': [{'delta': {}, 'finish_reason': 'stop', 'usage': USAGE}]})}\n\n",
            id="in the choice",
        ),
        pytest.param(
            sse({"choices": [{"finish_reason": "stop", "usage": {"prompt_tokens": 1}}], "usage": USAGE}),
            id="in both: counted once, the outer one",
        ),
    ],
)
def test_usage_is_found_in_either_place(last: str):
    assert whole(event({"content": "a"}), last, DONE).usage == Usage(input=8, output=3, cached=5)


def test_no_usage_is_not_zero_usage():
    assert whole(event({"content": "a"}), STOP, DONE).usage is None
    assert whole(event({"content": "a"}, usage=None), event({}, "stop", usage={}), DONE).usage is None


def test_token_counts_are_read_in_every_spelling():
    assert read_usage(
        {
            "prompt_tokens": 10,
            "completion_tokens": 4,
            "prompt_tokens_details": {"cached_tokens": 6, "cache_write_tokens": 2},
            "completion_tokens_details": {"reasoning_tokens": 3},
        }
    ) == Usage(input=10, output=4, cached=6, cache_write=2, reasoning=3)
    assert read_usage({"input_tokens": 5, "output_tokens": 1, "prompt_cache_hit_tokens": 9}) == Usage(
        input=5, output=1, cached=5
    )
    assert read_usage({"prompt_tokens": None, "completion_tokens": "x"}) is None


MANGLED: dict[str, Callable[[str], str]] = {
    "CRLF": lambda s: s.replace("\n", "\r\n"),
    "CR": lambda s: s.replace("\n", "\r"),
    "BOM": lambda s: "\ufeff" + s,
    "no space": lambda s: s.replace("data: ", "data:"),
    "prefix twice": lambda s: s.replace("data: ", "data: data: "),
    "no prefix": lambda s: s.replace("data: ", ""),
    "other fields": lambda s: s.replace("data: ", ": ping\n\nevent: message\nid: 3\nretry: 10\ndata: "),
    "no blank lines": lambda s: s.replace("\n\n", "\n"),
    "more blank lines": lambda s: s.replace("\n\n", "\n\n\n\n"),
    "an event over several lines": lambda s: s.replace(', "choices"', ',\ndata: "choices"'),
    "end twice": lambda s: s + s[s.rindex("data:") :],
    "no last line break": lambda s: s.rstrip("\n"),
    "no end marker": lambda s: s.replace("data: [DONE]\n\n", ""),
    "junk": lambda s: "not json\n\ndata: {broken\n\ndata: 7\n\n" + s,
    "more fields": lambda s: s.replace('"content"', '"role": null, "refusal": null, "content"'),
}


@pytest.mark.parametrize("mangle", MANGLED.values(), ids=MANGLED)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_the_response_is_the_same_however_its_lines_are_written(mangle: Callable[[str], str], size: int):
    stream = event({"content": "grüß "}) + event({"content": "dich 🙂\u2028"}) + STOP + DONE
    data = mangle(stream).encode()
    response = whole(*(data[i : i + size] for i in range(0, len(data), size)))
    assert (response.text, response.finish) == ("grüß dich 🙂\u2028", "stop")


def test_bytes_that_are_no_utf8_do_not_end_the_stream():
    data = event({"content": "aXb"}).encode().replace(b"X", b"\xff")
    assert whole(data, STOP, DONE).text == "a\ufffdb"


def test_a_whole_message_after_its_pieces_adds_nothing():
    message = {"content": "hi", **call('{"a":1}', index=0, id="x", name="bash")}
    last = {"choices": [{"index": 0, "delta": {}, "message": message, "finish_reason": "tool_calls"}]}
    response = whole(event(message), sse(last))
    assert (response.text, len(response.calls)) == ("hi", 1)
    assert whole(sse(last)).text == "hi"


def test_a_count_of_zero_does_not_hide_another_one():
    counted = {
        "index": 0,
        "delta": {},
        "finish_reason": "stop",
        "usage": {"prompt_tokens": "8", "completion_tokens": 3},
    }
    zeros: dict[str, Any] = {"choices": [], "usage": {"prompt_tokens": 0, "completion_tokens": 0}}
    assert whole(event({"content": "a"}), sse({"choices": [counted]}), sse(zeros)).usage == Usage(
        input=8, output=3
    )


def test_other_choices_and_empty_chunks_are_left_out():
    other = sse({"choices": [{"index": 1, "delta": {"content": "no"}, "finish_reason": "length"}]})
    odd = 'data: {"choices": [null]}\n\ndata: {"choices": [{"delta": null}]}\n\ndata: {}\n\ndata: {"id": "x"}\n\n'
    response = whole(event({"content": "a"}), odd, other, STOP, STOP, DONE)
    assert (response.text, response.finish) == ("a", "stop")


def test_a_whole_completion_instead_of_a_stream_is_taken():
    message = {"role": "assistant", "content": "hi", **call('{"a":1}', id="x", name="bash")}
    body = json.dumps(
        {"choices": [{"message": message, "finish_reason": "tool_calls"}], "usage": USAGE}, indent=2
    )
    response = whole(*(body[i : i + 9] for i in range(0, len(body), 9)))
    assert response.text == "hi"
    assert [(c.id, c.name, c.arguments) for c in response.calls] == [("x", "bash", '{"a":1}')]
    assert response.usage == Usage(input=8, output=3, cached=5)
    assert kinds(response) == ["not_streamed"]
    assert whole(json.dumps(json.loads(body))).text == "hi"


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        ("<html><head><title>Sign in</title></head></html>", "broken_stream", 'web page.*"Sign in".*/v1'),
        (
            '{"error": {"message": "engine overloaded", "type": "engine_overloaded_error"}}',
            "overloaded",
            "engine overloaded",
        ),
        ('{\n "error": {\n  "message": "bad key",\n  "code": 401\n }\n}', "auth", "bad key"),
        ('{"detail": "Not allowed today"}', "server", "Not allowed today"),
        ("upstream said no", "broken_stream", "upstream said no"),
        ("", "broken_stream", "closed the connection without a response"),
        (": keep-alive\n\n: keep-alive\n\n", "broken_stream", "without a response"),
        (DONE, "broken_stream", "without a response"),
        ('data: {"choices": []}\n\ndata: [DONE]\n\n', "empty", "empty response"),
    ],
)
def test_what_is_no_response_says_what_came_instead(body: str, kind: str, words: str):
    with pytest.raises(ModelError, match=words) as error:
        whole(body)
    assert error.value.kind == kind


ERRORS: list[tuple[dict[str, Any], str]] = [
    (
        {"error": {"message": "The engine is currently overloaded", "type": "engine_overloaded_error"}},
        "overloaded",
    ),
    ({"error": "internal failure"}, "server"),
    ({"error": {"message": "x", "code": 429}}, "rate_limited"),
    ({"error": {"message": "x", "code": "503"}, "choices": [{"delta": {}}]}, "server"),
    (
        {"object": "error", "message": "maximum context length is 8192 tokens", "code": 400},
        "context_overflow",
    ),
    ({"error": {"message": "You exceeded your current quota", "type": "insufficient_quota"}}, "quota"),
    ({"error": {"error": {"message": "The engine is currently overloaded"}}}, "overloaded"),
    ({"error": [{"message": "The engine is currently overloaded"}]}, "overloaded"),
    ({"errors": [{"code": 3040, "message": "Capacity temporarily exceeded"}]}, "overloaded"),
    ({"message": "Slow down", "status_code": 429}, "rate_limited"),
    ({"message": "The server is overloaded", "type": "server_error"}, "overloaded"),
    (
        {"choices": [{"delta": {}, "finish_reason": "error", "error": {"code": 429, "message": "x"}}]},
        "rate_limited",
    ),
]


@pytest.mark.parametrize(("payload", "kind"), ERRORS)
def test_an_error_in_the_middle_ends_the_stream_as_an_error_of_its_kind(payload: dict[str, Any], kind: str):
    assembler = Assembler()
    assembler.feed((event({"content": "ab"}) + f"data: {json.dumps(payload)}\n\n").encode())
    assert assembler.failed
    assert assembler.feed(event({"content": "more"}).encode()) == []
    assert assembler.text == "ab"
    with pytest.raises(ModelError) as error:
        assembler.finish()
    assert error.value.kind == kind


def test_text_that_breaks_off_is_no_response():
    with pytest.raises(ModelError, match="broke off") as error:
        whole(event({"content": "ab"}))
    assert error.value.kind == "broken_stream"


@pytest.mark.parametrize("reason", ["abort", "error", "insufficient_system_resource"])
def test_a_response_that_the_server_gave_up_is_an_error_that_may_pass(reason: str):
    with pytest.raises(ModelError, match=reason) as error:
        whole(event({"content": "ab"}), event({}, reason), DONE)
    assert error.value.transient


def test_the_end_marker_alone_ends_a_response():
    response = whole(event({"content": "ab"}), DONE)
    assert (response.text, response.finish, kinds(response)) == ("ab", "", ["no_finish"])


def test_a_complete_call_counts_without_any_ending_but_not_over_a_broken_connection():
    stream = event(call('{"a":1}', index=0, id="x", name="bash"))
    assert len(whole(stream).calls) == 1
    with pytest.raises(ModelError, match="broke off"):
        whole(stream, cut=True)
    with pytest.raises(ModelError, match="broke off"):
        whole(event(call('{"a":', index=0, id="x", name="bash")))


def test_a_finished_response_survives_a_broken_connection():
    assert whole(event({"content": "ab"}), STOP, cut=True).text == "ab"


def test_a_line_without_end_is_not_gathered_for_ever():
    assembler = Assembler()
    piece = b"x" * (1024 * 1024)
    for _ in range(LIMIT // len(piece) + 2):
        assembler.feed(piece)
    with pytest.raises(ModelError, match="16 MB"):
        assembler.finish()


def test_a_line_just_below_the_limit_is_taken():
    text = "y" * (1024 * 1024)
    assert whole(event({"content": text}), STOP).text == text


pieces = st.lists(st.text(max_size=6), max_size=4)


@settings(max_examples=60, deadline=None)
@given(pieces, pieces, st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_any_chunking_gives_the_same_response(texts: list[str], arguments: list[str], sizes: list[int]):
    texts = [t.encode("utf-8", "ignore").decode() for t in texts]
    arguments = [
        json.dumps({"a": a.encode("utf-8", "ignore").decode()}, ensure_ascii=False) for a in arguments
    ]
    stream = "".join(event({"content": t, "reasoning": t[::-1]}) for t in texts)
    for i, text in enumerate(arguments):
        stream += event(call(text[:5], index=i, id=f"c{i}", name="bash")) + event(call(text[5:], index=i))
    data = (stream + STOP + DONE).encode()
    cut: list[bytes] = []
    at = 0
    while at < len(data):
        size = sizes[len(cut) % len(sizes)]
        cut.append(data[at : at + size])
        at += size
    assert whole(*cut) == whole(data)
    assert whole(data).text == "".join(texts)
    assert [c.arguments for c in whole(data).calls] == arguments


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_model_error(data: bytes):
    for stream in (data, b"data: " + data, event({"content": "a"}).encode() + data):
        try:
            whole(stream)
        except ModelError:
            continue


FIELDS = (
    *("choices", "delta", "message", "content", "tool_calls", "function"),
    *("arguments", "name", "index", "id", "usage", "error"),
)
odd_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(FIELDS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(odd_json, odd_json)
def test_no_payload_raises_anything_but_a_model_error(payload: Any, delta: Any):
    for value in (payload, {"choices": [payload]}, {"choices": [{"delta": delta}], "usage": payload}):
        try:
            whole(f"data: {json.dumps(value)}\n\n", event({"content": "a"}), STOP, DONE)
        except ModelError:
            continue


def test_the_shared_streams_end_as_they_say(wire_corpus: Callable[[str], Any]):
    for row in wire_corpus("streams.jsonl"):
        stream = "".join((d if d.startswith(":") else f"data: {d}") + "\n\n" for d in row["data"]).encode()
        for size in (1, 3, 10_000):
            assembler = Assembler()
            for at in range(0, len(stream), size):
                assembler.feed(stream[at : at + size])
            if row["outcome"] in {"cut", "error"}:
                assert assembler.text == row["content"]
                with pytest.raises(ModelError):
                    assembler.finish()
                continue
            response = assembler.finish()
            assert [[c.id, c.name, c.arguments] for c in response.calls] == row["calls"], row["id"]
            assert (response.text, response.thinking) == (row["content"], row["reasoning"]), row["id"]
            if row["cached"] is not None:
                assert (response.usage.cached if response.usage else 0) == row["cached"], row["id"]
