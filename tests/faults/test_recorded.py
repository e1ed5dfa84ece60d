"""The recorded streams and texts through the whole agent, and any chunking of them."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from fault_bench import Faults, chunk, said, sse
from hypothesis import given, settings
from hypothesis import strategies as st

from kcode.providers.reply import Reply
from kcode.types.errors import ModelError
from kcode.types.messages import AssistantMessage
from kcode.types.model import ToolSpec

_SHARED = (
    Path(os.environ.get("KCODE_SHARED") or Path(__file__).resolve().parents[3] / "shared") / "corpus" / "wire"
)


def _rows(name: str) -> list[Any]:
    path = _SHARED / name
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _tools() -> list[ToolSpec]:
    path = _SHARED / "tools.json"
    if not path.is_file():
        pytest.skip(f"the shared corpus is absent: no {path}; set KCODE_SHARED")
    schemas = json.loads(path.read_text(encoding="utf-8"))
    return [ToolSpec(name=name, description="", parameters=schema) for name, schema in schemas.items()]


_OWN: list[list[object]] = [
    [chunk(reasoning_content="Ich prüfe."), chunk(content="naïve 你好 🙂"), chunk("stop")],
    [chunk(tool_calls=[{"index": 0, "id": "0", "function": {"name": "bash", "arguments": '{"command"'}}]),
     chunk(tool_calls=[{"index": 0, "function": {"arguments": ': "ls"}'}}]), chunk("tool_calls")],
    [chunk(content="a <|tool_calls_section_begin|><|tool_call_begin|>functions.bash:0<|tool_call_argument_begin|>"
                   '{"command": "ls"}<|tool_call_end|><|tool_calls_section_end|>'), chunk("stop")],
    [chunk(content="a <| b `<|im_end|>` c"), chunk("stop")],
]  # fmt: skip
_BASH = ToolSpec(
    name="bash", description="", parameters={"type": "object", "properties": {"command": {"type": "string"}}}
)


def _streams() -> list[bytes]:
    own = [b"".join(p for p in sse(*payloads).body if isinstance(p, bytes)) for payloads in _OWN]
    recorded = [
        "".join(f"data: {line}\n\n" for line in row["data"]).encode() for row in _rows("streams.jsonl")
    ]
    return [*own, *recorded]


def _outcome(pieces: list[bytes]) -> tuple[object, str, str]:
    reply = Reply([_BASH])
    deltas = [delta for piece in pieces for delta in reply.feed(piece)]
    message: AssistantMessage | None = None
    try:
        message, rest = reply.finish()
    except ModelError as error:
        end: object = (error.kind, str(error))
    else:
        deltas += rest
        calls = [(c.name, c.arguments) for c in message.tool_calls]
        end = (message.text, message.thinking, calls, message.finish, message.usage)
    return end, "".join(d.text for d in deltas), "".join(d.thinking for d in deltas)


@pytest.mark.parametrize("stream", _streams())
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_any_chunking_of_a_stream_gives_the_same_message_and_shows_the_same(
    stream: bytes, data: st.DataObject
):
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=30)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert _outcome(pieces) == _outcome([stream])


def _calls(message: AssistantMessage) -> list[tuple[str, object]]:
    return [(c.name, json.loads(c.arguments or "{}")) for c in message.tool_calls]


@pytest.mark.parametrize("row", _rows("streams.jsonl"), ids=lambda row: row["id"])
async def test_a_recorded_stream_does_the_same_to_the_agent(faults: Faults, row: Any):
    """What must run runs, what must not does not, and the turn goes on to its end."""
    async with faults(sse(*row["data"], done=False), *[said("Done.")] * 9) as talk:
        ended = await talk.say()
    assert ended.stop_reason == "end_turn", ended.note
    if row["outcome"] in {"stop", "tool_calls"}:
        first = talk.answers[0]
        assert first.text == row["content"]
        assert [c.name.lower() for c in first.tool_calls] == [name for _, name, _ in row["calls"]]
        assert (first.usage.cached or None) == (row["cached"] or None)
        assert talk.retries == []
    elif row["outcome"] == "length":
        assert "cut off" in talk.notices or talk.results[0].is_error
    else:
        assert talk.retries
        assert [m.text for m in talk.answers] == ["Done."]


@pytest.mark.parametrize("row", _rows("leaks.jsonl"), ids=lambda row: row["id"])
def test_a_recorded_leak_gives_the_calls_that_its_tools_take(row: Any):
    where = "reasoning_content" if row["where"] == "reasoning" else "content"
    reply = Reply(_tools())
    stream = sse(chunk(None, **{where: row["text"]}), chunk("stop"))
    shown = "".join(d.text for piece in stream.body if isinstance(piece, bytes) for d in reply.feed(piece))
    if row["calls"] == [] and row["clean"] == "":
        with pytest.raises(ModelError, match="no answer"):
            reply.finish()
        return
    message, rest = reply.finish()
    assert _calls(message) == [(name, arguments) for name, arguments in row["calls"]]
    if where == "content":
        assert message.text.strip() == row["clean"].strip()
    if where == "content" and not message.thinking:
        # Thinking without its opening tag is known as such only at its end.
        assert (shown + "".join(d.text for d in rest)).strip() == row["clean"].strip()


def test_the_shared_fixtures_are_there():
    if not _rows("streams.jsonl"):
        pytest.skip(f"the shared corpus is absent: no {_SHARED}; set KCODE_SHARED")
    assert len(_rows("streams.jsonl")) == 21
