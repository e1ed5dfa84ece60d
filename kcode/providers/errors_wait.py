"""How long a server asks to wait, in the forms in which servers say it."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

from kcode.providers.errors_said import json_fields

_UNITS = {"ms": 0.001, "milli": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = r"\d+(?:\.\d+)?\s*(?:ms|milliseconds?|s(?:ec(?:ond)?s?)?|m(?:in(?:ute)?s?)?|h(?:ours?)?)\b"
_PARTS = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|milli|s|m|h)?")
_DURATION = rf"(?:(?:\d+h)?(?:\d+m)?\d+(?:\.\d+)?s\b|(?:{_PART}\s*)+|\d+(?:\.\d+)?)"
_WORDS = re.compile(rf"(?:(?:again|retry(?:ing)?)\s+(?:after|in)|wait(?:\s+for)?)\s+({_DURATION})")
_FIELDS = {
    "retry_after_ms": 0.001,
    "retry-after-ms": 0.001,
    "retry_after": 1.0,
    "retry-after": 1.0,
    "retryafter": 1.0,
    "retrydelay": 1.0,
    "retry_after_seconds": 1.0,
}
_RESET = "x-ratelimit-reset"
_EPOCH = 1e9
"""Numbers above it are times, not waits."""
_LONGEST = 40
"""Characters of a duration."""
_DEEPEST = 5


def retry_after(headers: Mapping[str, str], body: str, *, now: float) -> float | None:
    """Return the seconds that a server asks to wait, from its headers or its words; None if it does not.

    Args:
        headers: the response's headers.
        body: its body.
        now: Unix time in seconds.
    """
    lowered = {name.lower(): value.strip() for name, value in headers.items()}
    named = (("retry-after-ms", 0.001), ("retry-after", 1.0))
    for name, factor in named:
        seconds = _seconds(lowered.get(name, ""), now, factor)
        if seconds is not None:
            return seconds
    said = _WORDS.search(body[:4000].lower())
    if said is not None:
        return _seconds(said.group(1), now)
    for value, factor in _said(json_fields(body)):
        seconds = _seconds(value, now, factor)
        if seconds is not None:
            return seconds
    return _reset(lowered, now)


def _reset(headers: Mapping[str, str], now: float) -> float | None:
    """Return when what is used up is filled again; what has something left is no reason to wait."""
    found: list[float] = []
    for name, value in headers.items():
        if name.startswith(_RESET):
            seconds = _seconds(value, now)
            left = headers.get(name.replace("reset", "remaining", 1), "0")
            if seconds is not None and re.fullmatch(r"0+", left):
                found.append(seconds)
    return max(found, default=None)


def _said(fields: Mapping[str, Any], depth: int = 0) -> Iterator[tuple[str, float]]:
    for name, value in fields.items():
        factor = _FIELDS.get(name.lower())
        if factor is not None and isinstance(value, (int, float, str)) and not isinstance(value, bool):
            yield str(value), factor
        elif depth < _DEEPEST:
            inner = cast("list[object]", value) if isinstance(value, list) else [value]
            for item in inner:
                if isinstance(item, dict):
                    yield from _said(cast("dict[str, Any]", item), depth + 1)


def _seconds(text: str, now: float, factor: float = 1.0) -> float | None:
    """Read a number, a duration such as `1m30s`, or a date."""
    text = text.strip().lower()
    if re.fullmatch(r"-?\d{1,13}(?:\.\d+)?", text):
        number = float(text)
        if number >= _EPOCH and factor == 1.0:
            return max(0.0, (number / 1000 if number >= 1000 * _EPOCH else number) - now)
        return max(0.0, number * factor)
    if not text.isdigit() and re.fullmatch(_DURATION, text[:_LONGEST]):
        parts = _PARTS.findall(text)
        return round(sum(float(number) * _UNITS[unit or "s"] for number, unit in parts), 3)
    return _date(text, now) if text else None


def _date(text: str, now: float) -> float | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        try:
            date = datetime.fromisoformat(text.upper())
        except ValueError:
            return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, date.timestamp() - now)
