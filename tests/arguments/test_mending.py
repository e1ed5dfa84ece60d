import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcode.arguments import ArgumentsError, canonical, history_text, is_whole
from kcode.arguments.mend import mend

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(-1e9, 1e9) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(texts, values, min_size=1, max_size=4)

MENDED: list[tuple[str, object, tuple[str, ...]]] = [
    ("", {}, ("empty",)),
    (" null ", {}, ("empty",)),
    ('\ufeff{"a": 1}', {"a": 1}, ()),
    ('"{\\"a\\": 1}"', {"a": 1}, ("double",)),
    ('"\\"{\\\\\\"a\\\\\\": 1}\\""', {"a": 1}, ("double", "double")),
    ('{\\"a\\": \\"x\\\\ny\\"}', {"a": "x\ny"}, ("double",)),
    ('{"a": "x\ny\tz"}', {"a": "x\ny\tz"}, ("control",)),
    ('{"a": "\\d+\\.py\\x41"}', {"a": "\\d+\\.py\\x41"}, ("escapes",)),
    ('{"a": "it\\\'s"}', {"a": "it\\'s"}, ("escapes",)),
    ('{"p": "C:\\Users\\new\\temp"}', {"p": "C:\\Users\\new\\temp"}, ("escapes",)),
    ('{"p": "C:\\Users\\\\new"}', {"p": "C:\\Users\\new"}, ("escapes",)),
    ('{"a": "\\u12"}', {"a": "\\u12"}, ("escapes",)),
    ('{"a": "\\ud83d\\ude00\\q"}', {"a": "\U0001f600\\q"}, ("escapes",)),
    ('```json\n{"a": "```"}\n```', {"a": "```"}, ("fence",)),
    ('<|tool_call_argument_begin|> {"a": 1}', {"a": 1}, ("markers",)),
    ('{"a": 1}}]', {"a": 1}, ("trailing",)),
    ('{"a": 1}<|tool_call_end|><|tool_calls_section_end|><|im_end|>', {"a": 1}, ("trailing",)),
    ('{"a": 1}\ufffd.functions.bash:1 <|tool_call_argument_begin|> {', {"a": 1}, ("trailing", "twice")),
    ('{}{"a": 1}', {"a": 1}, ("leading_empty",)),
    ('{} {} {"a": 1}}', {"a": 1}, ("leading_empty", "trailing")),
    ('{"a": 1}{"a": 1}{"a":1}', {"a": 1}, ("twice",)),
    ('{"a": 1}{"a"', {"a": 1}, ("twice",)),
    ('{"a": 1}{}', {"a": 1}, ("twice",)),
    ("{'a': True, 'b': None, 'c': 'it\\'s \\x41'}", {"a": True, "b": None, "c": "it's A"}, ("python",)),
    ("{'a': \"it's\", 'b': [1.5, -2]}", {"a": "it's", "b": [1.5, -2]}, ("python",)),
    ('{"a": True, "b": "\\x41"}', {"a": True, "b": "\\x41"}, ("python", "escapes")),
    ('{"a": [1, 2,], "b": {},}', {"a": [1, 2], "b": {}}, ("comma",)),
    ('{a: 1, "b-c": 2}', {"a": 1, "b-c": 2}, ("quotes",)),
    ('[{"a": 1}]', {"a": 1}, ("list",)),
    ('{"a": 1, // one\n "b": "http://x" /* two */}', {"a": 1, "b": "http://x"}, ("comment",)),
    ("# why\n{'a': 'x' # y\n}", {"a": "x"}, ("comment", "python")),
    ('```json\n{"a": 1}', {"a": 1}, ("fence",)),
    ('json\n{"a": 1}', {"a": 1}, ("fence",)),
    ('`{"a": "`"}`', {"a": "`"}, ("fence", "trailing")),
    ('{"a": 1}\n```<|tool_call_end|>', {"a": 1}, ("trailing",)),
]

REFUSED: list[tuple[str, str]] = [
    ('{"a": "x"}{"a": "y"}', "glued"),
    ('[{"a": 1}, {"a": 2}]', "glued"),
    ('{"a": 1}{"b', "glued"),
    ('{"a": 1}{"a": 1.0}', "glued"),
    ('{"a": 1}{"a": true}', "glued"),
    ('{"a": "b"', "cut"),
    ('{"a": "b', "cut"),
    ('{"a": "b" // c}', "cut"),
    ('{"a": "b" /* c}', "cut"),
    ('{"a": "b\\', "cut"),
    ('{"a":', "cut"),
    ("{", "cut"),
    ('{"a": tru', "cut"),
    ('{"a": "{"key": "value"}"}', "syntax"),
    ('{"command": "echo "}hi"}', "syntax"),
    ('{}{"command": "echo "}hi"}', "syntax"),
    ('{"a": NaN}', "syntax"),
    ('{"a": 1e999}', "syntax"),
    ('{"a": ' + "1" * 5000 + "}", "syntax"),
    ('{"a": "\\ud83d"}', "syntax"),
    ("[" * 100_000, "syntax"),
    ('{"a":' * 5000, "syntax"),
    ("ls -la", "syntax"),
    ("[1, 2]", "syntax"),
    ("7", "syntax"),
    ('{"a" 1}', "syntax"),
    ('{"a": 1 "b": 2}', "syntax"),
    ('{"a": 1} and this is why I call it, at some length', "syntax"),
    ('"\\"\\\\\\"{}\\\\\\"\\""', "syntax"),
]


@pytest.mark.parametrize(("text", "value", "kinds"), MENDED)
def test_what_can_be_mended_keeps_its_values(text: str, value: object, kinds: tuple[str, ...]):
    mended = mend(text)
    assert (mended.value, mended.kinds) == (value, kinds)


@pytest.mark.parametrize(("text", "kind"), REFUSED)
def test_what_has_no_certain_meaning_is_refused(text: str, kind: str):
    with pytest.raises(ArgumentsError) as error:
        mend(text)
    assert error.value.kind == kind


@pytest.mark.parametrize(
    "text", ['{"a": "b"', '{"a": "b"<|tool_call_end|>', '{"a": [{"b": true', '{"a": {"b": "c"}', '{"a": "b" ']
)
def test_missing_brackets_are_added_only_where_it_is_allowed(text: str):
    assert mend(text, may_close=True).kinds[-1] == "closed"
    with pytest.raises(ArgumentsError, match="cut after"):
        mend(text)


@pytest.mark.parametrize(
    "text", ['{"limit": 1', '{"a": "b', '{"a": "b",', '{"a"', "{", '{"a": 1.', '{"a": -', '{"a": fal']
)
def test_no_bracket_is_added_where_a_value_may_be_cut(text: str):
    with pytest.raises(ArgumentsError) as error:
        mend(text, may_close=True)
    assert error.value.kind == "cut"


def test_the_message_about_a_cut_says_where_and_what_to_do():
    with pytest.raises(ArgumentsError, match=r"cut after 24 characters.*Send the whole call again"):
        mend('{"content": "half of a t')


@settings(deadline=None)
@given(objects)
def test_valid_json_comes_back_as_it_was(value: dict[str, Any]):
    mended = mend(json.dumps(value))
    assert mended.value == value
    assert mended.kinds == ()


@settings(deadline=None)
@given(
    objects,
    st.sampled_from(["", "```json\n", "<|tool_call_begin|>"]),
    st.sampled_from(["}", "<|im_end|>", " ]"]),
)
def test_wrapping_never_changes_a_value(value: dict[str, Any], before: str, after: str):
    raw = json.dumps(value, ensure_ascii=False)
    text = f"{before}{raw}\n```" if before.startswith("`") else f"{before}{raw}{after}"
    assert mend(text).value == value
    assert mend(json.dumps(raw)).value == value
    assert mend(raw + raw).value == value


@settings(deadline=None)
@given(objects)
def test_python_spelling_never_changes_a_value(value: dict[str, Any]):
    marked = {"first": None, **value}
    assert mend(repr(marked)).value == marked


@settings(deadline=None)
@given(objects)
def test_raw_control_characters_never_change_a_value(value: dict[str, Any]):
    raw = json.dumps(value, ensure_ascii=False)
    for escaped, char in (("\\n", "\n"), ("\\t", "\t"), ("\\r", "\r")):
        raw = raw.replace("\\\\", "\0").replace(escaped, char).replace("\0", "\\\\")
    assert mend(raw).value == value


@settings(max_examples=50, deadline=None)
@given(objects)
def test_no_cut_text_becomes_arguments_that_change_something(value: dict[str, Any]):
    text = json.dumps(value)
    for end in range(1, len(text)):
        with pytest.raises(ArgumentsError):
            mend(text[:end])


@settings(max_examples=50, deadline=None)
@given(objects)
def test_a_closed_cut_holds_only_values_that_were_written_whole(value: dict[str, Any]):
    text = json.dumps(value)
    for end in range(1, len(text)):
        try:
            closed = mend(text[:end], may_close=True).value
        except ArgumentsError:
            continue
        assert list(value)[: len(closed)] == list(closed)
        assert all(value[name] == item for name, item in list(closed.items())[:-1])


@settings(deadline=None)
@given(objects)
def test_canonical_json_has_one_form_and_the_same_value(value: dict[str, Any]):
    text = canonical(value)
    assert json.loads(text) == value
    assert canonical(json.loads(text)) == text
    assert history_text(json.dumps(value, indent=2)) == text


def test_history_never_carries_invalid_json_nor_an_invented_empty_object():
    cut = '{"path": "a", "content": "x'
    assert json.loads(history_text(cut)) == {"unreadable": cut}
    assert history_text("{'a': True}}") == '{"a":true}'
    assert history_text('{"a": "b"') == '{"a":"b"}'
    assert history_text("") == "{}"
    assert canonical({"a": "\ud83d"}) == '{"a":"\\ud83d"}'


def test_only_a_complete_object_is_whole():
    assert is_whole('{"a": [1]}')
    assert not any(is_whole(text) for text in ("", "[]", "null", '{"a": 1', '{"a": 1}}', '{"a": NaN}'))


def test_the_shared_argument_cases_end_as_they_say(wire_corpus: Callable[[str], Any]):
    for row in wire_corpus("args.jsonl"):
        try:
            got = mend(row["raw"] or "", may_close=not row["mutating"] and row["finished"]).value
        except ArgumentsError:
            got = None
        assert got == row["want"], row["id"]
