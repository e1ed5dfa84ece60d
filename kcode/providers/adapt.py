"""What a server refuses is not sent to it again: the dialect learns from the refusal."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from kcode.providers.dialect import Dialect, kept, plain
from kcode.providers.errors import Reason, RefusedError
from kcode.types.errors import ModelError

_LIMITS = ("max_completion_tokens", "max_tokens")
_OPTIONAL = frozenset(
    {"stream_options", "prompt_cache_key", "thinking", "reasoning_effort", "chat_template_kwargs"}
)


def adapt(dialect: Dialect, error: ModelError) -> Dialect | None:
    """Return the dialect to try next after a refusal; None where nothing is to be learnt from it."""
    if not isinstance(error, RefusedError):
        return None
    change = _CHANGES.get(error.reason)
    changed = change(dialect, error) if change else dialect
    return changed if changed != dialect else None


def _reasoning_missing(dialect: Dialect, _error: RefusedError) -> Dialect:
    return replace(dialect, reasoning="always", reasoning_key="reasoning_content")


def _thinking(dialect: Dialect, _error: RefusedError) -> Dialect:
    return replace(dialect, without=dialect.without | {"thinking", "reasoning_effort"})


def _limit(dialect: Dialect, error: RefusedError) -> Dialect:
    if error.detail.isdigit():
        return replace(dialect, most_output=int(error.detail))
    if dialect.limit_key not in str(error):
        return dialect
    return replace(dialect, limit_key=next(name for name in _LIMITS if name != dialect.limit_key))


def _parameter(dialect: Dialect, error: RefusedError) -> Dialect:
    words = f"{error.detail} {error}".lower()
    if any(name in words for name in _LIMITS):
        return _limit(dialect, error)
    named = frozenset(name for name in _OPTIONAL if re.search(rf"\b{name}\b", words))
    if named:
        return replace(dialect, without=dialect.without | named)
    return replace(dialect, reasoning="dropped") if "reasoning" in words else dialect


def _empty_message(dialect: Dialect, _error: RefusedError) -> Dialect:
    return replace(dialect, no_text="omitted" if dialect.no_text == "null" else "null")


def _pairing(dialect: Dialect, error: RefusedError) -> Dialect:
    if not re.search(r"pattern|character|invalid.{0,20}\bid\b|too long|length", str(error).lower()):
        return dialect
    return replace(dialect, call_ids=kept if dialect.call_ids is plain else plain)


def _schema(dialect: Dialect, _error: RefusedError) -> Dialect:
    return replace(dialect, moonshot_schemas=True)


def _media(dialect: Dialect, _error: RefusedError) -> Dialect:
    return replace(dialect, tool_images=False) if dialect.tool_images else replace(dialect, media=False)


_CHANGES: Mapping[Reason, Callable[[Dialect, RefusedError], Dialect]] = {
    "reasoning_missing": _reasoning_missing,
    "thinking": _thinking,
    "max_output": _limit,
    "parameter": _parameter,
    "empty_message": _empty_message,
    "pairing": _pairing,
    "schema": _schema,
    "media": _media,
}
