"""Rows 21 to 47 of the fault matrix: calls and their arguments."""

import json
from typing import Any

import pytest
from fault_bench import Faults, Talk, chunk, said, sse, tool_delta, wired

from kcode.providers.scripted import call, says
from kcode.types.events import ToolFinished

_ECHO = '{"command": "echo ran >> made"}'
_WRITE = '{"file_path": "made", "content": "ran"}'
_SECTION = "<|tool_calls_section_begin|>"
_END = "<|tool_call_end|><|tool_calls_section_end|>"


def _k2(header: str = "functions.Bash:0", arguments: str = _ECHO, space: str = "") -> str:
    parts = [_SECTION, "<|tool_call_begin|>", header, "<|tool_call_argument_begin|>", arguments, _END]
    return space.join(parts)


def _ran(talk: Talk) -> int:
    made = talk.folder / "made"
    return made.read_text().count("ran") if made.exists() else 0


def _nothing_leaked(talk: Talk) -> None:
    assert "<|" not in talk.shown
    assert "<|" not in talk.thought
    assert "<|" not in json.dumps(talk.bodies[-1]["messages"][1:])


# --- putting calls together


async def test_row_21_id_and_name_in_every_chunk_are_one_call(faults: Faults):
    pieces = [tool_delta("Bash", piece, id="0") for piece in ('{"command": ', '"echo ran', ' >> made"}')]
    async with faults(sse(*pieces, chunk("tool_calls")), said("ok")) as talk:
        await talk.say()
    assert _ran(talk) == 1


async def test_row_21_an_empty_name_later_is_the_same_call(faults: Faults):
    pieces = [tool_delta("Bash", "", id="0"), tool_delta("", _ECHO, id="")]
    async with faults(sse(*pieces, chunk("tool_calls")), said("ok")) as talk:
        await talk.say()
    assert _ran(talk) == 1


def _numbered(index: int | None, name: str | None, arguments: str, call_id: str | None) -> dict[str, Any]:
    entry: dict[str, Any] = {"function": {"arguments": arguments} | ({"name": name} if name else {})}
    entry |= {"index": index} if index is not None else {}
    entry |= {"id": call_id} if call_id else {}
    return chunk(tool_calls=[entry])


@pytest.mark.parametrize(
    "pieces",
    [
        [(None, "Bash", '{"command": "echo ran', "x"), (None, None, ' >> made"}', None)],
        [(0, "Bash", '{"command": "echo ran', "a"), (1, "Glob", '{"pattern"', "b"), (0, None, ' >> made"}', None),
         (1, None, ': "*"}', None)],
        [(0, "Bash", _ECHO, "a"), (0, "Glob", '{"pattern": "*"}', "b")],
    ],
)  # fmt: skip
async def test_row_22_calls_are_told_apart_however_they_are_numbered(faults: Faults, pieces: list[Any]):
    async with faults(sse(*(_numbered(*p) for p in pieces), chunk("tool_calls")), said("ok")) as talk:
        await talk.say()
    assert _ran(talk) == 1
    assert not any(m.is_error for m in talk.results)
    assert len(talk.results) == len({p[1] for p in pieces if p[1]})


async def test_row_23_a_call_that_is_sent_twice_runs_once(faults: Faults):
    twice = sse(tool_delta("Bash", _ECHO, id="a"), tool_delta("Bash", _ECHO, id="a"), chunk("tool_calls"))
    async with faults(twice, said("ok")) as talk:
        await talk.say()
    assert (_ran(talk), len(talk.results)) == (1, 1)


@pytest.mark.parametrize("arguments", [None, {"tokens": 500}])
async def test_row_24_arguments_may_be_null_or_an_object(faults: Faults, arguments: object):
    async with faults(sse(tool_delta("RepoMap", arguments, id="a"), chunk("tool_calls")), said("ok")) as talk:
        (faults.folder / "a.py").write_text("def f(): ...\n")
        await talk.say()
    assert [m.is_error for m in talk.results] == [False]


async def test_row_25_calls_run_whatever_the_finish_reason_says(faults: Faults):
    async with faults(wired("Bash", _ECHO, finish="stop"), said("ok")) as talk:
        await talk.say()
    assert _ran(talk) == 1


async def test_row_25_a_call_that_was_announced_but_not_sent_is_asked_for(faults: Faults):
    async with faults(said("I looked at it.", finish="tool_calls"), said("Done.")) as talk:
        ended = await talk.say()
    assert ended.steps == 2
    assert "announced" in talk.notices


@pytest.mark.parametrize(
    ("text", "runs", "clean"),
    [
        (_k2(), 1, ""),
        (_k2(space=" "), 1, ""),
        (f"I will look.{_k2()}", 1, "I will look."),
        (_k2().replace(_END, "<|tool_call_end|>") + _k2("functions.Bash:1").removeprefix(_SECTION), 2, ""),
    ],
)
async def test_row_26_leaked_calls_in_the_text_run_and_are_never_shown(
    faults: Faults, text: str, runs: int, clean: str
):
    async with faults(said(text), said("ok")) as talk:
        await talk.say()
        _nothing_leaked(talk)
    assert _ran(talk) == runs
    assert talk.answers[0].text.strip() == clean


async def test_row_27_leaked_calls_in_the_thinking_run(faults: Faults):
    async with faults(said(f"Let me see. {_k2(space=' ')}", key="reasoning_content"), said("ok")) as talk:
        await talk.say()
        _nothing_leaked(talk)
    assert _ran(talk) == 1
    assert talk.answers[0].thinking.strip() == "Let me see."


@pytest.mark.parametrize(
    "text",
    [
        _k2().removeprefix(_SECTION),
        _k2().replace("tool_calls_section", "tool_call_section"),
        _k2("\nfunctions.Bash:0\n"),
        _k2("call_59adf01", _WRITE),
        _k2("3", _WRITE),
    ],
)
async def test_row_28_markers_that_are_missing_or_spelt_otherwise_are_understood(faults: Faults, text: str):
    async with faults(said(text), said("ok")) as talk:
        await talk.say()
        _nothing_leaked(talk)
    assert _ran(talk) == 1


async def test_row_28_a_name_is_not_inferred_where_two_tools_fit(faults: Faults):
    async with faults(said(_k2("3")), said("ok")) as talk:
        await talk.say()
    assert _ran(talk) == 0
    assert talk.results[0].is_error


async def test_row_29_the_markup_of_k3_is_understood(faults: Faults):
    argument = '<|open|>argument key="command" type="string"<|sep|>echo "ran &amp; &" >> made<|close|>argument<|sep|>'
    tools = (
        f'<|open|>tools<|sep|><|open|>call tool="Bash" index="1"<|sep|>{argument}<|close|>call<|sep|>'
        "<|close|>tools<|sep|>"
    )
    text = f"<|open|>think<|sep|>hm<|close|>think<|sep|><|open|>response<|sep|>Running.<|close|>response<|sep|>{tools}"
    async with faults(said(text), said("ok")) as talk:
        await talk.say()
        _nothing_leaked(talk)
    assert talk.file("made") == "ran &amp; &\n"
    assert talk.answers[0].text.strip() == "Running."


@pytest.mark.parametrize("text", [f"It looks for:\n```\n{_k2()}\n```\n", f"Use `{_SECTION}` first."])
async def test_row_30_quoted_markers_are_text(faults: Faults, text: str):
    async with faults(said(text)) as talk:
        ended = await talk.say()
    assert (_ran(talk), ended.steps) == (0, 1)
    assert talk.shown == text


async def test_row_31_markers_cut_anywhere_do_not_flash_and_prose_comes_out(faults: Faults):
    text = _k2()
    pieces = [chunk(content=text[i : i + 3]) for i in range(0, len(text), 3)]
    prose = sse(chunk(content="a <"), chunk(content="| b"), chunk("stop"))
    async with faults(sse(*pieces, chunk("stop")), prose) as talk:
        await talk.say()
    assert _ran(talk) == 1
    assert talk.shown == "a <| b"


@pytest.mark.parametrize(
    "leak", [_k2(), f'<tool_call>\n{{"name": "Bash", "arguments": {_ECHO}}}\n</tool_call>']
)
async def test_row_32_a_leak_where_no_calls_are_wanted_is_stripped(faults: Faults, leak: str):
    same = [says("", call("Glob", pattern="*.none")) for _ in range(12)]
    async with faults(*same, said(f"I am stuck.\n{leak}")) as talk:
        await talk.say()
    assert _ran(talk) == 0
    assert talk.answers[-1].text.strip() == "I am stuck."


async def test_row_33_a_proper_call_wins_over_a_leaked_one(faults: Faults):
    leak = _k2(arguments='{"command": "touch leaked"}')
    both = sse(chunk(content=leak), tool_delta("Bash", _ECHO, id="a"), chunk("tool_calls"))
    async with faults(both, said("ok")) as talk:
        await talk.say()
        _nothing_leaked(talk)
    assert (_ran(talk), (talk.folder / "leaked").exists()) == (1, False)


async def test_row_34_an_unknown_tool_is_answered_with_those_there_are(faults: Faults):
    async with faults(said(_k2("functions.Reed:0", '{"file_path": "a"}')), said("ok")) as talk:
        ended = await talk.say()
    assert ended.stop_reason == "end_turn"
    assert talk.results[0].is_error
    assert "Read" in talk.results[0].text
    assert "Bash" in talk.results[0].text


@pytest.mark.parametrize(("name", "runs"), [(" bash", 1), ("BASH", 1), ("functions.Bash:0", 1), ("Bas", 0)])
async def test_row_35_names_are_understood_but_never_guessed(faults: Faults, name: str, runs: int):
    async with faults(wired(name, _ECHO), said("ok")) as talk:
        await talk.say()
    assert _ran(talk) == runs


async def test_row_36_ids_that_repeat_in_later_turns_are_paired_right(faults: Faults):
    steps = [wired("Bash", {"command": f"echo number {i}"}) for i in range(4)]
    async with faults(*steps, said("ok")) as talk:
        await talk.say()
    assert [m.text.strip().splitlines()[0] for m in talk.results] == [f"number {i}" for i in range(4)]
    sent = [c["id"] for m in talk.bodies[-1]["messages"] for c in m.get("tool_calls", [])]
    assert len(set(sent)) == 4
    assert sent[0] == "functions.Bash:0"


async def test_row_37_a_history_goes_to_another_vendor_in_its_own_spelling(faults: Faults):
    thinks = sse(chunk(reasoning_content="hm"), tool_delta("Bash", _ECHO, id="a"), chunk("tool_calls"))
    routed = sse(chunk(reasoning="so"), tool_delta("Bash", _ECHO, id="b"), chunk("tool_calls"))
    stored = {"persist": True}
    async with faults(thinks, said("ok"), options=stored) as first:
        await first.say()
    assert first.bodies[1]["messages"][-2]["reasoning_content"] == "hm"
    again = stored | {"continue_latest": True}
    where: dict[str, Any] = {
        "base_url": "https://openrouter.ai/api/v1",
        "model": "some-model",
        "strict": False,
    }
    async with faults(routed, said("ok"), options=again, **where) as second:
        await second.say()
    acts = [m for m in second.bodies[-1]["messages"] if m.get("tool_calls")]
    assert [(m.get("reasoning"), m.get("reasoning_content")) for m in acts] == [("hm", None), ("so", None)]
    ids = [m["tool_calls"][0]["id"] for m in acts]
    assert all(i.replace("_", "").isalnum() for i in ids)
    assert [m["tool_call_id"] for m in second.bodies[-1]["messages"] if m["role"] == "tool"] == ids


async def test_row_37_thinking_goes_back_under_the_key_that_the_endpoint_uses(faults: Faults):
    routed = sse(chunk(reasoning="so"), tool_delta("Bash", _ECHO, id="b"), chunk("tool_calls"))
    quiet = wired("Bash", _ECHO)
    async with faults(routed, quiet, said("ok"), base_url="https://vendor.example/v1", strict=False) as talk:
        await talk.say()
    acts = [m for m in talk.bodies[-1]["messages"] if m.get("tool_calls")]
    assert [m["reasoning"] for m in acts] == ["so", ""]


# --- arguments


@pytest.mark.parametrize(
    "raw",
    [
        '{"command": "echo ran\n>> made"}'.replace("\n", " "),
        '{"command": "printf \'ran\\d\' >> made"}',
        f"```json\n{_ECHO}\n```",
        "{'command': 'echo ran >> made', 'run_in_background': False}",
        f"{_ECHO}}}",
        f"{_ECHO}<|tool_call_end|>",
        f"{{}}{_ECHO}",
        f"{_ECHO}{_ECHO}",
        json.dumps(_ECHO),
        f'{{"arguments": {_ECHO}}}',
        f'{{"name": "Bash", "parameters": {_ECHO}}}',
        '{"command": "echo ran >> made", "timeout": undefined}',
    ],
)
async def test_row_38_arguments_are_mended_and_the_history_carries_valid_json(faults: Faults, raw: str):
    async with faults(wired("Bash", raw), said("ok")) as talk:
        await talk.say()
    assert _ran(talk) == 1
    sent = next(c for m in talk.bodies[-1]["messages"] for c in m.get("tool_calls", []))
    assert "command" in json.dumps(json.loads(sent["function"]["arguments"]))


async def test_row_39_a_missing_brace_is_closed_for_reading_and_refused_for_changing(faults: Faults):
    (faults.folder / "a.txt").write_text("content\n")
    steps = [wired("Read", '{"file_path": "a.txt"'), wired("Bash", _ECHO[:-1]), said("ok")]
    async with faults(*steps) as talk:
        await talk.say()
    assert [m.is_error for m in talk.results] == [False, True]
    assert _ran(talk) == 0
    assert "characters" in talk.results[1].text


async def test_row_40_two_objects_in_one_call_are_refused(faults: Faults):
    async with faults(wired("Bash", _ECHO + '{"command": "echo other"}'), said("ok")) as talk:
        await talk.say()
    assert _ran(talk) == 0
    assert "separate" in talk.results[0].text or "one call" in talk.results[0].text


async def test_row_41_types_are_fitted_to_the_schema(faults: Faults):
    (faults.folder / "a.txt").write_text("1\n2\n3\n4\n")
    todos = json.dumps([{"content": "test", "status": "in_progress", "activeForm": "testing"}])
    steps = [
        wired("Read", {"file_path": "a.txt", "offset": "2", "limit": 2.0}),
        wired("TodoWrite", {"todos": todos}),
        wired("Write", {"file_path": "b.json", "content": '{"a": "1"}'}),
        said("ok"),
    ]
    async with faults(*steps) as talk:
        await talk.say()
    assert not any(m.is_error for m in talk.results)
    assert "1" not in talk.results[0].text.split("\t")[0].strip()[:1]
    assert talk.file("b.json").strip() == '{"a": "1"}'
    assert talk.repairs["arguments:type"] >= 2


async def test_row_42_other_names_of_fields_are_understood_and_the_right_one_wins(faults: Faults):
    (faults.folder / "a.txt").write_text("right\n")
    steps = [wired("Read", {"path": "a.txt"}), wired("Read", {"filePath": "a.txt"}),
             wired("Read", {"path": "b.txt", "file_path": "a.txt"}), said("ok")]  # fmt: skip
    async with faults(*steps) as talk:
        await talk.say()
    assert all("right" in m.text for m in talk.results)


async def test_row_43_one_error_names_every_missing_field(faults: Faults):
    async with faults(wired("Write", "{}"), said("ok")) as talk:
        await talk.say()
    text = talk.results[0].text
    assert "file_path is missing" in text
    assert "content is missing" in text
    assert "for example" in text
    assert "{file_path: string" in text


async def test_row_44_extra_fields_are_dropped_with_a_note(faults: Faults):
    async with faults(
        wired("Bash", {"command": "echo ran >> made", "reason": "because"}), said("ok")
    ) as talk:
        await talk.say()
    assert _ran(talk) == 1
    assert [r.kind for e in talk.of(ToolFinished) for r in e.repairs] == ["unknown"]


@pytest.mark.parametrize("path", [" a.txt\n", '"a.txt"', "./a.txt", "{cwd}/a.txt", "{name}/a.txt"])
async def test_row_45_paths_are_understood_as_they_are_meant(faults: Faults, path: str):
    (faults.folder / "a.txt").write_text("content\n")
    path = path.format(cwd=faults.folder, name=faults.folder.name)
    async with faults(wired("Read", {"file_path": path}), said("ok")) as talk:
        await talk.say()
    assert "content" in talk.results[0].text


async def test_row_45_a_missing_file_comes_with_the_nearest_names(faults: Faults):
    (faults.folder / "settings.py").write_text("x\n")
    async with faults(wired("Read", {"file_path": "setting.py"}), said("ok")) as talk:
        await talk.say()
    assert talk.results[0].is_error
    assert "settings.py" in talk.results[0].text


async def test_row_46_a_line_break_inside_a_path_is_pointed_out(faults: Faults):
    async with faults(wired("Read", '{"file_path": "C:\\new\\test.py"}'), said("ok")) as talk:
        await talk.say()
    assert talk.results[0].is_error
    text = talk.results[0].text
    assert "line" in text or "C:\\new\\test.py" in text


async def test_row_47_unusable_calls_get_the_schema_and_then_end_the_turn(faults: Faults):
    async with faults(*(wired("Write", {"text": str(i)}) for i in range(9)), said("later")) as talk:
        ended = await talk.say()
        assert ["The schema of Write" in m.text for m in talk.results] == [False, False, True, True, True]
        assert "last 5 calls" in ended.note
