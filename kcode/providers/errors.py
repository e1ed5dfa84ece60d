"""From what a server says went wrong to a `ModelError` that a person can act upon.

ModelError
└── RefusedError   the request as it is built is not accepted; `reason` says which part, so that the caller
                   can change it, remember that, and send once more
"""

import json
import re
from collections.abc import Mapping
from time import time
from typing import Any, cast

from kcode.providers.errors_said import Said, json_fields, quoted, read_body, shortened
from kcode.providers.errors_wait import retry_after
from kcode.providers.errors_words import (
    CLIENT,
    CONTEXT,
    FIELD,
    FILTERED,
    KEY,
    KIMI,
    MODEL,
    OVERLOADED,
    PARTS,
    PER_MINUTE,
    QUOTA,
    REFUSALS,
    SAMPLING,
    TOO_LARGE,
    WINDOW,
    Reason,
)
from kcode.types.connection import Connection
from kcode.types.errors import ModelError, ModelErrorKind


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
        self.bytes_only = reason == "body_too_large"


_OTHER_KEYS = (
    ("api.moonshot.ai", ": one made at platform.kimi.com (China) belongs to https://api.moonshot.cn/v1"),
    ("api.moonshot.cn", ": one made at platform.kimi.ai belongs to https://api.moonshot.ai/v1"),
    ("/coding", ": one made at platform.kimi.ai belongs to https://api.moonshot.ai/v1"),
)
"""Where a key that is refused may have been made for instead, by the address that refused it."""
_CODES = ("code", "type", "status", "status_code")


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
    error: object = payload.get("error") or payload.get("errors")
    reports = (
        error or payload.get("object") == "error" or payload.get("type") == "error" or payload.get("detail")
    )
    if not reports and not (payload.get("message") and any(payload.get(name) for name in _CODES)):
        return None
    body = json.dumps(payload)
    said = read_body(body)
    inner = cast("Mapping[str, Any]", error) if isinstance(error, dict) else payload
    code: object = inner.get("code") or inner.get("status") or inner.get("status_code")
    status = int(code) if isinstance(code, (int, str)) and re.fullmatch(r"[45]\d\d", str(code)) else None
    if status is None:
        status = 429 if OVERLOADED.search(said.text) or "rate_limit" in said.text else 500
        asked = (QUOTA, CONTEXT, FILTERED)
        if any(words.search(said.text) for words in asked) or "invalid_request" in said.text:
            status = 400
    return _classified(status, said, retry_after({}, body, now=0.0), None)


def _classified(status: int, said: Said, wait: float | None, connection: Connection | None) -> ModelError:
    kind = _kind(status, said)
    words = quoted(said)
    if kind == "context_overflow" and (status == 413 or TOO_LARGE.search(said.text)):
        return RefusedError(
            f"The request is larger than the server takes{words}.", reason="body_too_large", status=status
        )
    if kind == "invalid":
        for reason, pattern in REFUSALS:
            if re.search(pattern, said.text):
                message = f"The server does not accept {PARTS[reason]}{words}."
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
    if FILTERED.search(text):
        return "content_filter"
    if status == 413 or TOO_LARGE.search(text):
        return "context_overflow"
    if CONTEXT.search(text) or _number(said.fields, "n_ctx"):
        return "context_overflow"
    if OVERLOADED.search(text):
        return "overloaded"
    if QUOTA.search(text):
        return "quota"
    if MODEL.search(text):
        return "not_found"
    return "auth" if re.search(r"(?:invalid|incorrect|missing).{0,20}api[ _-]?key", text) else "invalid"


def _kind_by_status(status: int, text: str) -> ModelErrorKind:
    if status == 529 or (OVERLOADED.search(text) and status in {429, 503}):
        return "overloaded"
    quota = QUOTA.search(text) and not PER_MINUTE.search(text)
    if status == 402 or (status in {403, 429} and quota):
        return "quota"
    if status == 403:
        return "auth" if KEY.search(text) and not CLIENT.search(text) else "forbidden"
    fixed: dict[int, ModelErrorKind] = {
        401: "auth",
        404: "not_found",
        405: "not_found",
        408: "timeout",
        429: "rate_limited",
    }  # fmt: skip - a table reads better in one row
    if status >= 500 and (CONTEXT.search(text) or OVERLOADED.search(text)):
        return "context_overflow" if CONTEXT.search(text) else "overloaded"
    return fixed.get(status, "server")


def _message(kind: ModelErrorKind, status: int, said: Said, connection: Connection | None) -> str:
    if kind == "auth":
        return _refused_key(connection)
    if kind == "forbidden" and CLIENT.search(said.text):
        return (
            "This endpoint of the Kimi Code plan admits only certain programs, and kcode does not pose as "
            "another one. A key of the open platform works: make one at platform.kimi.ai (China: "
            "platform.kimi.com), set MOONSHOT_API_KEY to it and use https://api.moonshot.ai/v1"
        )
    if kind == "not_found":
        return (
            "The model is not known here, or this key may not use it"
            if MODEL.search(said.text)
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
    named = (connection.key_source or connection.source) if connection is not None else ""
    refused = f"The server does not accept the API key{f' (from {named})' if named else ''}"
    if connection is not None and not KIMI.search(connection.base_url):
        return f"{refused}, which may be incomplete, or a key of another server"
    others = next((hint for host, hint in _OTHER_KEYS if connection and host in connection.base_url), "")
    return (
        f"{refused}. Keys of api.moonshot.ai, api.moonshot.cn and the Kimi Code plan are different ones and do not "
        f"work for one another{others}"
    )


def _detail(reason: Reason, said: Said) -> str:
    if reason == "max_output":
        numbers = re.findall(r"(?:at most|maximum|limit|<=|less than or equal to)\D{0,20}(\d+)", said.text)
        return numbers[0] if numbers else ""
    if reason == "sampling":
        named = SAMPLING.search(said.text)
        return named.group() if named else ""
    name: object = said.fields.get("param")
    if reason != "parameter" or (isinstance(name, str) and name):
        return name if isinstance(name, str) else ""
    found = FIELD.search(said.text)
    return found.group(1) if found else ""


def _window(said: Said) -> int | None:
    named = _number(said.fields, "n_ctx")
    if named:
        return named
    found = WINDOW.search(said.text)
    digits = next((g for g in found.groups() if g), "") if found else ""
    number = int(re.sub(r"[,_]", "", digits)) if digits else 0
    return number if number >= 512 else None


def _number(fields: Mapping[str, Any], name: str) -> int:
    value = fields.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
