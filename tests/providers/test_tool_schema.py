"""Tool schemas are narrowed to Moonshot's subset without losing what the model needs."""

import json
from collections.abc import Iterator
from typing import Any, TypeAlias, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcode.providers.tool_schema import MAX_BYTES, narrow

_REFUSED = {"title", "$schema", "$comment", "$ref", "$defs", "format", "prefixItems", "oneOf", "allOf", "const",
            "exclusiveMinimum", "exclusiveMaximum", "unevaluatedProperties", "not", "patternProperties"}  # fmt: skip


def _nodes(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    children: list[Any] = [*schema.get("properties", {}).values(), *schema.get("anyOf", [])]
    children += [
        schema[key] for key in ("items", "additionalProperties") if isinstance(schema.get(key), dict)
    ]
    for child in children:
        yield from _nodes(child)


def _check(schema: dict[str, Any]) -> None:
    assert schema["type"] == "object"
    for node in _nodes(schema):
        assert ("type" in node) != ("anyOf" in node)
        assert isinstance(node.get("type", ""), str)
        assert not _REFUSED & node.keys()


def _narrowed(properties: dict[str, Any], **rest: Any) -> dict[str, Any]:
    found = cast("dict[str, Any]", narrow({"type": "object", "properties": properties, **rest}))
    _check(found)
    return cast("dict[str, Any]", found["properties"])


def test_a_schema_inside_the_subset_stays_as_it_is():
    schema = {
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "Where."},
            "limit": {"type": "integer", "minimum": 1, "default": 10},
            "tags": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
        },
        "required": ["path"],
        "additionalProperties": False,
    }
    assert narrow(schema) == schema


@pytest.mark.parametrize(
    "schema", [{}, {"type": "object"}, {"properties": {}}, {"$schema": "x", "title": "T"}]
)
def test_the_root_is_always_an_object(schema: dict[str, Any]):
    assert narrow(schema) == {"type": "object", "properties": {}}


def test_references_are_resolved_and_keep_what_stands_beside_them():
    point = {"type": "object", "title": "Point", "properties": {"x": {"type": "number"}}, "required": ["x"]}
    found = _narrowed(
        {"at": {"$ref": "#/$defs/Point", "description": "Here."}}, **{"$defs": {"Point": point}}
    )
    assert found["at"]["description"] == "Here."
    assert found["at"]["properties"] == {"x": {"type": "number"}}
    assert found["at"]["required"] == ["x"]


def test_a_schema_that_contains_itself_ends():
    tree = {"type": "object", "properties": {"name": {"type": "string"}, "child": {"$ref": "#/$defs/Tree"}}}
    found = _narrowed({"root": {"$ref": "#/$defs/Tree"}}, **{"$defs": {"Tree": tree}})
    assert found["root"]["properties"]["child"]["type"] == "object"


def test_an_optional_value_keeps_both_of_its_types():
    found = _narrowed(
        {"a": {"type": ["string", "null"]}, "b": {"anyOf": [{"type": "integer"}, {"type": "null"}]}}
    )
    assert found["a"] == {"anyOf": [{"type": "string"}, {"type": "null"}]}
    assert found["b"] == {"anyOf": [{"type": "integer"}, {"type": "null"}]}


def test_what_stands_beside_alternatives_moves_into_them():
    found = _narrowed(
        {"a": {"description": "Either.", "minimum": 1, "oneOf": [{"type": "integer"}, {"type": "number"}]}}
    )
    assert found["a"] == {
        "description": "Either.",
        "anyOf": [{"type": "integer", "minimum": 1}, {"type": "number", "minimum": 1}],
    }


@pytest.mark.parametrize(
    ("given_", "kind"),
    [
        ({"enum": ["a"]}, "string"),
        ({"const": 3}, "integer"),
        ({"items": {"type": "string"}}, "array"),
        ({"properties": {}}, "object"),
        ({"minimum": 2}, "number"),
        ({"description": "Anything."}, "string"),
    ],
)
def test_a_missing_type_is_inferred(given_: dict[str, Any], kind: str):
    assert _narrowed({"a": given_})["a"]["type"] == kind


def test_an_enum_of_mixed_kinds_becomes_alternatives():
    assert _narrowed({"a": {"enum": ["auto", 1, 2]}})["a"]["anyOf"] == [
        {"type": "string", "enum": ["auto"]},
        {"type": "integer", "enum": [1, 2]},
    ]


def test_bounds_that_are_exclusive_keep_their_meaning():
    found = _narrowed({"a": {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 10}})
    assert found["a"] == {"type": "integer", "minimum": 1, "maximum": 9}


def test_a_long_schema_loses_inner_descriptions_before_outer_ones():
    inner = {f"field_{i}": {"type": "string", "description": "word " * 40} for i in range(100)}
    schema = {
        "type": "object",
        "properties": {"outer": {"type": "object", "description": "Keep me.", "properties": inner}},
    }
    found = cast("dict[str, Any]", narrow(schema))
    assert len(json.dumps(found).encode()) <= MAX_BYTES
    assert found["properties"]["outer"]["description"] == "Keep me."
    assert set(found["properties"]["outer"]["properties"]) == set(inner)


_Schemas: TypeAlias = st.SearchStrategy[dict[str, Any]]


def _nested(inner: _Schemas) -> _Schemas:
    named = st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    some = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.fixed_dictionaries({"type": st.just("object"), "properties": named}),
        st.fixed_dictionaries({"type": st.just("array"), "items": inner}),
        st.fixed_dictionaries({"anyOf": some}),
        st.fixed_dictionaries({"allOf": some}),
    )


_LEAVES: list[dict[str, Any]] = [
    {"type": "string", "format": "date"},
    {"type": "integer", "title": "N"},
    {"const": None},
    {},
    {"enum": [1, "a"]},
]
_schemas: _Schemas = st.recursive(st.sampled_from(_LEAVES), _nested, max_leaves=12)


@given(st.dictionaries(st.sampled_from(["x", "y", "z"]), _schemas, max_size=3))
def test_whatever_comes_in_what_goes_out_is_in_the_subset(properties: dict[str, Any]):
    found = _narrowed(properties)
    assert set(found) == set(properties)
    assert narrow({"type": "object", "properties": found})["properties"] == found
