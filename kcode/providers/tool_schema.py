"""Tool schemas narrowed to what Moonshot's servers accept.

Their subset of JSON Schema wants an object at the root, a type on every property, references resolved and
the type inside the branches of `anyOf`; one schema outside it makes the whole request fail. What is left out
here still holds where kcode checks arguments: that is done with the tool's own schema.
"""

import json
from collections.abc import Mapping
from typing import Any, TypeAlias, cast

from kcode.types.model import JsonObject

Schema: TypeAlias = Mapping[str, Any]

MAX_BYTES = 15_000
"""A tool's schema may not be longer than this on the wire."""

_KEPT = (
    "description", "enum", "default",
    "minLength", "maxLength", "pattern",
    "minimum", "maximum",
    "minItems", "maxItems",
)  # fmt: skip
_DEEP = 12


def narrow(schema: Schema) -> JsonObject:
    """Return the nearest schema in the subset; one that is too long loses descriptions, deepest first."""
    found = _Narrowing(schema).record(schema, ())
    for depth in (3, 2, 1, 0):
        if len(json.dumps(found, ensure_ascii=False).encode()) <= MAX_BYTES:
            break
        found = _without_descriptions(found, depth)
    return found


class _Narrowing:
    """Walks a schema; `trail` names the references that are being followed, so that a circle ends."""

    def __init__(self, root: Schema) -> None:
        self._root = root

    def record(self, schema: Schema, trail: tuple[str, ...]) -> JsonObject:
        schema, trail = self._followed(schema, trail)
        properties = _mapping(schema.get("properties"))
        found: JsonObject = {"type": "object"}
        found.update(_plain(schema))
        found.pop("enum", None)
        found["properties"] = {name: self.value(sub, trail) for name, sub in properties.items()}
        required = [n for n in _sequence(schema.get("required")) if n in properties]
        if required:
            found["required"] = required
        extra = schema.get("additionalProperties")
        if isinstance(extra, bool):
            found["additionalProperties"] = extra
        elif isinstance(extra, Mapping):
            found["additionalProperties"] = self.value(cast("Schema", extra), trail)
        return found

    def value(self, part: object, trail: tuple[str, ...]) -> JsonObject:
        schema, trail = self._followed(_mapping(part), trail)
        branches = _branches(schema)
        if branches:
            return self._alternatives(schema, branches, trail)
        match _type(schema):
            case "object":
                return self.record(schema, trail)
            case "array":
                found: JsonObject = {"type": "array"} | _plain(schema)
                found["items"] = self.value(schema.get("items"), trail)
                return found
            case kind:
                return {"type": kind} | _plain(schema) | _bounds(schema, kind)

    def _alternatives(self, schema: Schema, branches: list[Schema], trail: tuple[str, ...]) -> JsonObject:
        """Move what stands beside the branches into them; a single branch needs no `anyOf`."""
        shared = {
            k: v for k, v in schema.items() if k not in {"anyOf", "oneOf", "type", "enum", "const", "default"}
        }
        description = shared.pop("description", None)
        options: list[JsonObject] = []
        for branch in branches:
            option = self.value(shared | dict(branch), trail)
            if option not in options:
                options.append(option)
        found: JsonObject = options[0] if len(options) == 1 else {"anyOf": [*options]}
        if isinstance(description, str):
            found = {"description": description} | found
        return found

    def _followed(self, schema: Schema, trail: tuple[str, ...]) -> tuple[Schema, tuple[str, ...]]:
        """Resolve a reference and merge `allOf`."""
        while isinstance(reference := schema.get("$ref"), str):
            beside = {k: v for k, v in schema.items() if k != "$ref"}
            if reference in trail or len(trail) >= _DEEP:
                return {"type": "object"} | beside, trail
            trail = (*trail, reference)
            schema = dict(self._pointed(reference)) | beside
        for part in _sequence(schema.get("allOf")):
            followed, _ = self._followed(_mapping(part), trail)
            schema = _merged({k: v for k, v in schema.items() if k != "allOf"}, followed)
        return schema, trail

    def _pointed(self, reference: str) -> Schema:
        found: object = self._root
        for step in reference.removeprefix("#").strip("/").split("/"):
            key = step.replace("~1", "/").replace("~0", "~")
            found = _mapping(found).get(key, {})
        return _mapping(found)


def _branches(schema: Schema) -> list[Schema]:
    """List the alternatives of a schema: its own, those of its types, those of an enum of mixed kinds."""
    for key in ("anyOf", "oneOf"):
        options = [_mapping(o) for o in _sequence(schema.get(key))]
        if options:
            return options
    kinds = schema.get("type")
    if isinstance(kinds, list):
        return [{"type": kind} for kind in cast("list[object]", kinds)]
    by_kind: dict[str, list[object]] = {}
    for value in _sequence(schema.get("enum")):
        by_kind.setdefault(_kind(value), []).append(value)
    return [{"type": kind, "enum": values} for kind, values in by_kind.items()] if len(by_kind) > 1 else []


def _type(schema: Schema) -> str:
    kind = schema.get("type")
    if isinstance(kind, str) and kind:
        return kind
    values = _sequence(schema.get("enum")) or ([schema["const"]] if "const" in schema else [])
    if values:
        return _kind(values[0])
    if "properties" in schema or "additionalProperties" in schema:
        return "object"
    if "items" in schema:
        return "array"
    if {"minimum", "maximum", "multipleOf"} & set(schema):
        return "number"
    return "string"


def _kind(value: object) -> str:
    match value:
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case None:
            return "null"
        case dict():
            return "object"
        case list():
            return "array"
        case _:
            return "string"


def _plain(schema: Schema) -> JsonObject:
    found: JsonObject = {key: schema[key] for key in _KEPT if key in schema}
    if "const" in schema:
        found["enum"] = [schema["const"]]
    return found


def _bounds(schema: Schema, kind: str) -> JsonObject:
    """Keep an exclusive bound of whole numbers as the inclusive one that means the same."""
    found: JsonObject = {}
    for exclusive, inclusive, step in (
        ("exclusiveMinimum", "minimum", 1),
        ("exclusiveMaximum", "maximum", -1),
    ):
        bound = schema.get(exclusive)
        if kind == "integer" and isinstance(bound, int) and not isinstance(bound, bool):
            found[inclusive] = bound + step
    return found


def _merged(one: Schema, other: Schema) -> Schema:
    found = dict(other) | dict(one)
    if "properties" in one and "properties" in other:
        found["properties"] = dict(_mapping(other["properties"])) | dict(_mapping(one["properties"]))
    if "required" in one and "required" in other:
        found["required"] = [*dict.fromkeys([*_sequence(other["required"]), *_sequence(one["required"])])]
    return found


def _without_descriptions(value: Any, depth: int) -> Any:
    """Drop the descriptions of properties that lie deeper than `depth` levels of objects."""
    if isinstance(value, list):
        return [_without_descriptions(v, depth) for v in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    node = cast("dict[str, Any]", value)
    found: dict[str, Any] = {}
    for key, sub in node.items():
        if key == "properties" and isinstance(sub, dict):
            children = cast("dict[str, Any]", sub)
            found[key] = {name: _without_descriptions(child, depth - 1) for name, child in children.items()}
        elif key != "description" or depth >= 0:
            found[key] = _without_descriptions(sub, depth)
    return found


def _mapping(value: object) -> Schema:
    return cast("Schema", value) if isinstance(value, Mapping) else {}


def _sequence(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []
