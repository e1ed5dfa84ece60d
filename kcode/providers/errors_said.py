"""Reading what a server says in the body of an error: JSON in any of its shapes, a web page, or words."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape
from typing import Any, cast

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
    error: object = fields.get("error") or fields.get("errors")
    if isinstance(error, list) and error:
        error = cast("list[object]", error)[0]
    inner = cast("Mapping[str, Any]", error) if isinstance(error, dict) else fields
    named: object = inner.get("message") or inner.get("detail") or inner.get("msg")
    words: object = named or cast("object", error)
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
