"""A refusal teaches the dialect, once."""

import pytest

from kcode.providers.adapt import Change, adapt
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
    after = adapt(changed.dialect, _refused(words))
    assert after is None or after.dialect != changed.dialect
    assert changed.words
    return changed.dialect


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


def test_a_refused_schema_is_narrowed_and_then_its_tool_left_out():
    words = "tools.0.function.parameters is not a valid json schema"
    changed = _learnt(_OTHER, words)
    assert changed.moonshot_schemas
    assert _learnt(changed, "function.parameters of big_tool is too large").without_tools == {"big_tool"}
    without = _learnt(changed, words)
    assert without.without_tools == {"mcp__*"}
    assert adapt(without, _refused(words)) is None


def test_reasoning_that_is_still_missing_gets_a_filler_and_then_the_strictest_form():
    words = "thinking is enabled but reasoning_content is missing in assistant tool call message at index 3"
    dialect, changes = _KIMI, list[Change]()
    while change := adapt(dialect, _refused(words), changes):
        dialect = change.dialect
        changes.append(change)
    assert (dialect.reasoning, dialect.reasoning_filler, dialect.strict) == ("always", " ", True)


def test_roles_out_of_order_put_the_conversation_into_the_strictest_form_once():
    changed = adapt(_KIMI, _refused("Invalid request: tool_call_id  is not found"))
    assert changed is not None
    assert changed.dialect.strict
    assert adapt(changed.dialect, _refused("Invalid request: tool_call_id  is not found"), [changed]) is None


@pytest.mark.parametrize("field", ["tool_choice", "temperature", "top_p"])
def test_other_parameters_are_left_out_by_name(field: str):
    words = {
        "tool_choice": "tool_choice 'required' is incompatible with thinking enabled",
        "temperature": "invalid temperature: only 1 is allowed for this model",
        "top_p": "invalid top_p: only 0.95 is allowed for this model",
    }[field]
    assert _learnt(_KIMI, words).without == {field}


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
