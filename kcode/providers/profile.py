"""What was learnt of one model at one endpoint, in a form that can be kept."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from kcode.providers.dialect import CallId, Dialect, indexed, kept, plain
from kcode.types.model import JsonObject, ModelInfo

_CALL_IDS: Mapping[str, CallId] = {"kept": kept, "plain": plain, "indexed": indexed}
_WORDS: Mapping[str, frozenset[str]] = {
    "no_text": frozenset({"omitted", "null", "empty"}),
    "reasoning": frozenset({"always", "required", "echoed", "dropped"}),
    "limit_key": frozenset({"max_completion_tokens", "max_tokens"}),
}
_TEXTS = ("reasoning_key", "reasoning_filler")
_FLAGS = ("moonshot_schemas", "tool_images", "media", "session_key")
_SETS = ("without", "without_tools")


@dataclass(frozen=True, slots=True)
class Profile:
    """Departures from the dialect that an endpoint's address names, by field; the window in tokens, 0 if unknown."""

    fields: JsonObject = field(default_factory=dict[str, "object"])  # pyright: ignore[reportAssignmentType] - JSON
    window: int = 0

    def dialect(self, base: Dialect) -> Dialect:
        """Apply it; what a newer version wrote and this one does not know is left alone."""
        found = self.fields
        changes: dict[str, object] = {
            name: found[name] for name, words in _WORDS.items() if str(found.get(name)) in words
        }
        changes |= {name: found[name] for name in _TEXTS if isinstance(found.get(name), str)}
        changes |= {name: found[name] for name in _FLAGS if isinstance(found.get(name), bool)}
        for name in _SETS:
            if isinstance(names := found.get(name), list):
                changes[name] = frozenset(str(n) for n in names)
        if str(found.get("call_ids")) in _CALL_IDS:
            changes["call_ids"] = _CALL_IDS[str(found["call_ids"])]
        most = found.get("most_output")
        if isinstance(most, int) and most > 0:
            changes["most_output"] = most
        return cast("Callable[..., Dialect]", replace)(base, **changes)

    def info(self, known: ModelInfo) -> ModelInfo:
        """Apply the window; output has to fit into it."""
        if not self.window:
            return known
        output = min(known.max_output, max(1_024, self.window // 2))
        return replace(known, window=self.window, max_output=output)


def departures(dialect: Dialect, base: Dialect) -> JsonObject:
    """Return the fields in which a dialect came to differ from the one that it began as."""
    fields: JsonObject = {}
    for name in (*_WORDS, *_TEXTS, *_FLAGS, "most_output"):
        value = getattr(dialect, name)
        if value != getattr(base, name):
            fields[name] = value
    for name in _SETS:
        value = cast("frozenset[str]", getattr(dialect, name))
        if value != getattr(base, name):
            fields[name] = [*sorted(value)]
    if dialect.call_ids is not base.call_ids:
        fields["call_ids"] = next((n for n, ids in _CALL_IDS.items() if ids is dialect.call_ids), "plain")
    return fields
