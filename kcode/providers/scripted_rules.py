"""What Moonshot's servers refuse: with these rules the scripted server is as strict as they are."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

MAX_BODY = 2_097_152
MAX_SCHEMA = 15_000

_FIXED: Mapping[str, float] = {
    "temperature": 1,
    "top_p": 0.95,
    "n": 1,
    "presence_penalty": 0,
    "frequency_penalty": 0,
}
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]{2,63}")
_OUTSIDE = {"title", "$comment", "format", "prefixItems", "exclusiveMinimum", "exclusiveMaximum", "minContains",
            "maxContains", "unevaluatedProperties", "unevaluatedItems", "oneOf", "allOf", "const"}  # fmt: skip


def refusal(body: bytes, *, window: int = 0) -> str:
    """Return the words in which the server refuses a request; empty if it takes it.

    Args:
        body: the request's body.
        window: the model's window in tokens; 0 for one without end.
    """
    if len(body) > MAX_BODY:
        return f"total message size {len(body)} exceeds limit {MAX_BODY}"
    try:
        fields = cast("dict[str, Any]", json.loads(body))
    except ValueError:
        return "Invalid request: the body is not valid JSON"
    messages = cast("list[dict[str, Any]]", fields.get("messages") or [])
    for rule in (
        _parameters(fields),
        _tools(fields),
        _contents(messages),
        _pairs(messages),
        _reasoning(fields),
    ):
        words = next(rule, "")
        if words:
            return words
    wanted = len(body) // 4 + int(fields.get("max_completion_tokens") or fields.get("max_tokens") or 1024)
    if window and wanted > window:
        return f"Invalid request: Your request exceeded model token limit: {window} (requested: {wanted})"
    return ""


def _parameters(fields: Mapping[str, Any]) -> Iterator[str]:
    model = str(fields.get("model"))
    for name, allowed in _FIXED.items():
        if fields.get(name, allowed) != allowed:
            yield f"invalid {name}: only {allowed} is allowed for this model"
    thinking = fields.get("thinking")
    if thinking is not None and "k3" in model and not model.startswith("k3"):
        yield "invalid thinking: not accepted by this model"
    if thinking == {"type": "disabled"} and "k2.7" in model:
        yield "invalid thinking: only type=enabled is allowed for this model"
    if not fields.get("messages"):
        yield "Invalid request: messages must not be empty"


def _tools(fields: Mapping[str, Any]) -> Iterator[str]:
    seen: set[str] = set()
    for tool in cast("list[dict[str, Any]]", fields.get("tools") or []):
        function = tool["function"]
        name = str(function.get("name"))
        if not _NAME.fullmatch(name):
            yield f"Invalid request: function name {name} is invalid"
        if name in seen:
            yield f"function name {name} is duplicated"
        seen.add(name)
        schema = cast("dict[str, Any]", function.get("parameters") or {})
        if len(json.dumps(schema).encode()) > MAX_SCHEMA:
            yield f"function.parameters of {name} is too large"
        if schema.get("type") != "object":
            yield _mfjs("type must be object")
        for words in _schema(schema, ""):
            yield _mfjs(words)


def _mfjs(details: str) -> str:
    return f"function.parameters is not a valid moonshot flavored json schema, details: <{details}>"


def _schema(schema: Mapping[str, Any], path: str) -> Iterator[str]:
    odd = _OUTSIDE & schema.keys()
    if odd:
        yield f"At path '{path}': {min(odd)} is not supported"
    branches = schema.get("anyOf")
    if branches is None and "$ref" not in schema and not isinstance(schema.get("type"), str):
        yield f"At path '{path}': type is not defined"
    if branches is not None and "type" in schema:
        yield f"At path '{path}': when using anyOf, type should be defined in anyOf items instead of the parent schema"
    for i, branch in enumerate(cast("list[Any]", branches or [])):
        yield from _schema(branch, f"{path}.anyOf.{i}")
    for name, child in cast("dict[str, Any]", schema.get("properties") or {}).items():
        yield from _schema(child, f"{path}.properties.{name}".lstrip("."))
    if isinstance(schema.get("items"), dict):
        yield from _schema(schema["items"], f"{path}.items")


def _contents(messages: list[dict[str, Any]]) -> Iterator[str]:
    for i, message in enumerate(messages):
        content = message.get("content")
        parts = cast("list[dict[str, Any]]", content) if isinstance(content, list) else []
        if any(p.get("type") == "text" and not p.get("text") for p in parts):
            yield "text content is empty"
        if not content and not message.get("tool_calls"):
            yield f"the message at position {i} with role '{message.get('role')}' must not be empty"
        for call in cast("list[dict[str, Any]]", message.get("tool_calls") or []):
            try:
                whole = isinstance(json.loads(call["function"]["arguments"]), dict)
            except ValueError:
                whole = False
            if not whole:
                yield f"Invalid request: the arguments of {call['function']['name']} are not a JSON object"


def _pairs(messages: list[dict[str, Any]]) -> Iterator[str]:
    open_: list[str] = []
    used: set[str] = set()
    for message in messages:
        role = message.get("role")
        if role == "tool":
            call_id = str(message.get("tool_call_id"))
            if call_id not in open_:
                yield f"Invalid request: tool_call_id {call_id} is not found"
            else:
                open_.remove(call_id)
            continue
        yield from _unanswered(open_)
        open_ = [str(call["id"]) for call in cast("list[dict[str, Any]]", message.get("tool_calls") or [])]
        for call_id in open_:
            if call_id in used:
                yield f"Invalid request: tool_call_id {call_id} is used twice"
            used.add(call_id)
    yield from _unanswered(open_)


def _unanswered(open_: list[str]) -> Iterator[str]:
    if open_:
        yield (
            "an assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(open_)}"
        )


def _reasoning(fields: Mapping[str, Any]) -> Iterator[str]:
    if not re.search(r"k2\.[5-9]|k3|thinking|for-coding", str(fields.get("model"))):
        return
    if fields.get("thinking") == {"type": "disabled"}:
        return
    for i, message in enumerate(cast("list[dict[str, Any]]", fields.get("messages"))):
        if message.get("tool_calls") and "reasoning_content" not in message:
            yield (
                "thinking is enabled but reasoning_content is missing in assistant tool call message at index "
                f"{i}"
            )
