"""Calls whose markup is damaged, quoted or cut: what is certain runs as it was written, anything else does not."""

import itertools
import json
from typing import Any

import pytest
from markup import AB, CB, CE, SB, SE, end, k2, tag

from kcode.arguments import ArgumentsError, parse
from kcode.providers.reply import Reply
from kcode.types.errors import ModelError
from kcode.types.messages import AssistantMessage
from kcode.types.model import JsonObject, ToolSpec


def tool(name: str, *fields: str) -> ToolSpec:
    needed: list[Any] = list(fields)
    parameters: JsonObject = {
        "type": "object",
        "properties": {field: {"type": "string"} for field in fields},
        "required": needed,
    }
    return ToolSpec(name=name, description="", parameters=parameters)


TOOLS = [tool("Bash", "command"), tool("Read", "path"), tool("Write", "path", "content")]
SCHEMAS = {t.name: t.parameters for t in TOOLS}
LS = {"command": "ls"}


def argument(key: str, value: str, kind: str = "string") -> str:
    return tag(f'argument key="{key}" type="{kind}"') + value + end("argument")


def k3(*parts: str, tool: str = 'tool="Bash" index="1"') -> str:
    return tag("tools") + tag(f"call {tool}") + "".join(parts) + end("call") + end("tools")


def received(
    text: str = "", thinking: str = "", *, size: int = 10_000, finish: str = "stop"
) -> tuple[AssistantMessage | None, str]:
    """Stream a reply in pieces; return its message, None for a failed one, and everything that was shown."""
    reply = Reply(TOOLS)
    shown: list[str] = []

    def send(delta: dict[str, str], ending: str | None = None) -> None:
        payload = {"choices": [{"index": 0, "delta": delta, "finish_reason": ending}]}
        shown.extend(d.text + d.thinking for d in reply.feed(f"data: {json.dumps(payload)}\n\n".encode()))

    for key, whole in (("reasoning_content", thinking), ("content", text)):
        for at in range(0, len(whole), size):
            send({key: whole[at : at + size]})
    send({}, finish)
    try:
        message, rest = reply.finish()
    except ModelError:
        return None, "".join(shown)
    return message, "".join([*shown, *(d.text + d.thinking for d in rest)])


def ran(message: AssistantMessage | None, *, read_only: bool = False) -> list[tuple[str, Any]]:
    """The calls as (name, arguments), or (name, why it is refused)."""
    found: list[tuple[str, Any]] = []
    for call in message.tool_calls if message else ():
        try:
            value: Any = parse(call.arguments, SCHEMAS.get(call.name, {}), read_only=read_only).value
        except ArgumentsError as error:
            value = error.kind
        found.append((call.name, value))
    return found


FENCES = [
    ("```", "```"),
    ("~~~", "~~~"),
    ("````py", "````"),
    ("~~~ text", "~~~~"),
    ("> ```", "> ```"),
    ("1. ```json", "   ```"),
    ("- ~~~", "  ~~~"),
    ("   ```", "   ```"),
    ("```x\r", "```\r"),
]
INLINE = ["`{}`", "``{}``", "```{}```", "`` ` {} ``", "**`{}`**", "| `{}` |", "- `{}` is", "> `{}`"]
FORMS = {"K2": k2("functions.Bash:0", json.dumps(LS)), "K3": k3(argument("command", "ls"))}


@pytest.mark.parametrize(("opening", "closing"), FENCES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [1, 7])
def test_a_fence_quotes_and_what_follows_it_does_not(opening: str, closing: str, form: str, size: int):
    quoted = f"Look:\n{opening}\nx\n{FORMS[form]}\n{closing}\n"
    for text in (quoted, f"{quoted}Done.", quoted.removesuffix(f"{closing}\n")):
        message, shown = received(text, size=size)
        assert (ran(message), shown) == ([], text)
    message, shown = received(quoted + FORMS[form], size=size)
    assert (ran(message), shown) == ([("Bash", LS)], quoted)


@pytest.mark.parametrize("quote", INLINE)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [1, 7])
def test_inline_code_quotes_and_what_stands_beside_it_does_not(quote: str, form: str, size: int):
    text = quote.format(FORMS[form])
    message, shown = received(text, size=size)
    assert (ran(message), shown) == ([], text)
    message, shown = received(f"{text} then {FORMS[form]}", size=size)
    assert (ran(message), shown) == ([("Bash", LS)], f"{text} then ")


HEADERS = [
    "function.Bash:0",
    "functions_Bash_0",
    "Bash_0",
    "functions:Bash:1",
    "Bash:0:0",
    " Bash:3\n",
    "functions.bash",
    "call_0",
    "functions.0:0",
    "tool_3",
    "550e8400-e29b-41d4-a716-446655440000",
    "chatcmpl-tool-3f2a",
]


@pytest.mark.parametrize("header", HEADERS)
def test_the_tool_is_found_in_every_form_of_a_header(header: str):
    assert ran(received(k2(header, json.dumps(LS)))[0]) == [("Bash", LS)]


@pytest.mark.parametrize("header", ["Bashes:0", "Bash2:0", "my_Bash:0", "shell:0", "functions.Bsh:0"])
def test_a_header_that_names_no_tool_is_not_guessed(header: str):
    assert [name for name, _ in ran(received(k2(header, json.dumps(LS)))[0])] != ["Bash"]


K3_SPELLINGS = {
    "attributes in another order": k3(argument("command", "ls"), tool='index="1" tool="Bash"'),
    "attributes in single quotes": k3(argument("command", "ls"), tool="tool='Bash' index='1'"),
    "attributes without quotes": k3(argument("command", "ls"), tool="tool=Bash index=1"),
    "name instead of tool": k3(argument("command", "ls"), tool='name = "functions.bash"'),
    "type first": k3(tag('argument type="string" key="command"') + "ls" + end("argument")),
    "no type": k3(tag('argument key="command"') + "ls" + end("argument")),
    "a stray token": k3("<|sep|>", argument("command", "ls"), "<|im_end|>"),
    "the same argument twice": k3(argument("command", "ls"), argument("command", "ls")),
    "no end of the section": k3(argument("command", "ls")).removesuffix(end("tools")),
}  # fmt: skip - one case in a line


@pytest.mark.parametrize("name", K3_SPELLINGS)
def test_k3_is_understood_in_its_spellings(name: str):
    assert ran(received(K3_SPELLINGS[name])[0]) == [("Bash", LS)]


PATH = tag('argument key="path" type="string"')
DAMAGED = {
    "no end of the last argument": k3(PATH + "a", tool='tool="Write"'),
    "no end of the first argument": k3(PATH + "a", argument("content", "x"), tool='tool="Write"'),
    "no end of an argument before another call": (
        tag("tools")
        + tag('call tool="Write"')
        + argument("content", "x")
        + PATH
        + "a"
        + end("call")
        + tag('call tool="Write"')
        + argument("content", "y")
        + PATH
        + "b"
        + end("argument")
        + end("call")
    ),
    "no end of the call": k3(argument("path", "a"), argument("content", "x"), tool='tool="Write"').replace(
        end("call"), ""
    ),
    "an argument that quotes a call": k3(
        argument("path", "a"),
        argument("content", "say " + k3(argument("command", "rm x")) + " so"),
        tool='tool="Write"',
    ),
    "words between the arguments": k3(
        argument("path", "a"), "and", argument("content", "x"), tool='tool="Write"'
    ),
    "one argument with two values": k3(
        argument("path", "a"), argument("path", "b"), argument("content", "x"), tool='tool="Write"'
    ),
}  # fmt: skip - as above


@pytest.mark.parametrize("name", DAMAGED)
@pytest.mark.parametrize("size", [1, 10_000])
def test_a_k3_call_whose_values_are_not_certain_is_refused_and_hidden(name: str, size: int):
    message, shown = received(DAMAGED[name], size=size)
    calls = ran(message, read_only=True) if "of the call" not in name else ran(message)
    assert calls
    assert all(isinstance(value, str) for _, value in calls)
    assert "<|" not in shown


CONTENT = 'x = {"a": [1]}\n```py\ny\n```\n<|tool_call_end|> \\d `q` </think> }\n'
WRITE: dict[str, Any] = {"path": "é.md", "content": CONTENT}
OTHER = {"command": "ls && echo '}{' | grep \"x\""}
WRITTEN = [{"name": "Write", "arguments": WRITE}, {"name": "Bash", "arguments": OTHER}]
WAYS = {
    "K2": f"{SB}{CB}Write:0{AB}{json.dumps(WRITE)}{CE}{CB}Bash:1{AB}{json.dumps(OTHER)}{CE}{SE}",
    "K2 in Python's words": k2("Write:0", repr(WRITE)),
    "K2 without beginning": f"Write:0{AB}{json.dumps(WRITE, indent=1)}{CE}",
    "K3": k3(argument("path", "é.md"), argument("content", CONTENT), tool='tool="Write"'),
    "a fence": f"Go:\n```json\n{json.dumps(WRITTEN)}\n```",
    "a fence in Python's words": f"Go:\n```json\n{WRITTEN[0]!r}\n```",
    "tags": "".join(f"<tool_call>\n{json.dumps(call, indent=2)}\n</tool_call>\n" for call in WRITTEN),
    "nothing but JSON": json.dumps(WRITTEN, indent=2),
}  # fmt: skip - as above


@pytest.mark.parametrize("way", WAYS)
def test_values_that_quote_markup_survive_every_way(way: str):
    for size in (1, 5, 10_000):
        message, shown = received(WAYS[way], size=size)
        calls = ran(message)
        assert calls in ([("Write", WRITE)], [("Write", WRITE), ("Bash", OTHER)])
        assert shown.strip() in {"", "Go:"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("finish", ["stop", "length"])
def test_a_call_that_is_cut_anywhere_runs_as_it_was_meant_or_not_at_all(way: str, finish: str):
    channels = ["text", "thinking"] if way.startswith("K") else ["text"]
    for length, channel in itertools.product(range(1, len(WAYS[way])), channels):
        message, _ = received(
            *(["", WAYS[way][:length]] if channel == "thinking" else [WAYS[way][:length]]), finish=finish
        )
        for _, value in ran(message):
            assert value in (WRITE, OTHER) or isinstance(value, str), WAYS[way][:length]


def test_what_follows_a_cut_string_is_part_of_it():
    text = f'{SB}{CB}Write:0{AB}{{"path": "t.py", "content": "{CE}{CB}Bash:1{AB}{{\\"command\\": \\"rm x\\"}}{CE}'
    message, shown = received(text)
    assert (ran(message), shown) == ([("Write", "cut")], "")


@pytest.mark.parametrize(
    "begun",
    [
        SB,
        f"{SB}{SE}",
        f"{SB}{CB[:9]}",
        SB[:14],
        tag("tools"),
        '<|open|>call tool="Ba',
        tag("tools") + end("tools"),
    ],
)
def test_a_call_that_was_begun_and_never_came_counts_as_announced(begun: str):
    message, shown = received(f"Sure.{begun}")
    assert shown == "Sure."
    assert message is not None
    assert [r.detail for r in message.repairs if r.kind == "finish"] == [
        "tool_calls->stop"
    ] or message.tool_calls


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f"The token {AB} comes first.", "The token  comes first."),
        (f"The token {CB} starts a call.", "The token  starts a call."),
        (f"The token {SB} starts a section.", "The token starts a section."),
    ],
)
@pytest.mark.parametrize("size", [1, 10_000])
def test_words_about_a_token_lose_the_token_alone(text: str, clean: str, size: int):
    message, shown = received(text, size=size)
    assert message is not None
    assert (message.tool_calls, message.text, shown) == ((), clean, clean)
    assert not [r for r in message.repairs if r.kind == "finish"]
