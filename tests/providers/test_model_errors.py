import json
from collections.abc import Callable
from typing import Any

import pytest

from kcode.providers.errors import RefusedError, model_error
from kcode.providers.errors_wait import retry_after
from kcode.types.connection import Connection

KINDS = {
    "context": "context_overflow",
    "body_too_large": "context_overflow",
    "rate_limit": "rate_limited",
    "not_allowed_client": "forbidden",
    "model_gone": "not_found",
}
REASONS = {"sampling", "empty_message", "media", "reasoning_missing", "body_too_large"}


def said(message: str, kind: str = "invalid_request_error", **more: Any) -> str:
    return json.dumps({"error": {"message": message, "type": kind, **more}})


@pytest.mark.parametrize(
    ("message", "window"),
    [
        ("Your request exceeded model token limit: 262144 (requested: 274613)", 262144),
        ("exceeded model token limit : 131072", 131072),
        ("This model's maximum context length is 8192 tokens. However, you requested 9000 tokens", 8192),
        (
            "request (20000 tokens) exceeds the available context size (16384 tokens), try increasing it",
            16384,
        ),
        ("prompt is too long: 210000 tokens > 200000 maximum", 200000),
        ("The input is longer than the context window of 1,048,576 tokens", 1048576),
        ("Input token length too long", None),
        ("Please reduce the length of the messages", None),
    ],
)
def test_an_overflow_teaches_the_window_where_it_is_named(message: str, window: int | None):
    error = model_error(400, said(message))
    assert (error.kind, error.window, error.transient) == ("context_overflow", window, False)


def test_an_overflow_with_the_window_in_a_field_of_its_own_teaches_it():
    assert model_error(400, said("too long", "exceed_context_size_error", n_ctx=4096)).window == 4096


@pytest.mark.parametrize(
    ("status", "message", "type_", "kind"),
    [
        (
            429,
            "You exceeded your current quota, please check your account balance",
            "exceeded_current_quota_error",
            "quota",
        ),
        (429, "Your account is suspended due to insufficient balance", "", "quota"),
        (429, "request reached organization max RPM: 3", "rate_limit_reached_error", "rate_limited"),
        (429, "Quota exceeded: 10 requests per minute", "", "rate_limited"),
        (429, "request reached organization max concurrency: 1", "rate_limit_reached_error", "rate_limited"),
        (429, "The load balancer says wait", "", "rate_limited"),
        (429, "The engine is currently overloaded", "rate_limit_error", "overloaded"),
        (429, "", "", "rate_limited"),
        (402, "Payment required", "", "quota"),
        (403, "You've reached your usage limit for this billing cycle", "", "quota"),
        (403, "Invalid API key", "", "auth"),
        (403, "Region not allowed", "", "forbidden"),
        (401, "Invalid Authentication", "", "auth"),
        (400, "Incorrect API key provided", "", "auth"),
        (404, "The model `kimi-x` does not exist", "", "not_found"),
        (404, "Not Found", "", "not_found"),
        (405, "Method Not Allowed", "", "not_found"),
        (408, "Request timeout", "", "timeout"),
        (500, "server error", "", "server"),
        (502, "", "", "server"),
        (503, "The server is busy", "", "overloaded"),
        (503, "upstream connect error", "", "server"),
        (524, "a timeout occurred", "", "server"),
        (529, "", "", "overloaded"),
        (500, "The engine is currently overloaded", "", "overloaded"),
        (429, "no instance available, capacity exceeded", "", "overloaded"),
        (429, "Model busy, retry later", "model_busy", "overloaded"),
        (410, "The model kimi-k2 has been deprecated and is no longer available", "", "not_found"),
        (400, "triggered content management policy", "", "content_filter"),
        (400, "Range of input length should be [1, 98304]", "", "context_overflow"),
        (418, "I am a teapot", "", "invalid"),
    ],
)
def test_statuses_with_several_meanings_are_told_apart_by_their_words(
    status: int, message: str, type_: str, kind: str
):
    assert model_error(status, said(message, type_)).kind == kind


@pytest.mark.parametrize(
    ("message", "reason", "detail"),
    [
        ("invalid temperature: only 1 is allowed for this model", "sampling", "temperature"),
        ("invalid n: only 1 is allowed", "sampling", "n"),
        ("presence_penalty is not supported", "sampling", "presence_penalty"),
        ("invalid thinking: only type=enabled is allowed for this model", "thinking", ""),
        ("reasoning_effort must be one of low, high, max", "thinking", ""),
        ("tool_choice 'required' is incompatible with thinking enabled", "tool_choice", ""),
        (
            "max_tokens is too large: 99999. This model supports at most 16384 completion tokens",
            "max_output",
            "16384",
        ),
        ("Unrecognized request argument supplied: prompt_cache_key", "parameter", "prompt_cache_key"),
        ("Unknown parameter: 'stream_options'", "parameter", "stream_options"),
        (
            "thinking is enabled but reasoning_content is missing in assistant tool call message at index 3",
            "reasoning_missing",
            "",
        ),
        ("the message at position 105 with role 'assistant' must not be empty", "empty_message", ""),
        ("tool_call_id  is not found", "pairing", ""),
        (
            "not a valid moonshot flavored json schema, details: <At path 'properties.x': type is not defined>",
            "schema",
            "",
        ),
        ("function name Read is duplicated", "duplicate_tool", ""),
        ("unsupported image url: https://x/y.png", "media", ""),
        ("roles must alternate between user and assistant", "pairing", ""),
        ("'tool' must be a response to a preceeding message with 'tool_calls'.", "pairing", ""),
        ("Invalid 'messages[2].tool_calls[0].id': string does not match pattern", "pairing", ""),
        ("messages.2.content: Input should be a valid string", "empty_message", ""),
        ("Invalid value for 'content': expected a string, got null.", "empty_message", ""),
        ("stream_options not supported", "parameter", ""),
        ("property 'prompt_cache_key' is unsupported", "parameter", ""),
        ("total message size 3000000 exceeds limit 2097152", "body_too_large", ""),
    ],
)
def test_a_refused_request_says_which_part_to_change(message: str, reason: str, detail: str):
    error = model_error(400, said(message))
    assert isinstance(error, RefusedError)
    assert (error.reason, error.detail) == (reason, detail)
    assert not error.transient


def test_the_parameter_field_of_an_error_names_the_parameter():
    error = model_error(400, said("Unsupported parameter", param="max_completion_tokens"))
    assert isinstance(error, RefusedError)
    assert error.detail == "max_completion_tokens"


def test_the_plan_that_admits_other_programs_only_is_explained_with_the_way_out():
    for message in (
        "only available for Coding Agents such as ...",
        "Access terminated. Review our Community Guidelines",
    ):
        text = str(model_error(403, said(message, "access_terminated_error")))
        assert "MOONSHOT_API_KEY" in text
        assert "platform.kimi.ai" in text
        assert message.rstrip(".") in text


def test_a_refused_key_is_named_by_where_it_came_from():
    connection = Connection(base_url="https://api.moonshot.ai/v1", api_key="sk-1", source="MOONSHOT_API_KEY")
    text = str(model_error(401, said("Invalid Authentication"), connection=connection))
    assert "MOONSHOT_API_KEY" in text
    assert "api.moonshot.cn" in text


def test_pages_and_lists_are_quoted_in_words_and_briefly():
    page = "<html><head><style>x{}</style></head><body><h1>502 Bad Gateway</h1>" + "<p>nginx</p>" * 500
    assert '"502 Bad Gateway"' in str(model_error(502, page))
    assert len(str(model_error(500, "x" * 5000))) < 400
    assert '"first"' in str(model_error(500, json.dumps([{"error": {"message": "first"}}])))
    assert "Field required" in str(
        model_error(422, '{"detail": [{"msg": "Field required", "loc": ["body"]}]}')
    )


NOW = 1_790_000_000.0


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"Retry-After": "7"}, "", 7),
        ({"retry-after": "0.5"}, "", 0.5),
        ({"Retry-After": "86400"}, "", 86400),
        ({"Retry-After": "-3"}, "", 0),
        ({"Retry-After": "Mon, 21 Sep 2026 14:13:30 GMT"}, "", 10),
        ({"Retry-After": "Mon, 21 Sep 2026 14:13:00 GMT"}, "", 0),
        ({"Retry-After": "soon"}, "", None),
        ({"Retry-After": "nan"}, "", None),
        ({"Retry-After": "9" * 400}, "", None),
        ({"retry-after-ms": "1500", "Retry-After": "9"}, "", 1.5),
        ({}, "please try again after 1 seconds", 1),
        ({}, "Please try again in 20s", 20),
        ({}, "Please try again in 350ms", 0.35),
        ({}, "retry after 2 minutes", 120),
        ({}, "please try again later", None),
        ({"Retry-After": "1m30s"}, "", 90),
        ({"Retry-After": "500ms"}, "", 0.5),
        ({"Retry-After": "1790000010"}, "", 10),
        ({"Retry-After": "2026-09-21T14:13:30Z"}, "", 10),
        ({}, "Please try again in 6m0s.", 360),
        ({}, "Please try again in 1h2m3s", 3723),
        ({}, "try again in 1 minute 30 seconds", 90),
        ({}, "Please wait 15 seconds before retrying", 15),
        ({"x-ratelimit-reset": "12"}, "", 12),
        ({"X-RateLimit-Reset": "1790000012"}, "", 12),
        ({"x-ratelimit-reset-tokens": "6m0s", "x-ratelimit-remaining-tokens": "0"}, "", 360),
        ({"x-ratelimit-reset-tokens": "6m0s", "x-ratelimit-remaining-tokens": "7"}, "", None),
        ({"Retry-After": "3", "x-ratelimit-reset": "12"}, "", 3),
    ],
)
def test_the_wait_that_a_server_asks_for_is_read_in_every_form(
    headers: dict[str, str], body: str, seconds: float | None
):
    assert retry_after(headers, body, now=NOW) == seconds
    assert model_error(429, said(body), headers, now=NOW).retry_after == seconds


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ({"error": {"message": "slow down", "retry_after": 8}}, 8),
        ({"error": {"message": "slow down", "retry_after_ms": "800"}}, 0.8),
        ({"error": {"message": "slow down"}, "retry_after": 8.5}, 8.5),
        ({"error": {"message": "slow down", "details": [{"retryDelay": "34s"}]}}, 34),
        ({"error": {"message": "slow down", "metadata": {"headers": {"Retry-After": "9"}}}}, 9),
        ({"error": {"message": "slow down", "retry_after": True}}, None),
    ],
)
def test_the_wait_is_found_in_a_field_of_the_body(body: object, seconds: float | None):
    assert model_error(429, json.dumps(body), {}, now=NOW).retry_after == seconds


def test_no_wait_is_reported_for_what_waiting_does_not_mend():
    assert model_error(401, said("no"), {"Retry-After": "7"}).retry_after is None


def test_no_response_at_all_is_a_network_error():
    error = model_error(None, "Name or service not known")
    assert (error.kind, error.status) == ("network", None)
    assert "Name or service not known" in str(error)


def test_the_shared_error_cases_end_as_they_say(wire_corpus: Callable[[str], Any]):
    for row in wire_corpus("errors.jsonl"):
        error = model_error(row["status"], row["body"])
        wanted = row["cls"]
        assert error.transient == row["retry"], row["body"]
        if isinstance(error, RefusedError):
            assert error.reason == wanted.removesuffix("_param"), row["body"]
        else:
            assert wanted not in REASONS
            assert error.kind == KINDS.get(wanted, wanted), row["body"]


def test_a_refused_key_is_explained_for_the_server_that_refused_it():
    def words(url: str, key: str) -> str:
        where = Connection(url, key, source="KCODE_BASE_URL")
        return str(model_error(401, said("Invalid Authentication", ""), connection=where))

    assert "Keys of api.moonshot.ai" in words("https://api.moonshot.ai/v1", "sk-1")
    assert "moonshot" not in words("http://127.0.0.1:8000/v1", "sk-1")
    assert "from KCODE_BASE_URL" in words("http://127.0.0.1:8000/v1", "sk-1")
    assert "none is set (export KCODE_API_KEY" in words("http://127.0.0.1:8000/v1", "")


@pytest.mark.parametrize(
    ("url", "source", "other"),
    [
        ("https://api.moonshot.ai/v1", "MOONSHOT_API_KEY", "https://api.moonshot.cn/v1"),
        ("https://api.moonshot.cn/v1", "the system's keyring", "https://api.moonshot.ai/v1"),
        ("https://api.kimi.com/coding/v1", "KIMI_CODE_API_KEY", "https://api.moonshot.ai/v1"),
    ],
)
def test_a_refused_key_is_named_by_its_own_source_and_where_it_may_belong(url: str, source: str, other: str):
    where = Connection(url, "sk-1", source="KCODE_BASE_URL", key_source=source)
    text = str(model_error(401, said("Invalid Authentication", ""), connection=where))
    assert f"(from {source})" in text
    assert "KCODE_BASE_URL" not in text
    assert f"belongs to {other}" in text
    assert "sk-1" not in text
