"""From what a server says went wrong to a `ModelError` that a person can act upon.

ModelError
└── RefusedError   the request as it is built is not accepted; `reason` says which part, so that the caller
                   can change it, remember that, and send once more
"""

import json
import re
from collections.abc import Mapping
from time import time
from typing import Any, Literal, TypeAlias, cast

from kcode.providers.errors_said import Said, json_fields, quoted, read_body, retry_after, shortened
from kcode.types.connection import Connection
from kcode.types.errors import ModelError, ModelErrorKind

Reason: TypeAlias = Literal[
    "sampling",  # temperature, top_p, n or a penalty; `detail` names it
    "thinking",  # the switch or the effort of thinking
    "tool_choice",
    "max_output",  # the output limit; `detail` is the largest allowed, where it is named
    "parameter",  # any other field; `detail` names it
    "reasoning_missing",  # earlier reasoning must come back
    "empty_message",  # a message without content, or content in a form that is not taken
    "pairing",  # a tool result without its call, or roles out of order
    "schema",  # a tool's parameters
    "duplicate_tool",
    "media",  # a picture or video
    "body_too_large",
]


class RefusedError(ModelError):
    """The server does not accept the request as it is built.

    Attributes:
        reason: which part it refuses.
        detail: the field or number that it names, if it does.
    """

    def __init__(self, message: str, *, reason: Reason, detail: str = "", status: int | None = None) -> None:
        kind: ModelErrorKind = "context_overflow" if reason == "body_too_large" else "invalid"
        super().__init__(message, kind=kind, status=status)
        self.reason: Reason = reason
        self.detail = detail


_REFUSALS: tuple[tuple[Reason, str], ...] = (
    ("reasoning_missing", r"reasoning_content\W+is missing|must be passed back"),
    ("tool_choice", r"tool_choice"),
    (
        "duplicate_tool",
        r"function name .* is duplicated|tools? names? must be unique|duplicate (?:tool|function)",
    ),
    ("schema", r"json schema|at path '|invalid schema|input_schema|function\W+parameters"),
    ("media", r"image|video|vision|multimodal|media[ _]type"),
    ("pairing", r"tool_call_id|tool_calls? must be followed|preceding message with 'tool_calls'|role.*order"),
    (
        "empty_message",
        r"must not be empty|content is empty|content\b.*(?:invalid input|required|be a string)",
    ),
    ("thinking", r"thinking|reasoning_effort|effort"),
    ("sampling", r"temperature|top_p|\bn\b\W+(?:must|only)|invalid n\b|_penalty"),
    ("max_output", r"max_(?:completion_)?tokens"),
    (
        "parameter",
        r"unrecognized|unsupported param|unknown (?:field|param)|extra (?:inputs|fields)|not permitted",
    ),
)
_PARTS: dict[Reason, str] = {
    "sampling": "a sampling parameter",
    "thinking": "the way thinking was asked for",
    "tool_choice": "tool_choice as it was sent",
    "max_output": "the output limit",
    "parameter": "a field of the request",
    "reasoning_missing": "an earlier response without its reasoning",
    "empty_message": "a message without content",
    "pairing": "the order of calls and results",
    "schema": "a tool's parameters",
    "duplicate_tool": "two tools of one name",
    "media": "a picture or video",
}
_FIELD = re.compile(
    r"(?:unrecognized|unsupported|unknown|extra|invalid)[a-z ]*(?:param\w*|arguments?|fields?|inputs?|value)?[ a-z]*"
    r"(?::|['\"`])\W*([a-z]\w+)"
)
_SAMPLING = re.compile(r"temperature|top_p|\w+_penalty|\bn\b")
_CONTEXT = re.compile(
    r"token length too long|token limit|context[ _](?:length|window|size)|prompt is too long|input is too long"
    r"|too many (?:input )?tokens|maximum (?:context|prompt)|reduce the length|exceed_context"
    r"|input length and .?max_tokens.? exceed|exceeds the (?:model|max).{0,20}(?:length|tokens)"
)
_WINDOW = re.compile(
    r"(?:token limit|context length|context window|context size|prompt length|sequence length|max[a-z_ ]*len\w*)"
    r"(?: (?:is|of))?[\s:=(]*(\d[\d,_]{2,})"
    r"|tokens? > (\d[\d,_]{2,})"
)
_TOO_LARGE = re.compile(
    r"total message size|request (?:entity )?(?:is )?too large|exceeds? the maximum size|body too large"
)
_QUOTA = re.compile(
    r"quota|insufficient (?:balance|funds|credit)|balance\b|recharge|billing|usage limit|membership|payment"
    r"|credits?\b|suspended|top.?up"
)
_PER_MINUTE = re.compile(r"per (?:minute|second)|\b[rt]pm\b|concurren|too many requests")
_OVERLOADED = re.compile(
    r"overload|at capacity|(?:server|engine|system|model) is (?:too |currently )?busy|no capacity"
)
_FILTERED = re.compile(
    r"high risk|content[_ ]filter|content[_ ]policy|data_inspection|safety (?:system|policy)"
)
_CLIENT = re.compile(r"only available for coding agents|access[_ ]terminated")
_MODEL = re.compile(
    r"model.{0,80}(?:not found|does not exist|not exist|unknown|unsupported|no access)|not found the model"
)
_KIMI = re.compile(r"moonshot|kimi")
_KEY = re.compile(r"api[ _-]?key|authenticat|unauthori[sz]ed|credential")


def model_error(
    status: int | None,
    body: str,
    headers: Mapping[str, str] | None = None,
    *,
    connection: Connection | None = None,
    now: float | None = None,
) -> ModelError:
    """Say what an HTTP response that is no answer means.

    Args:
        status: the HTTP status; None if there was no response at all.
        body: the response's body, or the words of the network's error.
        headers: the response's headers, for Retry-After.
        connection: where was asked, so that the message can name the key's source.
        now: Unix time in seconds, for a Retry-After that is a date; the clock's if None.
    """
    if status is None:
        return ModelError(f"The server could not be reached: {shortened(body)}", kind="network")
    if status < 400 and body.lstrip().startswith("<"):
        return ModelError(
            f"The server sent a web page instead of a response{quoted(read_body(body))}. "
            "Is the base URL right? It usually ends with /v1.",
            kind="broken_stream",
            status=status,
        )
    if status < 400:
        return error_from_payload(json_fields(body)) or ModelError(
            f"The server sent no chat response{quoted(read_body(body))}.", kind="broken_stream", status=status
        )
    wait = retry_after(headers or {}, body, now=time() if now is None else now)
    return _classified(status, read_body(body), wait, connection)


def error_from_payload(payload: Mapping[str, Any]) -> ModelError | None:
    """Say what an error in the middle of a stream means; None if the payload reports none."""
    error: object = payload.get("error")
    reports = (
        error or payload.get("object") == "error" or payload.get("type") == "error" or payload.get("detail")
    )
    if not reports and not (payload.get("message") and payload.get("code")):
        return None
    body = json.dumps(payload)
    said = read_body(body)
    inner = cast("Mapping[str, Any]", error) if isinstance(error, dict) else payload
    code: object = inner.get("code") or inner.get("status")
    status = int(code) if isinstance(code, (int, str)) and re.fullmatch(r"[45]\d\d", str(code)) else None
    if status is None:
        status = 429 if _OVERLOADED.search(said.text) or "rate_limit" in said.text else 500
        if _QUOTA.search(said.text) or _CONTEXT.search(said.text) or "invalid_request" in said.text:
            status = 400
    return _classified(status, said, retry_after({}, body, now=0.0), None)


def _classified(status: int, said: Said, wait: float | None, connection: Connection | None) -> ModelError:
    kind = _kind(status, said)
    words = quoted(said)
    if kind == "context_overflow" and (status == 413 or _TOO_LARGE.search(said.text)):
        return RefusedError(
            f"The request is larger than the server takes{words}.", reason="body_too_large", status=status
        )
    if kind == "invalid":
        for reason, pattern in _REFUSALS:
            if re.search(pattern, said.text):
                message = f"The server does not accept {_PARTS[reason]}{words}."
                return RefusedError(message, reason=reason, detail=_detail(reason, said), status=status)
    return ModelError(
        _message(kind, status, said, connection) + f"{words}.",
        kind=kind,
        status=status,
        retry_after=wait if kind in {"rate_limited", "overloaded", "server", "timeout"} else None,
        window=_window(said) if kind == "context_overflow" else None,
    )


def _kind(status: int, said: Said) -> ModelErrorKind:
    text = said.text
    if status in {401, 402, 403, 404, 405, 408, 409, 425, 429} or status >= 500:
        return _kind_by_status(status, text)
    if _FILTERED.search(text):
        return "content_filter"
    if status == 413 or _TOO_LARGE.search(text):
        return "context_overflow"
    if _CONTEXT.search(text) or _number(said.fields, "n_ctx"):
        return "context_overflow"
    if _OVERLOADED.search(text):
        return "overloaded"
    if _QUOTA.search(text):
        return "quota"
    if _MODEL.search(text):
        return "not_found"
    return "auth" if re.search(r"(?:invalid|incorrect|missing).{0,20}api[ _-]?key", text) else "invalid"


def _kind_by_status(status: int, text: str) -> ModelErrorKind:
    if status == 529 or (_OVERLOADED.search(text) and status in {429, 503}):
        return "overloaded"
    quota = _QUOTA.search(text) and not _PER_MINUTE.search(text)
    if status == 402 or (status in {403, 429} and quota):
        return "quota"
    if status == 403:
        return "auth" if _KEY.search(text) and not _CLIENT.search(text) else "forbidden"
    fixed: dict[int, ModelErrorKind] = {
        401: "auth",
        404: "not_found",
        405: "not_found",
        408: "timeout",
        429: "rate_limited",
    }  # fmt: skip - a table reads better in one row
    if status >= 500 and _CONTEXT.search(text):
        return "context_overflow"
    return fixed.get(status, "server")


def _message(kind: ModelErrorKind, status: int, said: Said, connection: Connection | None) -> str:
    if kind == "auth":
        return _refused_key(connection)
    if kind == "forbidden" and _CLIENT.search(said.text):
        return (
            "This endpoint of the Kimi Code plan admits only certain programs, and kcode does not pose as "
            "another one. A key of the open platform works: make one at platform.kimi.ai (China: "
            "platform.kimi.com), set MOONSHOT_API_KEY to it and use https://api.moonshot.ai/v1"
        )
    if kind == "not_found":
        return (
            "The model is not known here, or this key may not use it"
            if _MODEL.search(said.text)
            else "There is nothing at this address: is the base URL right? It usually ends with /v1"
        )
    fixed: dict[ModelErrorKind, str] = {
        "quota": "The account's quota or balance is used up; waiting does not help",
        "rate_limited": "Too many requests for this account at the moment",
        "overloaded": "The server is overloaded",
        "context_overflow": "The conversation is longer than the model's context window",
        "content_filter": "The vendor's content filter refused the request",
        "forbidden": "The server refuses this request for this key",
        "timeout": "The server gave up waiting",
        "invalid": "The server does not accept the request",
    }
    return fixed.get(kind, f"The server failed with status {status}")


def _refused_key(connection: Connection | None) -> str:
    if connection is not None and not connection.api_key:
        return "The server wants an API key, and none is set (export KCODE_API_KEY=<key>)"
    source = f" (from {connection.source})" if connection is not None and connection.source else ""
    refused = f"The server does not accept the API key{source}"
    if connection is not None and not _KIMI.search(connection.base_url):
        return f"{refused}, which may be incomplete, or a key of another server"
    return (
        f"{refused}. Keys of api.moonshot.ai, api.moonshot.cn and the Kimi Code plan are different ones and do not "
        "work for one another"
    )


def _detail(reason: Reason, said: Said) -> str:
    if reason == "max_output":
        numbers = re.findall(r"(?:at most|maximum|limit|<=|less than or equal to)\D{0,20}(\d+)", said.text)
        return numbers[0] if numbers else ""
    if reason == "sampling":
        named = _SAMPLING.search(said.text)
        return named.group() if named else ""
    name: object = said.fields.get("param")
    if reason != "parameter" or (isinstance(name, str) and name):
        return name if isinstance(name, str) else ""
    found = _FIELD.search(said.text)
    return found.group(1) if found else ""


def _window(said: Said) -> int | None:
    named = _number(said.fields, "n_ctx")
    if named:
        return named
    found = _WINDOW.search(said.text)
    digits = next((g for g in found.groups() if g), "") if found else ""
    number = int(re.sub(r"[,_]", "", digits)) if digits else 0
    return number if number >= 512 else None


def _number(fields: Mapping[str, Any], name: str) -> int:
    value = fields.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
