import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markup import AB, CB, CE, CLOSE, OPEN, SB, SE, SEP, end, k2, tag

from kcode.arguments import ArgumentsError, parse
from kcode.providers.assemble import Response
from kcode.providers.assemble_calls import RawCall
from kcode.providers.repair import repair
from kcode.providers.repair_filter import MarkupFilter
from kcode.types.messages import AssistantMessage, ThinkingPart, Usage
from kcode.types.model import JsonObject, ToolSpec


def tool(name: str, required: str, optional: str = "") -> ToolSpec:
    fields: JsonObject = {field: {} for field in f"{required} {optional}".split()}
    needed: list[Any] = required.split()
    parameters: JsonObject = {"type": "object", "properties": fields, "required": needed}
    return ToolSpec(name=name, description="", parameters=parameters)


TOOLS = [
    tool("Bash", "command", "timeout"),
    tool("Read", "file_path", "offset limit"),
    tool("Write", "file_path content"),
    tool("list_dir", "dir"),
]
LS = '{"command": "ls"}'


def mended(
    text: str = "", thinking: str = "", *calls: RawCall, finish: str = "stop", tools: Any = None
) -> AssistantMessage:
    counter = itertools.count()
    response = Response(text=text, thinking=thinking, calls=calls, finish=finish, usage=None)
    return repair(response, TOOLS if tools is None else tools, call_id=lambda: f"id{next(counter)}")


def found(message: AssistantMessage) -> list[tuple[str, Any]]:
    return [(call.name, json.loads(call.arguments)) for call in message.tool_calls]


def kinds(message: AssistantMessage) -> list[str]:
    return [r.kind for r in message.repairs]


def shown(text: str, size: int) -> str:
    """Return what is shown of a text that comes in pieces."""
    sieve = MarkupFilter([t.name for t in TOOLS])
    pieces = [sieve.feed(text[i : i + size]).text for i in range(0, len(text), size)]
    return "".join([*pieces, sieve.finish().text])


def k3(name: str, arguments: dict[str, Any]) -> str:
    parts = [tag("tools"), tag(f'call tool="{name}" index="1"')]
    for key, value in arguments.items():
        kind = "string" if isinstance(value, str) else "object"
        escaped = key.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
        parts += [
            tag(f'argument key="{escaped}" type="{kind}"'),
            value if isinstance(value, str) else json.dumps(value),
            end("argument"),
        ]
    return "".join([*parts, end("call"), end("tools")])


BASH = [("Bash", {"command": "ls"})]

LEAKS: dict[str, tuple[str, str]] = {
    "plain": (k2("functions.Bash:0", LS), ""),
    "spaced": (f"Now. {SB} {CB} functions.Bash:0 {AB} {LS} {CE} {SE}", "Now. "),
    "over lines": (f"{SB}\n{CB}\nfunctions.Bash:0\n{AB}\n{LS}\n{CE}\n{SE}", ""),
    "singular section": (k2("functions.Bash:0", LS).replace("tool_calls_section", "tool_call_section"), ""),
    "no section": (f"Go. {CB}functions.Bash:0{AB}{LS}{CE}", "Go. "),
    "no section end": (f"{SB}{CB}functions.Bash:0{AB}{LS}{CE}", ""),
    "no ends": (f"{SB}{CB}functions.Bash:0{AB}{LS}", ""),
    "beginnings eaten": (f"I look. Bash:0{AB}{LS}{SE}", "I look. "),
    "beginnings eaten, with prefix": (f"I look.\nfunctions.Bash:0 {AB}{LS}{CE}{SE}", "I look.\n"),
    "beginnings eaten, glued to a word": (f"I look.functions.Bash:0{AB}{LS}{SE}", "I look."),
    "section begin only": (f"{SB}functions.Bash:0{AB}{LS}{CE}{SE}", ""),
    "argument begin eaten": (f"{SB}{CB}functions.Bash:0 {LS}{CE}{SE}", ""),
    "no prefix": (k2("Bash:0", LS), ""),
    "no index": (k2("functions.Bash", LS), ""),
    "bare name": (k2("Bash", LS), ""),
    "other case": (k2("functions.bash:12", LS), ""),
    "counter": (k2("7", LS), ""),
    "hash": (k2("call_59adf5614cfe4f4b8a71be54", LS), ""),
    "no header": (k2("", LS), ""),
    "text after": (f"a{k2('functions.Bash:0', LS)}b", "ab"),
    "stop token after": (k2("functions.Bash:0", LS) + "<|im_end|>", ""),
    "cut end token": (f"{SB}{CB}functions.Bash:0{AB}{LS}<|tool_call_e", ""),
    "after a fence": (f"```\ncode\n```{k2('functions.Bash:0', LS)}", "```\ncode\n```"),
    "after a fence with more backticks": (
        f"````\n```\n````\n{k2('functions.Bash:0', LS)}",
        "````\n```\n````\n",
    ),
    "after inline code": (f"Use `x`: {k2('functions.Bash:0', LS)}", "Use `x`: "),
    "after a stray backtick": (f"It`s time.\n{k2('functions.Bash:0', LS)}", "It`s time.\n"),
    "a stray backtick paragraphs before": (
        f"It`s.\n\n{k2('functions.Bash:0', LS)}\n\n`x`",
        "It`s.\n\n\n\n`x`",
    ),
    "K3": (k3("Bash", {"command": "ls"}), ""),
    "K3 without tools": (
        tag('call tool="Bash"')
        + tag('argument key="command" type="string"')
        + "ls"
        + end("argument")
        + end("call"),
        "",
    ),
    "K3 over lines": (
        k3("Bash", {"command": "ls"})
        .replace(SEP + OPEN, f"{SEP}\n{OPEN}")
        .replace(SEP + CLOSE, f"{SEP}\n{CLOSE}"),
        "",
    ),
    "K3 with JSON inside": (tag("tools") + tag('call tool="Bash"') + LS + end("call") + end("tools"), ""),
    "K3 after its response": (
        tag("response") + "Yes." + end("response") + k3("Bash", {"command": "ls"}) + end("message"),
        "Yes.",
    ),
}  # fmt: skip - one case in a line


@pytest.mark.parametrize("name", LEAKS)
def test_leaked_calls_are_taken_out_of_the_text(name: str):
    text, clean = LEAKS[name]
    message = mended(text)
    assert found(message) == BASH
    assert message.text == clean
    assert message.finish == "tool_calls"
    assert "leaked_call" in kinds(message)


@pytest.mark.parametrize("name", LEAKS)
def test_leaked_calls_are_taken_out_of_the_thinking(name: str):
    text, clean = LEAKS[name]
    message = mended("", text)
    assert found(message) == BASH
    assert (message.thinking, message.text) == (clean, "")


@pytest.mark.parametrize("name", LEAKS)
@pytest.mark.parametrize("size", [1, 2, 5, 13])
def test_no_markup_is_ever_shown(name: str, size: int):
    text, clean = LEAKS[name]
    assert shown(text, size) == clean


QUOTED = [
    f"The parser looks for:\n```\n{k2('functions.Bash:0', LS)}\n```\nDone.",
    f"~~~text\n{k2('functions.Bash:0', LS)}\n~~~",
    f"- item\n  ```py\n  x = '{SB}'\n  ```\n",
    f"> ```\n> {SB}\n> ```\n",
    f"```\nunclosed {k2('functions.Bash:0', LS)}",
    f"````\n```\n{SB}\n```\n````",
    f"Use `{SB}` first.",
    f"Use ``{SB}`x`` first.",
    f"Between `a\n{CB}b` it stays.",
    f"All of `{k2('functions.Bash:0', LS)}` is quoted.",
    f"The token `{AB}` comes before the JSON.",
    f"`Bash:0{AB}` and `{LS}`",
    f"Write `{OPEN}tools{SEP}` or:\n```\n{k3('Bash', {'command': 'ls'})}\n```",
    "Plain <div> a | b, x <| y, <|foo|>, a<b, `x`, ~~~ and *.* <",
    "The </think> tag and `</think>` end thinking.",
    "<thinking aloud> is no tag",
    "Look.\n<think>\nThis never ends",
    "Look.\n<think>\nThis `never` ends\n<think>\nnor\n```\ndoes </think> this\n```\n",
    "Between <think> and </think> the model thinks.",
    'Between <think>" and "</think> it thinks.',
    "The tags **<think>** and **</think>** end thinking.",
    "Write `<think>` and `</think>`, or\n```\n<think>\nx\n</think>\n```\n",
    "# <think>...</think>\nis the usual form",
    "<b>bold</b> <table> <t <th",
    "It ends with <think>",
    "ends with Bash",
    "ends with functions.Bash:0 ",
]


@pytest.mark.parametrize("text", QUOTED)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_quoted_markup_stays_text_and_never_runs(text: str, size: int):
    message = mended(text)
    assert message.text == text
    assert message.tool_calls == ()
    assert message.repairs == ()
    assert shown(text, size) == text


def test_several_leaked_calls_keep_their_order():
    text = (
        f"{SB}{CB}functions.Read:0{AB}" + '{"file_path": "a"}' + f"{CE}{CB}functions.Bash:1{AB}{LS}{CE}{SE}"
    )
    assert [name for name, _ in found(mended(text))] == ["Read", "Bash"]
    both = mended(k2("functions.Bash:1", LS), k2("functions.Read:0", '{"file_path": "a"}'))
    assert [name for name, _ in found(both)] == ["Read", "Bash"]


def test_a_call_that_leaked_into_both_channels_runs_once():
    message = mended(k2("functions.Bash:0", LS), k2("functions.Bash:0", LS))
    assert found(message) == BASH
    assert "sent_twice" in kinds(message)
    assert len(mended(k2("functions.Bash:0", LS) + k2("functions.Bash:1", LS)).tool_calls) == 2
    assert len(mended(k2("Bash", LS) + k2("Bash", LS)).tool_calls) == 2


def test_a_header_without_a_name_is_only_inferred_where_one_tool_fits():
    assert found(mended(k2("3", '{"file_path": "a", "content": "b"}')))[0][0] == "Write"
    for header, arguments in (("3", '{"x": 1}'), ("call_1", "{}")):
        message = mended(k2(header, arguments))
        assert message.tool_calls[0].name.startswith(("tool_", "call_"))
    twins = [tool("one", "a"), tool("two", "a")]
    assert mended(k2("3", '{"a": 1}'), tools=twins).tool_calls[0].name == "tool_3"


def test_an_unknown_tool_stays_a_call_under_a_name_that_servers_take():
    assert mended(k2("functions.img_gen:0", "{}")).tool_calls[0].name == "img_gen"
    assert mended("", "", RawCall("x", "bild machen!", "{}")).tool_calls[0].name == "bild_machen"
    assert mended("", "", RawCall("x", "a", "{}")).tool_calls[0].name == "tool_a"
    assert mended("", "", RawCall("x", "数", "{}")).tool_calls[0].name == "tool_unknown"


def test_a_proper_call_wins_over_leaked_ones():
    message = mended(f"a{k2('functions.Read:0', '{}')}", "", RawCall("x", "Bash", LS))
    assert found(message) == BASH
    assert message.text == "a"
    assert "leak_dropped" in kinds(message)


def test_leaked_calls_are_dropped_where_no_tools_were_offered():
    message = mended(f"Summary.{k2('functions.Bash:0', LS)}", tools=[])
    assert (message.text, message.tool_calls, message.finish) == ("Summary.", (), "stop")


@pytest.mark.parametrize("name", ["Bash", " bash", "functions.Bash:0", "BASH"])
def test_names_of_proper_calls_are_put_right(name: str):
    message = mended("", "", RawCall("x", name, LS))
    assert found(message) == BASH
    assert ("name" in kinds(message)) == (name != "Bash")


def test_ids_are_kcodes_own_and_unique():
    response = Response(
        text="", thinking="", calls=(RawCall("0", "Bash", LS),) * 2, finish="tool_calls", usage=Usage(input=3)
    )
    ids = [c.id for _ in range(50) for c in repair(response, TOOLS).tool_calls]
    assert len(set(ids)) == 100
    assert all(i.replace("_", "").isalnum() and len(i) <= 40 for i in ids)


@pytest.mark.parametrize(
    ("finish", "calls", "want"),
    [
        ("stop", 1, "tool_calls"),
        ("tool_calls", 1, "tool_calls"),
        ("", 1, "tool_calls"),
        ("function_call", 1, "tool_calls"),
        ("length", 1, "length"),
        ("tool_calls", 0, "stop"),
        ("", 0, "stop"),
        ("eos", 0, "stop"),
        ("max_tokens", 0, "length"),
        ("CONTENT_FILTER", 0, "content_filter"),
    ],
)
def test_endings_are_put_into_the_four_words(finish: str, calls: int, want: str):
    message = mended("a", "", *[RawCall("x", "Bash", LS)] * calls, finish=finish)
    assert message.finish == want
    assert ("finish" in kinds(message)) == (finish not in {"", want})


def test_usage_that_was_not_counted_is_marked_as_estimated():
    assert mended("a").usage.estimated
    counted = Response(text="a", thinking="", calls=(), finish="stop", usage=Usage(input=3))
    assert repair(counted, TOOLS, model="m") == AssistantMessage(
        parts=mended("a").parts, usage=Usage(input=3), model="m"
    )


def test_reasoning_keeps_the_key_it_came_under():
    response = Response(
        text="a", thinking="b", calls=(), finish="stop", usage=None, reasoning_key="reasoning"
    )
    assert repair(response, []).parts[0] == ThinkingPart(text="b", key="reasoning")


@pytest.mark.parametrize(
    ("text", "thinking", "clean"),
    [
        ("<think>plan</think>\n\nanswer", "plan", "answer"),
        ("\n<think>\nplan\n</think>\nanswer", "plan", "answer"),
        ("plan first</think>answer", "plan first", "answer"),
        ("plan\n</think>\n\nanswer", "plan", "answer"),
        ("</think>\n\nanswer", "", "answer"),
        ("<think>plan", "plan", ""),
        ("<think>a ``` b</think>c", "a ``` b", "c"),
        ("<think>a\n```\nb</think>c", "a\n```\nb", "c"),
        ("<think>say `</think>` x</think>c", "say `</think>` x", "c"),
        ("◁think▷plan◁/think▷answer", "plan", "answer"),
        ("Look.\n<think>\nplan\n</think>\n\nDone.", "plan", "Look.\nDone."),
        ("Look.<think>plan</think> Done.", "plan", "Look. Done."),
        ("Look. <think>plan</think>Done.", "plan", "Look. Done."),
        ("好。<think>计划</think>完成", "计划", "好。完成"),
        ("Look.\n\n◁think▷plan◁/think▷\nDone.", "plan", "Look.\n\nDone."),
        ("<think>one</think>Look.\n<think>two</think>\nDone.", "one\ntwo", "Look.\nDone."),
        ("A.\n<think>one</think>\nB.\n<think>two</think>\nC.", "one\ntwo", "A.\nB.\nC."),
        ("A.\n<think></think>\nB.", "", "A.\nB."),
        (
            "A.\n<think>say `</think>` or\n```\n<think>\n```\nso</think>\nB.",
            "say `</think>` or\n```\n<think>\n```\nso",
            "A.\nB.",
        ),
        (
            "```\n<think>\nx\n</think>\n```\n<think>plan</think>\nB.",
            "plan",
            "```\n<think>\nx\n</think>\n```\nB.",
        ),
        ("x" * 300 + ".<think>plan</think>B.", "plan", "x" * 300 + ".B."),
        (f"{tag('think')}hm{end('think')}{tag('response')}Hi.{end('response')}", "hm", "Hi."),
        (f"{tag('think')}hm", "hm", ""),
        ("All done.<|im_end|>", "", "All done."),
        ("Done.<|im_end|><|im_user|>user<|im_middle|>thanks", "", "Done.thanks"),
        (f"Done.{SE}", "", "Done."),
        ("Done.<|clos", "", "Done."),
        (f"{tag('response')}Done.{CLOSE}resp", "", "Done."),
    ],
)
def test_thinking_and_stop_tokens_in_the_text_are_put_where_they_belong(text: str, thinking: str, clean: str):
    message = mended(text)
    assert (message.thinking, message.text) == (thinking, clean)


def test_an_end_of_thinking_in_the_text_moves_nothing_if_thinking_came_properly():
    message = mended("</think>\nanswer", "plan")
    assert (message.thinking, message.text) == ("plan", "answer")


def test_the_note_that_stands_for_an_empty_response_is_no_text():
    message = mended("(Empty response: {'content': [{'type': 'thinking', 'thinking': 'x'}]})")
    assert message.text == ""
    assert kinds(message) == ["empty_response"]


WRITTEN = '{"name": "Bash", "arguments": {"command": "ls"}}'
WRITTEN_CALLS: dict[str, tuple[str, str]] = {
    "fence": (f"I look.\n\n```json\n{WRITTEN}\n```", "I look."),
    "fence without word": (f"```\n{WRITTEN}\n```\n", ""),
    "fence not closed": (f"Go:\n```json\n{WRITTEN}\n", "Go:"),
    "tilde fence": (f"~~~\n{WRITTEN}\n~~~", ""),
    "fence after a fence": (f"```py\nx\n```\nSo:\n```json\n{WRITTEN}\n```", "```py\nx\n```\nSo:"),
    "bare": (WRITTEN, ""),
    "bare over lines": (f"\n{json.dumps(json.loads(WRITTEN), indent=2)}\n", ""),
    "bare before the end of a fence": (f"{WRITTEN}\n```\n", ""),
    "list": (f"[{WRITTEN}]", ""),
    "tag": (f"I look. <tool_call>\n{WRITTEN}\n</tool_call>", "I look."),
    "tag not closed": (f"<tool_call>{WRITTEN}", ""),
    "arguments first": ('{"arguments": {"command": "ls"}, "name": "Bash"}', ""),
    "other case": (WRITTEN.replace("Bash", "bash"), ""),
    "with a namespace": (f"```json\n{WRITTEN.replace('Bash', 'functions.Bash')}\n```", ""),
    "another info string": (f"```tool_code title=x\n{WRITTEN}\n```", ""),
    "an indented fence": (f"1. So:\n   ```json\n   {WRITTEN}\n   ```", "1. So:"),
    "Windows line ends": (f"So:\r\n```json\r\n{WRITTEN}\r\n```\r\n", "So:"),
    "a longer closing run": (f"```json\n{WRITTEN}\n`````", ""),
    "a stop token after it": (f"```json\n{WRITTEN}\n```\n<|im_end|>", ""),
    "in Python's words": ("```\n{'name': 'Bash', 'arguments': {'command': 'ls'}}\n```", ""),
    "a trailing comma": ('```\n{"name": "Bash", "arguments": {"command": "ls",},}\n```', ""),
    "a bracket in single quotes": ("{'name': 'Bash', 'arguments': {'command': 'ls'}, }", ""),
}


@pytest.mark.parametrize("name", WRITTEN_CALLS)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_call_that_is_written_as_the_last_block_runs_and_is_not_shown(name: str, size: int):
    text, clean = WRITTEN_CALLS[name]
    message = mended(text)
    assert found(message) == BASH
    assert (message.text, message.finish) == (clean, "tool_calls")
    assert "written_call" in kinds(message)
    assert shown(text, size).rstrip() == clean


def test_several_written_calls_run_in_order():
    other = '{"name": "Read", "arguments": {"file_path": "a"}}'
    for text in (
        f"```json\n[{WRITTEN}, {other}]\n```",
        f"<tool_call>{WRITTEN}</tool_call>\n<tool_call>{other}</tool_call>",
    ):
        assert [name for name, _ in found(mended(text))] == ["Bash", "Read"]


NOT_WRITTEN = [
    f"```json\n{WRITTEN}\n```\nThis would list the files.",
    f"{WRITTEN}\nis what I would send.",
    f"I would send:\n{WRITTEN}",
    f"{WRITTEN}\n{WRITTEN}",
    f"```json\n{WRITTEN}\n{WRITTEN}\n```",
    f"```xml\n<tool_call>{WRITTEN}</tool_call>",
    f"```xml\n<tool_call>{WRITTEN}</tool_call>\n```",
    f"```json\n{WRITTEN}\n```\n> done",
    '```json\n{"function": {"name": "Bash", "arguments": {"command": "ls"}}}\n```',
    '```json\n{"name": "Bash", "arguments": "{\\"command\\": \\"ls\\"}"}\n```',
    '```json\n{"name": "shell", "arguments": {"command": "ls"}}\n```',
    f"Send {WRITTEN}",
    f"<tool_call>{WRITTEN}</tool_call> is the form.",
    f"`<tool_call>{WRITTEN}</tool_call>`",
    f"````md\n```json\n{WRITTEN}\n```\n````",
    f"```json\n{WRITTEN}\n{{}}\n```",
    f"```json\n// a call\n{WRITTEN}\n```",
    f"```json\n[{WRITTEN}, 1]\n```",
    "```json\n[]\n```",
    '{"name": "Rocket", "arguments": {}}',
    '{"name": "Bash", "arguments": "ls"}',
    '{"name": "Bash", "arguments": {"command": "ls"}, "note": 1}',
    '{"name": "Bash", "parameters": {"command": "ls"}}',
    '{"name": "Bash", "arguments": {"command": "ls"}',
    '```json\n{"name": "my-app", "version": "1", "arguments": []}\n```',
    '```json\n{"a": {"name": "Bash", "arguments": {}}}\n```',
    "[link](x)\n{curly}\n<tool_\n```\n",
    f"```json\n{WRITTEN}\n```\n<tool_call>no</tool_call>",
    f"{WRITTEN}\n```\nThis would list the files.",
    f"{WRITTEN}\n```json",
]


@pytest.mark.parametrize("text", NOT_WRITTEN)
@pytest.mark.parametrize("size", [1, 4, 1000])
def test_what_only_looks_like_a_written_call_stays_text(text: str, size: int):
    message = mended(text)
    assert message.text == text
    assert message.tool_calls == ()
    assert shown(text, size) == text


def test_a_written_call_stays_text_beside_any_other_call():
    message = mended(WRITTEN, "", RawCall("x", "Read", '{"file_path": "a"}'))
    assert (message.text, len(message.tool_calls)) == (WRITTEN, 1)
    message = mended(f"{k2('functions.Read:0', '{}')}\n{WRITTEN}")
    assert [c.name for c in message.tool_calls] == ["Read"]
    assert WRITTEN in message.text
    sieve = MarkupFilter(["Bash"])
    assert sieve.feed(WRITTEN).text + sieve.finish(calls_came=True).text == WRITTEN


def test_words_are_shown_at_once_unless_they_may_become_markup():
    sieve = MarkupFilter(["Bash", "Read"])
    assert sieve.feed("Hello").text == "Hello"
    assert sieve.feed(" world. a < b and").text == " world. a < b and"
    assert sieve.feed(" x <").text == " x "
    assert sieve.feed("|").text == ""
    assert sieve.feed("y").text == "<|y"
    assert sieve.feed("\n```json\n").text == "\n"
    assert sieve.feed('{"a": 1').text == '```json\n{"a": 1'
    assert sieve.feed(' , "b": 2}\n```\nIt').text == ' , "b": 2}\n```\nIt'
    assert sieve.feed(" is `code` and").text == " is `code` and"
    assert sieve.feed(" Ba").text == " "
    assert sieve.feed("sh!").text == "Bash!"
    assert sieve.finish().text == ""


names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
MARKS = st.sampled_from(
    [
        SB,
        SE,
        CB,
        AB,
        CE,
        "`",
        "```",
        "\n",
        "\n```\n",
        "<think>",
        "</think>",
        "<|im_end|>",
        "{",
        "}",
        '"',
        "\\",
    ]
)
texts = st.lists(MARKS | st.text(st.characters(codec="utf-8"), max_size=6), max_size=6).map("".join)
plain = st.text(st.characters(codec="utf-8", exclude_characters="`~<|{[(◁"), max_size=30)
scalars = st.none() | st.booleans() | st.integers(-1000, 1000)


@settings(max_examples=200, deadline=None)
@given(plain, st.dictionaries(names, texts | scalars | st.lists(texts, max_size=2), max_size=3), plain)
def test_any_arguments_survive_the_way_through_k2_markup(before: str, arguments: dict[str, Any], after: str):
    for dump in (json.dumps(arguments), json.dumps(arguments, ensure_ascii=False, indent=1)):
        message = mended(f"{before} {k2('functions.Bash:0', dump)}{after}")
        assert found(message) == [("Bash", arguments)]
        assert message.text in {f"{before} {after}", ""}


closers = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20).filter(
    lambda s: "<|" not in s
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(names.filter(str.strip), closers | scalars | st.lists(texts, max_size=2), max_size=3))
def test_any_arguments_survive_the_way_through_k3_markup(arguments: dict[str, Any]):
    message = mended(k3("Bash", arguments))
    assert found(message) == [("Bash", arguments)]


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["command", "timeout", "x"]), closers | st.integers(0, 999), min_size=1, max_size=3
    )
)
def test_a_leak_that_is_cut_never_becomes_arguments_that_run(arguments: dict[str, Any]):
    for markup in (k2("functions.Bash:0", json.dumps(arguments)), k3("Bash", arguments)):
        for length in range(1, len(markup)):
            for call in mended(markup[:length]).tool_calls:
                try:
                    value = parse(call.arguments, {"type": "object"}).value
                except ArgumentsError:
                    continue
                assert value == arguments, markup[:length]


FRAGMENTS = [
    SB,
    SE,
    CB,
    AB,
    CE,
    OPEN,
    CLOSE,
    SEP,
    LS,
    "functions.Bash:0",
    "Bash:1",
    " ",
    "\n",
    "\n\n",
    "`",
    "``",
    "```",
    "\n```\n",
    "~~~",
    "a",
    "Ba",
    "<",
    "<|",
    "|>",
    "<think>",
    "</think>",
    "tools",
    'call tool="Bash"',
    "<tool_call>",
    "</tool_call>",
    WRITTEN,
    "[",
    "<|im_end|>",
    "<|im_user|>",
    "<|im_middle|>",
    "(Empty response: {",
    "é",
]  # fmt: skip - one list


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join),
    st.lists(st.integers(1, 30), min_size=1, max_size=9),
)
@example('<tool_call><|tool_calls_section_begin|>{"name": "Bash", "arguments": {"command": "ls"}}', [1])
def test_what_is_shown_does_not_depend_on_the_chunks(text: str, sizes: list[int]):
    def in_cuts(cuts: list[int]) -> tuple[str, str]:
        sieve = MarkupFilter([t.name for t in TOOLS])
        words, thoughts = "", ""
        at = 0
        for size in itertools.cycle(cuts):
            if at >= len(text):
                break
            piece = sieve.feed(text[at : at + size])
            words, thoughts, at = words + piece.text, thoughts + piece.thinking, at + size
        piece = sieve.finish()
        return (words + piece.text).rstrip(), thoughts + piece.thinking

    words, thoughts = in_cuts(sizes)
    assert (words, thoughts) == in_cuts([1]) == in_cuts([10_000])
    if "</think>" not in text:
        message = mended(text)
        assert (message.text.strip(), message.thinking.strip()) == (words.strip(), thoughts.strip())


def test_the_shared_leaks_end_as_they_say(wire_corpus: Callable[[str], Any]):
    schemas = wire_corpus("tools.json")
    tools = [ToolSpec(name=name, description="", parameters=schema) for name, schema in schemas.items()]
    for row in wire_corpus("leaks.jsonl"):
        in_thinking = row["where"] == "reasoning"
        message = mended("" if in_thinking else row["text"], row["text"] if in_thinking else "", tools=tools)
        assert found(message) == [(name, arguments) for name, arguments in row["calls"]], row["id"]
        assert (message.thinking if in_thinking else message.text) == row["clean"], row["id"]
        if not in_thinking:
            assert message.thinking == row["reasoning"], row["id"]
