"""Reading JSON schemas, as pydantic and MCP servers write them."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, cast

Schema: TypeAlias = Mapping[str, Any]

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}
_DEEPEST_REFERENCE = 20


def resolved(schema: object, root: Schema) -> Schema:
    """Follow internal references and single-element allOf; {} for what is no schema."""
    for _ in range(_DEEPEST_REFERENCE):
        if not isinstance(schema, Mapping):
            return {}
        found = cast("Schema", schema)
        reference = found.get("$ref")
        parts = found.get("allOf")
        if isinstance(reference, str):
            schema = _pointed(reference, root)
        elif isinstance(parts, list) and len(cast("list[object]", parts)) == 1 and "type" not in found:
            schema = cast("list[object]", parts)[0]
        else:
            return found
    return {}


def _pointed(reference: str, root: Schema) -> Schema | None:
    place = root
    for name in filter(None, reference.removeprefix("#").split("/")):
        inner: object = place.get(name.replace("~1", "/").replace("~0", "~"))
        if not isinstance(inner, Mapping):
            return None
        place = cast("Schema", inner)
    return place


def branches(schema: object, root: Schema) -> list[Schema]:
    """Return the alternatives that a schema offers, itself if it offers none."""
    found = resolved(schema, root)
    for word in ("anyOf", "oneOf"):
        options = found.get(word)
        if isinstance(options, list) and options:
            return [b for option in cast("list[object]", options) for b in branches(option, root)]
    types = found.get("type")
    if isinstance(types, list):
        return [{**found, "type": name} for name in cast("list[object]", types)]
    return [found]


def properties(schema: Schema) -> Mapping[str, Any]:
    """Return the declared fields of an object schema."""
    found = schema.get("properties")
    return cast("Mapping[str, Any]", found) if isinstance(found, Mapping) else {}


def required(schema: Schema) -> list[str]:
    """Return the names of the required fields."""
    found = schema.get("required")
    return [str(name) for name in cast("list[object]", found)] if isinstance(found, list) else []


def is_closed(schema: Schema) -> bool:
    """Whether unknown fields have no meaning: fields are declared, and none beyond them is invited."""
    extra = schema.get("additionalProperties")
    return extra is False or (
        extra is None and bool(properties(schema)) and "patternProperties" not in schema
    )


def type_of(schema: Schema) -> str:
    """Return the JSON type that a schema asks for, inferred where it does not say; "" for any."""
    declared = schema.get("type")
    if isinstance(declared, str):
        return declared
    if "properties" in schema:
        return "object"
    if "items" in schema:
        return "array"
    values = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if isinstance(values, list) and all(isinstance(value, str) for value in cast("list[object]", values)):
        return "string"
    return ""


def is_type(value: object, name: str) -> bool:
    """Whether a value has a JSON type; true is no number, and 10.0 is no integer before it is coerced."""
    if isinstance(value, bool):
        return name in {"boolean", ""}
    return name not in _TYPES or isinstance(value, _TYPES[name])


def admits(value: object, options: Iterable[Schema]) -> bool:
    """Whether one of the alternatives has the value's type."""
    return any(is_type(value, type_of(option)) for option in options)
