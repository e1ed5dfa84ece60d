"""A refusal teaches the dialect, once."""

import pytest

from kcode.providers.adapt import adapt
from kcode.providers.dialect import Dialect, choose, indexed, plain, target
from kcode.providers.errors import model_error
from kcode.types.connection import Connection
from kcode.types.errors import ModelError

_KIMI = choose(target(Connection("https://api.moonshot.ai/v1", model="kimi-k2.6")))
_OTHER = choose(target(Connection("https://models.example/v1", model="some-model")))


def _refused(words: str) -> ModelError:
    return model_error(400, words)


def _learnt(dialect: Dialect, words: str) -> Dialect:
    changed = adapt(dialect, _refused(words))
    assert changed is not None
    assert adapt(changed, _refused(words)) != changed
    return changed


def test_missing_reasoning_is_sent_from_then_on():
    words = "thinking is enabled but reasoning_content is missing in assistant tool call message at index 3"
    assert _learnt(_OTHER, words).reasoning == "always"


def test_thinking_that_is_refused_is_left_out():
    words = "invalid thinking: only type=enabled is allowed for this model"
    assert "thinking" in _learnt(_KIMI, words).without


@pytest.mark.parametrize("name", ["stream_options", "prompt_cache_key"])
def test_an_unknown_field_is_left_out(name: str):
    assert name in _learnt(_KIMI, f"Unrecognized request argument supplied: {name}").without


def test_the_other_name_of_the_output_cap_is_tried():
    words = "Unrecognized request argument supplied: max_completion_tokens"
    assert _learnt(_OTHER, words).limit_key == "max_tokens"
    words = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."
    local = choose(target(Connection("http://localhost:8000/v1", model="some-model")))
    assert _learnt(local, words).limit_key == "max_completion_tokens"


def test_the_largest_output_that_a_server_names_is_kept_to():
    assert (
        _learnt(
            _OTHER, "max_tokens is too large: this model supports at most 8192 completion tokens"
        ).most_output
        == 8192
    )


def test_content_that_is_refused_is_spelt_the_other_way():
    assert (
        _learnt(_KIMI, "the message at position 5 with role 'assistant' must not be empty").no_text == "null"
    )


def test_ids_that_are_refused_are_cleaned():
    words = "messages.3.tool_call_id: String should match pattern '^[a-zA-Z0-9_-]+$'"
    assert _KIMI.call_ids is indexed
    assert _learnt(_KIMI, words).call_ids is plain


def test_pictures_leave_the_results_first_and_then_the_request():
    words = "image_url is not supported in this message"
    first = _learnt(_KIMI, words)
    assert (first.tool_images, first.media) == (False, True)
    assert not _learnt(first, words).media


def test_a_refused_schema_is_narrowed_once():
    words = "tools.0.function.parameters is not a valid json schema"
    changed = _learnt(_OTHER, words)
    assert changed.moonshot_schemas
    assert adapt(changed, _refused(words)) is None


@pytest.mark.parametrize(
    "error",
    [
        model_error(401, "Invalid Authentication"),
        model_error(429, "The engine is currently overloaded, please try again later"),
        model_error(400, "something else is wrong"),
        ModelError("cut", kind="broken_stream"),
    ],
)
def test_nothing_is_learnt_from_other_failures(error: ModelError):
    assert adapt(_KIMI, error) is None
