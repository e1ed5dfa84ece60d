"""Checking fitted arguments against the schema, and saying to the model what is wrong."""

import json
from collections.abc import Mapping
from typing import Any, cast

from kcode.arguments.schema import Schema, branches, is_type, properties, required, type_of

_EXAMPLES: dict[str, str] = {
    "path": "src/app.py",
    "file": "src/app.py",
    "dir": "src",
    "cwd": "src",
    "command": "ls -la",
    "pattern": "*.py",
    "glob": "*.py",
    "url": "https://example.com",
    "query": "how to ...",
    "description": "what this does",
    "content": "the whole text",
    "prompt": "what to do",
}  # fmt: skip - a table reads better in rows
_SAMPLES: dict[str, Any] = {
    "string": "text",
    "integer": 1,
    "number": 1.5,
    "boolean": True,
    "array": [],
    "object": {},
    "null": None,
}  # fmt: skip - as above
_DEEPEST = 4


def problems(value: Any, schema: object, root: Schema, place: str = "") -> list[str]:
    """Return one line for every missing or wrong field, the missing ones first."""
    options = branches(schema, root)
    typed = [option for option in options if is_type(value, type_of(option))]
    if not typed:
        return [f"{place or 'the arguments'} must be {_alternatives(options, root)}, not {_shown(value)}"]
    found = [_inside(value, option, root, place) for option in typed]
    return min(found, key=len)


def _inside(value: Any, schema: Schema, root: Schema, place: str) -> list[str]:
    allowed = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if isinstance(allowed, list) and value not in cast("list[object]", allowed):
        choices = ", ".join(json.dumps(choice) for choice in cast("list[object]", allowed))
        return [f"{place} must be one of {choices}, not {_shown(value)}"]
    if isinstance(value, dict):
        return _object(cast("dict[str, Any]", value), schema, root, place)
    if isinstance(value, list) and "items" in schema:
        items = cast("list[Any]", value)
        return [
            p for i, item in enumerate(items) for p in problems(item, schema["items"], root, f"{place}[{i}]")
        ]
    return []


def _object(value: Mapping[str, Any], schema: Schema, root: Schema, place: str) -> list[str]:
    declared = properties(schema)
    prefix = f"{place}." if place else ""
    missing = [
        f"{prefix}{name} is missing: {describe(declared.get(name, {}), name, root)}"
        for name in required(schema)
        if name not in value
    ]
    wrong = [
        problem
        for name, item in value.items()
        if name in declared
        for problem in problems(item, declared[name], root, f"{prefix}{name}")
    ]
    return missing + wrong


def describe(schema: object, name: str, root: Schema) -> str:
    """Return a field's type, an example and its description in one line."""
    sample = json.dumps(example(schema, name, root))
    text = f"{_alternatives(branches(schema, root), root)}, for example {sample}"
    about = cast("Schema", schema).get("description") if isinstance(schema, Mapping) else None
    return f"{text} ({' '.join(about.split())[:160]})" if isinstance(about, str) and about else text


def example(schema: object, name: str, root: Schema, depth: int = 0) -> Any:
    """Return a value that the schema would accept, telling by the field's name where it can."""
    nothing: Schema = {}
    option = next((o for o in branches(schema, root) if type_of(o) != "null"), nothing)
    for word in ("examples", "enum"):
        given: object = option.get(word)
        if isinstance(given, list) and given:
            return cast("list[Any]", given)[0]
    if "const" in option:
        return option["const"]
    kind = type_of(option)
    if kind == "object" and depth < _DEEPEST:
        declared = properties(option)
        return {field: example(declared.get(field, {}), field, root, depth + 1) for field in required(option)}
    if kind == "array" and depth < _DEEPEST:
        return [example(option.get("items", {}), name, root, depth + 1)]
    if kind == "string":
        return next((text for word, text in _EXAMPLES.items() if word in name.lower()), _SAMPLES["string"])
    return _SAMPLES.get(kind, "text")


def signature(schema: Schema, root: Schema | None = None, depth: int = 0) -> str:
    """Return a schema in one line, optional fields with `?`: `{path: string, limit?: integer}`."""
    root = schema if root is None else root
    needed = set(required(schema))
    fields = [
        f"{name}{'' if name in needed else '?'}: {_alternatives(branches(declared, root), root, depth + 1)}"
        for name, declared in properties(schema).items()
    ]
    return "{" + ", ".join(fields) + "}"


def _alternatives(options: list[Schema], root: Schema, depth: int = 0) -> str:
    return " | ".join(dict.fromkeys(_type_text(option, root, depth) for option in options))


def _type_text(schema: Schema, root: Schema, depth: int) -> str:
    allowed = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if isinstance(allowed, list):
        return " | ".join(json.dumps(value) for value in cast("list[object]", allowed))
    kind = type_of(schema)
    if kind == "array" and depth < _DEEPEST:
        return f"list of {_alternatives(branches(schema.get('items', {}), root), root, depth + 1)}"
    if kind == "object" and properties(schema) and depth < _DEEPEST:
        return signature(schema, root, depth)
    return kind or "anything"


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:50]}... ({len(text)} characters)"
