"""What a server refuses is not sent to it again: the dialect learns from the refusal."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from kcode.providers.dialect import Dialect, kept, plain
from kcode.providers.errors import Reason, RefusedError
from kcode.types.errors import ModelError

_LIMITS = ("max_completion_tokens", "max_tokens")
_OPTIONAL = frozenset(
    {
        "stream_options",
        "prompt_cache_key",
        "thinking",
        "reasoning_effort",
        "chat_template_kwargs",
        "tool_choice",
        "temperature",
        "top_p",
        "n",
        "presence_penalty",
        "frequency_penalty",
    }
)
_TOOL = re.compile(
    r"(?:parameters of|(?:function|tool)s?(?: name)?)\s+['\"`]?(?!(?:parameters|names?|is|calls?|schemas?)\b)"
    r"([A-Za-z_][\w-]{2,63})"
)


@dataclass(frozen=True, slots=True)
class Change:
    """What is tried next after a refusal: the dialect, which part changed, and that in words."""

    dialect: Dialect
    reason: Reason
    words: str


def adapt(dialect: Dialect, error: ModelError, before: Sequence[Change] = ()) -> Change | None:
    """Return what to try next after a refusal; None where nothing is to be learnt from it.

    Args:
        dialect: how the request was sent.
        error: what the server said.
        before: what was changed already for the same request.
    """
    if not isinstance(error, RefusedError):
        return None
    change = _CHANGES.get(error.reason)
    again = sum(earlier.reason == error.reason for earlier in before)
    if again >= _FORMS.get(error.reason, 1_000) and not dialect.strict:
        changed = replace(dialect, strict=True)
    else:
        changed = change(dialect, error) if change else dialect
    if changed == dialect:
        return None
    return Change(changed, error.reason, f"{error.reason}: {_difference(dialect, changed)}")


def _difference(old: Dialect, new: Dialect) -> str:
    """Name the fields that changed, and what they are now."""
    texts: list[str] = []
    for name in Dialect.__slots__:
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            shown = ", ".join(sorted(after - before)) if isinstance(after, frozenset) else after
            texts.append(f"{name}={getattr(shown, '__name__', shown)}")
    return " ".join(texts)


def _reasoning_missing(dialect: Dialect, _error: RefusedError) -> Dialect:
    if dialect.reasoning == "always" and dialect.reasoning_key == "reasoning_content":
        return replace(dialect, reasoning_filler=" ")
    return replace(dialect, reasoning="always", reasoning_key="reasoning_content")


def _without(dialect: Dialect, *names: str) -> Dialect:
    return replace(dialect, without=dialect.without | set(names))


def _thinking(dialect: Dialect, _error: RefusedError) -> Dialect:
    return _without(dialect, "thinking", "reasoning_effort", "reasoning", "chat_template_kwargs")


def _sampling(dialect: Dialect, error: RefusedError) -> Dialect:
    return _without(dialect, error.detail) if error.detail else dialect


def _tool_choice(dialect: Dialect, _error: RefusedError) -> Dialect:
    return _without(dialect, "tool_choice")


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
    named = frozenset(name for name in _OPTIONAL if len(name) > 1 and re.search(rf"\b{name}\b", words))
    if named:
        return replace(dialect, without=dialect.without | named)
    return replace(dialect, reasoning="dropped") if "reasoning" in words else dialect


def _empty_message(dialect: Dialect, _error: RefusedError) -> Dialect:
    return replace(dialect, no_text="omitted" if dialect.no_text == "null" else "null")


def _pairing(dialect: Dialect, error: RefusedError) -> Dialect:
    if not re.search(r"pattern|character|invalid.{0,20}\bid\b|too long|length", str(error).lower()):
        return replace(dialect, strict=True)
    return replace(dialect, call_ids=kept if dialect.call_ids is plain else plain)


def _schema(dialect: Dialect, error: RefusedError) -> Dialect:
    if not dialect.moonshot_schemas:
        return replace(dialect, moonshot_schemas=True)
    named = _TOOL.search(str(error))
    if named:
        return replace(dialect, without_tools=dialect.without_tools | {named.group(1)})
    return dialect if "mcp__*" in dialect.without_tools else replace(
        dialect, without_tools=dialect.without_tools | {"mcp__*"}
    )  # fmt: skip


def _media(dialect: Dialect, _error: RefusedError) -> Dialect:
    return replace(dialect, tool_images=False) if dialect.tool_images else replace(dialect, media=False)


_CHANGES: Mapping[Reason, Callable[[Dialect, RefusedError], Dialect]] = {
    "reasoning_missing": _reasoning_missing,
    "thinking": _thinking,
    "sampling": _sampling,
    "tool_choice": _tool_choice,
    "max_output": _limit,
    "parameter": _parameter,
    "empty_message": _empty_message,
    "pairing": _pairing,
    "schema": _schema,
    "media": _media,
}
_FORMS: Mapping[Reason, int] = {"reasoning_missing": 2, "empty_message": 1, "pairing": 1}
"""After how many other forms the whole conversation is put into the strictest one."""
