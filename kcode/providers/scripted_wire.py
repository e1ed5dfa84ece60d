r"""Scripts on the wire: responses as server-sent events, failures as HTTP answers, requests read back.

A line of a script file is a JSON object, one for each request:

    {"text": "...", "thinking": "...", "calls": [{"name": "bash", "arguments": {...}}], "finish": "stop"}
    {"text": "word ", "times": 20000}               the text that many times
    {"error": "rate_limited"}                       a kind of ModelError
    {"status": 400, "body": {...}}                  any HTTP answer
    {"raw": ["data: {...}\n\n", 0.5, "data: [DONE]\n\n"], "cut": true}     bytes, and pauses in seconds
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, cast, get_args

from kcode.providers.scripted import Step, call, says
from kcode.types.errors import ModelError, ModelErrorKind
from kcode.types.messages import (
    AssistantMessage,
    AssistantPart,
    ImagePart,
    Message,
    TextPart,
    ThinkingPart,
    ToolCall,
    ToolMessage,
    Usage,
    UserMessage,
)
from kcode.types.model import Request, ToolSpec


@dataclass(frozen=True, slots=True)
class Wire:
    """An HTTP answer as it is; numbers in the body are pauses in seconds.

    `end`: "clean" finishes the body, "cut" breaks the connection, "hang" says nothing more.
    """

    body: Sequence[bytes | float]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "text/event-stream"})
    end: Literal["clean", "cut", "hang"] = "clean"


WireStep: TypeAlias = Step | Wire

_ERRORS: dict[ModelErrorKind, tuple[int, str, str]] = {
    "rate_limited": (
        429,
        "rate_limit_reached_error",
        "request reached max RPM, please try again after 1 seconds",
    ),
    "overloaded": (
        429,
        "engine_overloaded_error",
        "The engine is currently overloaded, please try again later",
    ),
    "server": (500, "server_error", "The server had an error"),
    "quota": (429, "exceeded_current_quota_error", "please check your account balance"),
    "context_overflow": (
        400,
        "invalid_request_error",
        "Invalid request: Your request exceeded model token limit: 131072 (requested: 140000)",
    ),
    "auth": (401, "invalid_authentication_error", "Invalid Authentication"),
    "forbidden": (403, "permission_denied_error", "The API you are accessing is not open"),
    "not_found": (404, "resource_not_found_error", "Not found the model or Permission denied"),
    "content_filter": (400, "content_filter", "The request was rejected because it was considered high risk"),
    "invalid": (400, "invalid_request_error", "Invalid request"),
}

_JSON = {"content-type": "application/json"}


def failure(error: ModelError) -> Wire:
    """Answer as a server that fails in this way would."""
    if error.kind in {"network", "broken_stream"}:
        beginning = (
            []
            if error.kind == "network"
            else [_event({"choices": [{"index": 0, "delta": {"content": "Let"}}]})]
        )
        return Wire(beginning, end="cut", status=0 if error.kind == "network" else 200)
    if error.kind == "timeout":
        return Wire([], end="hang")
    if error.kind == "empty":
        return Wire(
            [_event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}), b"data: [DONE]\n\n"]
        )
    status, kind, text = _ERRORS[error.kind]
    body = {"error": {"message": str(error) or text, "type": kind}}
    headers = dict(_JSON)
    if error.retry_after is not None:
        headers["retry-after"] = f"{error.retry_after:g}"
    return Wire([json.dumps(body).encode()], error.status or status, headers)


def events(message: AssistantMessage, *, model: str, prompt_tokens: int, piece: int) -> Iterator[bytes]:
    """Write a response as the events in which a server would have sent it."""
    opening = json.dumps({"id": "chatcmpl-scripted", "object": "chat.completion.chunk", "model": model})[:-1]
    before = f'data: {opening}, "choices": [{{"index": 0, "delta": '.encode()
    after = b', "finish_reason": null}]}\n\n'
    yield before + b'{"role": "assistant", "content": ""}' + after
    index = 0
    for part in message.parts:
        if isinstance(part, ToolCall):
            for delta in _call_deltas(part, index, piece * 4):
                yield before + _json({"tool_calls": [delta]}) + after
            index += 1
            continue
        key = part.key if isinstance(part, ThinkingPart) else "content"
        opened, text = f'{{"{key}": '.encode(), part.text
        for start in range(0, len(text), piece):
            yield before + opened + _json(text[start : start + piece]) + b"}" + after
    yield before + b'{}, "finish_reason": "' + message.finish.encode() + b'"}]}\n\n'
    usage = message.usage if message.usage != Usage() else _guessed(message, prompt_tokens)
    yield f'data: {opening}, "choices": [], "usage": {json.dumps(_usage(usage))}}}\n\n'.encode()
    yield b"data: [DONE]\n\n"


def _call_deltas(part: ToolCall, index: int, piece: int) -> Iterator[dict[str, Any]]:
    named = {"name": part.name, "arguments": ""}
    yield {"index": index, "id": part.id, "type": "function", "function": named}
    for start in range(0, len(part.arguments), piece):
        yield {"index": index, "function": {"arguments": part.arguments[start : start + piece]}}


def _guessed(message: AssistantMessage, prompt_tokens: int) -> Usage:
    written = sum(len(p.arguments if isinstance(p, ToolCall) else p.text) for p in message.parts)
    return Usage(input=prompt_tokens, output=written // 4 + 1)


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "cached_tokens": usage.cached,
    }


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def _event(value: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def read_request(body: bytes) -> Request:
    """Read the body of a request back into what was asked."""
    fields = cast("dict[str, Any]", json.loads(body))
    system: list[str] = []
    messages: list[Message] = []
    names: dict[str, str] = {}
    for said in cast("list[dict[str, Any]]", fields.get("messages", [])):
        content: object = said.get("content")
        match said.get("role"):
            case "system":
                system.append(str(content))
            case "assistant":
                messages.append(_said(said, names))
            case "tool":
                call_id = str(said.get("tool_call_id"))
                parts = tuple(_parts(content))
                messages.append(ToolMessage(call_id=call_id, name=names.get(call_id, ""), parts=parts))
            case _:
                messages.append(UserMessage(parts=tuple(_parts(content))))
    tools = [
        ToolSpec(name=f["name"], description=f.get("description", ""), parameters=f.get("parameters", {}))
        for f in (t["function"] for t in fields.get("tools", []))
    ]
    limit = fields.get("max_completion_tokens", fields.get("max_tokens"))
    return Request("\n".join(system), messages, tools, limit)


def _said(said: Mapping[str, Any], names: dict[str, str]) -> AssistantMessage:
    keys = ("reasoning_content", "reasoning")
    parts: list[AssistantPart] = [ThinkingPart(text=said[key], key=key) for key in keys if said.get(key)]
    if said.get("content"):
        parts.append(TextPart(text=str(said["content"])))
    for wired in said.get("tool_calls", []):
        function = wired["function"]
        names[wired["id"]] = function["name"]
        parts.append(ToolCall(id=wired["id"], name=function["name"], arguments=function["arguments"]))
    finish = "tool_calls" if said.get("tool_calls") else "stop"
    return AssistantMessage(parts=tuple(parts), finish=finish)


def _parts(content: object) -> Iterator[TextPart | ImagePart]:
    if not isinstance(content, list):
        yield TextPart(text=str(content or ""))
        return
    for part in cast("list[dict[str, Any]]", content):
        if part.get("type") == "text":
            yield TextPart(text=part["text"])
        elif part.get("type") == "image_url":
            head, _, data = str(part["image_url"]["url"]).partition(";base64,")
            yield ImagePart(media_type=head.removeprefix("data:"), data=data)


def read_step(line: str) -> WireStep:
    """Read one line of a script file.

    Raises:
        ValueError: the line is no step; the message says what is wrong.
    """
    value: object = json.loads(line)
    fields = cast("dict[str, Any]", value if isinstance(value, dict) else {})
    if "error" in fields:
        if fields["error"] not in get_args(ModelErrorKind):
            raise ValueError(
                f"a step's error must be one of {', '.join(get_args(ModelErrorKind))}: {line[:80]}"
            )
        return ModelError(
            str(fields.get("message", "")), kind=fields["error"], retry_after=fields.get("retry_after")
        )
    if "status" in fields:
        body: object = fields.get("body", "")
        text = body if isinstance(body, str) else json.dumps(body)
        return Wire([text.encode()], int(fields["status"]), dict(_JSON) | fields.get("headers", {}))
    if "raw" in fields:
        pieces: list[bytes | float] = [p.encode() if isinstance(p, str) else float(p) for p in fields["raw"]]
        return Wire(pieces, end="cut" if fields.get("cut") else "clean")
    if not {"text", "calls", "thinking"} & fields.keys():
        raise ValueError(f"a step needs text, calls, thinking, error, status or raw: {line[:80]}")
    calls = [
        call(c["name"], call_id=c.get("id", ""), **c.get("arguments", {})) for c in fields.get("calls", [])
    ]
    usage = Usage(**fields["usage"]) if "usage" in fields else None
    text = str(fields.get("text", "")) * int(fields.get("times", 1))
    return says(text, *calls, thinking=fields.get("thinking", ""), finish=fields.get("finish"), usage=usage)
