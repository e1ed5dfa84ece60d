"""Reading what a server says in the body of an error: JSON in any of its shapes, a web page, or words."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from html import unescape
from typing import Any, cast

_SECONDS = re.compile(r"(?:again|retry)\s+(?:after|in)\s+(\d+(?:\.\d+)?)\s*(ms|milli|s\b|sec|m\b|min)?")
_LONGEST = 300
"""Characters of a server's words that are shown."""


@dataclass(frozen=True, slots=True)
class Said:
    """What the server said: its words, its type or code, and the whole body's fields."""

    message: str
    type: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def text(self) -> str:
        """Type and words in lower case, for matching."""
        return f"{self.type} {self.message}".lower()


def json_fields(body: str) -> Mapping[str, Any]:
    """Return the fields of a JSON object, or of the first in a list; none for anything else."""
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if isinstance(value, list) and value:
        value = cast("list[object]", value)[0]
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def read_body(body: str) -> Said:
    """Find the words, the type and the fields of an error."""
    fields = json_fields(body)
    error: object = fields.get("error")
    inner = cast("Mapping[str, Any]", error) if isinstance(error, dict) else fields
    words: object = inner.get("message") or inner.get("detail") or inner.get("msg") or fields.get("error")
    kinds = " ".join(str(inner.get(name) or "") for name in ("type", "code", "status"))
    if words:
        text = words if isinstance(words, str) else json.dumps(words, ensure_ascii=False)
        return Said(" ".join(text.split()), kinds.strip(), inner)
    return Said(_page_text(body), kinds.strip(), inner)


def _page_text(body: str) -> str:
    if "<" not in body:
        return " ".join(body.split())
    title = re.search(r"<(title|h1)[^>]*>(.*?)</\1>", body, re.IGNORECASE | re.DOTALL)
    text = title.group(2) if title else re.sub(r"(?is)<(script|style).*?</\1>|<[^>]*>", " ", body)
    return " ".join(unescape(text).split())


def shortened(text: str) -> str:
    """Return a text in one line of bearable length."""
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def quoted(said: Said) -> str:
    """Return the server's words as the end of a sentence, empty if it said nothing."""
    words = shortened(said.message).rstrip(".")
    return f': "{words}"' if words else ""


def retry_after(headers: Mapping[str, str], body: str, *, now: float) -> float | None:
    """Return the seconds that a server asks to wait, from its headers or its words; None if it does not.

    Args:
        headers: the response's headers.
        body: its body.
        now: Unix time in seconds.
    """
    lowered = {name.lower(): value.strip() for name, value in headers.items()}
    milliseconds = _float(lowered.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    given = lowered.get("retry-after", "")
    seconds = _float(given)
    if seconds is not None:
        return seconds
    if given:
        try:
            date = parsedate_to_datetime(given)
        except (ValueError, TypeError, IndexError):
            date = None
        if date is not None:
            date = date if date.tzinfo else date.replace(tzinfo=UTC)
            return max(0.0, date.timestamp() - now)
    said = _SECONDS.search(body[:4000].lower())
    if said is None:
        return None
    unit = said.group(2) or "s"
    number = float(said.group(1))
    if unit.startswith(("ms", "milli")):
        return number / 1000
    return number * 60 if unit.startswith("m") else number


def _float(text: str) -> float | None:
    return max(0.0, float(text)) if re.fullmatch(r"-?\d{1,9}(?:\.\d+)?", text) else None
