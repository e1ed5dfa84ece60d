import json
from collections.abc import Callable
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from kcode.arguments import ArgumentsError, nearest, parse, resolve, signature
from kcode.arguments.fit import Fit


class Todo(BaseModel):
    content: str
    status: Literal["pending", "done"]


class Edit(BaseModel):
    file_path: str = Field(description="The file to change")
    old_string: str
    new_string: str
    replace_all: bool = False


class Everything(BaseModel):
    name: str
    count: int | None = None
    ratio: float = 1.0
    flag: bool = False
    tags: list[str] = []
    todos: list[Todo] = []
    either: str | list[str] = ""
    extra: dict[str, Any] = {}
    number_or_flag: int | bool = 0


EVERYTHING = Everything.model_json_schema()
EDIT = Edit.model_json_schema()


def fitted(**fields: Any) -> dict[str, Any]:
    return Fit(EVERYTHING).fields(fields, EVERYTHING)


@pytest.mark.parametrize(
    ("field", "given", "want"),
    [
        ("count", "10", 10),
        ("count", " 10 ", 10),
        ("count", "10.0", 10),
        ("count", 10.0, 10),
        ("count", "null", None),
        ("count", None, None),
        ("ratio", "0.5", 0.5),
        ("ratio", "2", 2),
        ("flag", "True", True),
        ("flag", 0, False),
        ("name", 7, "7"),
        ("tags", '["a", "b"]', ["a", "b"]),
        ("tags", "['a', 'b']", ["a", "b"]),
        ("tags", "a.py", ["a.py"]),
        ("tags", [1, "b"], ["1", "b"]),
        ("todos", '[{"content": "a", "status": "done"}]', [{"content": "a", "status": "done"}]),
        ("todos", {"title": "a", "state": "done"}, [{"content": "a", "status": "done"}]),
        ("todos", ['{"content": "a", "status": "done"}'], [{"content": "a", "status": "done"}]),
        ("extra", '{"a": "1"}', {"a": "1"}),
    ],
)
def test_a_value_in_the_wrong_type_becomes_the_one_thing_it_can_mean(field: str, given: Any, want: Any):
    got = fitted(**{field: given})[field]
    assert got == want
    assert type(got) is type(want)


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("name", '{"a": 1}'),
        ("name", '["a"]'),
        ("name", "null"),
        ("name", "7"),
        ("name", {"a": 1}),
        ("name", 1.10),
        ("either", '["a"]'),
        ("count", "ten"),
        ("count", 10.5),
        ("count", "1,000"),
        ("count", True),
        ("flag", "yes"),
        ("flag", 2),
        ("extra", "words"),
        ("todos", "words"),
        ("extra", {"count": "10"}),
    ],
)
def test_a_value_that_may_be_meant_as_it_stands_is_left_alone(field: str, given: Any):
    got = fitted(**{field: given})[field]
    assert got == given
    assert type(got) is type(given)


def test_null_for_an_optional_field_is_no_value():
    assert fitted(name="a", flag=None) == {"name": "a"}


@pytest.mark.parametrize(
    "path", ["path", "file", "filename", "filePath", "FilePath", "file-path", "target_file"]
)
@pytest.mark.parametrize(
    ("old", "new"), [("old_str", "new_str"), ("oldString", "newString"), ("search", "replace")]
)
def test_fields_may_be_called_what_other_agents_call_them(path: str, old: str, new: str):
    parsed = parse(f'{{"{path}": "a", "{old}": "x", "{new}": "y"}}', EDIT)
    assert parsed.value == {"file_path": "a", "old_string": "x", "new_string": "y"}
    assert {repair.kind for repair in parsed.repairs} == {"alias"}
    assert {repair.place for repair in parsed.repairs} == {"arguments"}


def test_an_explicit_field_wins_over_its_alias_which_is_reported():
    parsed = parse('{"file_path": "a", "path": "b", "old_string": "x", "new_string": "y"}', EDIT)
    assert parsed.value["file_path"] == "a"
    assert [(r.kind, r.detail) for r in parsed.repairs] == [("unknown", "path")]


def test_two_different_aliases_of_one_field_decide_nothing():
    with pytest.raises(ArgumentsError, match="file_path is missing"):
        parse('{"path": "a", "file": "b", "old_string": "x", "new_string": "y"}', EDIT)


def test_a_name_that_could_stand_for_two_fields_stands_for_none():
    schema = {"type": "object", "properties": {"path": {"type": "string"}, "dir": {"type": "string"}}}
    assert parse('{"folder": "a"}', schema).value == {}


def test_a_title_is_no_content_of_a_file():
    schema = {
        "type": "object",
        "properties": {"file_path": {"type": "string"}, "content": {"type": "string"}},
        "required": ["file_path", "content"],
    }
    with pytest.raises(ArgumentsError, match="content is missing"):
        parse('{"file_path": "a", "title": "My text"}', schema)


def test_units_are_never_mistaken():
    schema = {"type": "object", "properties": {"timeout": {"type": "integer"}}}
    assert parse('{"timeout_seconds": 5}', schema).value == {}


def test_unknown_fields_are_dropped_only_where_none_are_invited():
    closed = {"type": "object", "properties": {"a": {"type": "string"}}}
    parsed = parse('{"a": "x", "b": 1}', closed)
    assert parsed.value == {"a": "x"}
    assert [(r.kind, r.detail) for r in parsed.repairs] == [("unknown", "b")]
    assert parse('{"a": "x", "b": 1}', {**closed, "additionalProperties": True}).value == {"a": "x", "b": 1}
    assert parse('{"b": 1}', {"type": "object"}).value == {"b": 1}


def test_every_missing_field_is_named_with_type_and_example():
    with pytest.raises(ArgumentsError) as error:
        parse("{}", EDIT)
    text = str(error.value)
    assert 'file_path is missing: string, for example "src/app.py" (The file to change)' in text
    assert "old_string is missing: string" in text
    assert "new_string is missing: string" in text
    assert signature(EDIT) in text
    assert error.value.kind == "fields"


def test_wrong_fields_are_named_with_what_they_must_be():
    with pytest.raises(ArgumentsError) as error:
        parse('{"name": "a", "flag": "yes", "todos": [{"content": "a", "status": "finished"}]}', EVERYTHING)
    text = str(error.value)
    assert 'flag must be boolean, not "yes"' in text
    assert 'todos[0].status must be one of "pending", "done", not "finished"' in text


def test_a_misspelt_field_gets_a_suggestion():
    with pytest.raises(ArgumentsError, match=r"old_sting is not a field; did you mean old_string\?"):
        parse('{"file_path": "a", "old_sting": "x", "new_string": "y"}', EDIT)


def test_a_read_only_call_may_lack_its_last_bracket_but_not_when_the_length_ran_out():
    schema = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
    text = '{"path": "a"'
    assert parse(text, schema, read_only=True).value == {"path": "a"}
    with pytest.raises(ArgumentsError, match="cut"):
        parse(text, schema, read_only=True, finished=False)
    with pytest.raises(ArgumentsError, match="cut"):
        parse(text, schema)


def test_references_and_unions_are_followed():
    class Circle(BaseModel):
        kind: Literal["circle"]
        radius: int

    class Square(BaseModel):
        kind: Literal["square"]
        side: float

    class Shapes(BaseModel):
        shapes: list[Circle | Square]

    schema = Shapes.model_json_schema()
    shapes = '[{"kind": "circle", "radius": "3"}, {"kind": "square", "side": "2.5"}]'
    text = json.dumps({"shapes": shapes})
    value = parse(text, schema).value
    assert value == {"shapes": [{"kind": "circle", "radius": 3}, {"kind": "square", "side": 2.5}]}
    assert Shapes.model_validate(value).shapes == [
        Circle(kind="circle", radius=3),
        Square(kind="square", side=2.5),
    ]


def test_a_schema_that_refers_to_itself_or_to_nothing_is_no_trap():
    tree = {"type": "object", "properties": {"kids": {"$ref": "#/$defs/tree"}}, "required": ["kids"]}
    schema: dict[str, Any] = {
        "$defs": {"loop": {"$ref": "#/$defs/loop"}, "tree": tree},
        "type": "object",
        "properties": {
            "x": {"$ref": "#/$defs/loop"},
            "y": {"$ref": "#/nowhere"},
            "z": {"$ref": "#/$defs/tree"},
        },
        "required": ["z"],
    }
    with pytest.raises(ArgumentsError, match="z is missing"):
        parse('{"x": 1, "y": [2]}', schema)
    with pytest.raises(ArgumentsError, match=r"z\.kids\.kids is missing"):
        parse('{"x": 1, "y": [2], "z": {"kids": {}}}', schema)


def test_a_signature_shows_the_fields_in_one_line():
    assert (
        signature(EDIT)
        == "{file_path: string, old_string: string, new_string: string, replace_all?: boolean}"
    )
    assert 'todos?: list of {content: string, status: "pending" | "done"}' in signature(EVERYTHING)


@pytest.mark.parametrize(
    "name", ["Bash", " bash", "BASH", "functions.Bash:0", "functions.bash", "bash:12", '"bash"']
)
def test_a_tool_is_found_whatever_its_case_and_wrapping(name: str):
    assert resolve(name, ["Bash", "Read"]) == "Bash"


@pytest.mark.parametrize("name", ["bsh", "invalid", "", "functions.", "Bash2"])
def test_a_tool_is_never_guessed(name: str):
    assert resolve(name, ["Bash", "Read"]) is None


def test_a_spelling_that_fits_two_tools_fits_none_but_an_exact_one_wins():
    assert resolve("read-file", ["read_file", "ReadFile"]) is None
    assert resolve("ReadFile", ["read_file", "ReadFile"]) == "ReadFile"
    assert resolve("mcp:1", ["mcp:1", "mcp"]) == "mcp:1"


@pytest.mark.parametrize(
    ("name", "want"),
    [
        ("reed", "Read"),
        ("read_file", "Read"),
        ("str_replace_editor", "Edit"),
        ("shell", "Bash"),
        ("WebFetsh", "WebFetch"),
    ],
)
def test_the_nearest_tool_is_suggested_first(name: str, want: str):
    assert nearest(name, ["Read", "Edit", "Bash", "Grep", "WebFetch"])[0] == want


def test_nothing_is_suggested_for_what_resembles_nothing():
    assert nearest("img_gen", ["Read", "Edit", "Bash"]) == ()


def test_the_shared_coercion_cases_end_as_they_say(wire_corpus: Callable[[str], Any]):
    tools = wire_corpus("tools.json")
    for row in wire_corpus("coerce.jsonl"):
        fit = Fit(tools[row["tool"]])
        assert fit.fields(row["args"], tools[row["tool"]]) == row["want"], row["id"]
        assert [" ".join(note) for note in fit.notes] == row["notes"], row["id"]


def test_the_shared_names_resolve_as_they_say(wire_corpus: Callable[[str], Any]):
    tools = wire_corpus("tools.json")
    for row in wire_corpus("names.jsonl"):
        assert resolve(row["raw"], tools) == row["want"], row["raw"]


EDITED = {"file_path": "a", "old_string": "x", "new_string": "y"}


@pytest.mark.parametrize(
    "wrapped",
    [
        {"arguments": EDITED},
        {"name": "Edit", "arguments": EDITED},
        {"type": "function", "parameters": EDITED},
    ],
)
def test_arguments_that_stand_in_a_call_once_more_are_taken_out(wrapped: dict[str, Any]):
    parsed = parse(json.dumps(wrapped), EDIT)
    assert parsed.value == EDITED
    assert [repair.kind for repair in parsed.repairs] == ["wrapped"]


def test_what_only_resembles_a_wrapped_call_is_left_alone():
    class Runs(BaseModel):
        name: str
        arguments: dict[str, Any]

    own = {"name": "Edit", "arguments": EDITED}
    assert parse(json.dumps(own), Runs.model_json_schema()).value == own
    for other in (
        {"arguments": EDITED, "note": "x"},
        {"arguments": EDITED, "params": {}},
        {"arguments": [1]},
    ):
        with pytest.raises(ArgumentsError, match="file_path is missing"):
            parse(json.dumps(other), EDIT)
