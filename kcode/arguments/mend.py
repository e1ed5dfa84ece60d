"""Mending the text of arguments without changing a value, and writing values back as JSON."""

import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn, cast

from kcode.arguments.failure import ArgumentsError
from kcode.arguments.tolerant import CutError, Reader, UnreadableError

_TOKEN = re.compile(r"<\|[a-z_]+\|>")
_LEADING_TOKENS = re.compile(r"(?:\s*<\|[a-z_]+\|>)+")
_FENCE = re.compile(r"(`{3,}|~{3,})[^\n`{\[]*\n?(.*?)\s*\1", re.DOTALL)
_FENCE_OPENED = re.compile(r"(?:`+|~{3,})?[ \t]*(?:json[a-z0-9]*)?\s*(?=[\[{])", re.IGNORECASE)
_TAIL = re.compile(r"(?:\s*(?:<\|[a-z_]+\|>|`{3,}|~{3,}))+\Z")
_SURROGATE = re.compile("[\ud800-\udfff]")
_JUNK = 40
"""Characters after a complete object that may be dropped, provided no quote is among them: a quote shows that
the object ended early because an inner quote was not escaped."""
_LONGEST_TAIL = 400
_DEEPEST = 2
"""How often arguments may be JSON inside a JSON string."""


@dataclass(frozen=True, slots=True)
class Mended:
    """Arguments as an object, and what had to be mended, in order."""

    value: dict[str, Any]
    kinds: tuple[str, ...] = ()


def mend(text: str, *, may_close: bool = False) -> Mended:
    """Read the text of arguments as one JSON object.

    Args:
        text: what the model wrote.
        may_close: whether missing closing brackets may be added where no value can have been cut.

    Raises:
        ArgumentsError: it is not JSON, is cut, or holds several objects.
    """
    value = _strict(text)
    if value is not None:
        return Mended(value)
    return _mend(text, may_close=may_close, depth=0)


def is_whole(text: str) -> bool:
    """Whether the text is one complete JSON object as it stands."""
    return _strict(text) is not None


def canonical(value: object) -> str:
    """Write a value as JSON in one way only: keys in their order, no spaces, only the needed escapes."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return json.dumps(value, separators=(",", ":")) if _SURROGATE.search(text) else text


def history_text(text: str) -> str:
    """Return valid canonical JSON for what the model wrote, for sending it back.

    Arguments that cannot be read come back as `{"unreadable": <what was written>}`: an empty object in their
    place would teach the model to send empty objects. Missing brackets are added, as where the call ran.
    """
    try:
        return canonical(mend(text, may_close=True).value)
    except ArgumentsError:
        return canonical({"unreadable": text})


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _finite(text: str) -> float:
    number = float(text)
    if number - number != 0:
        raise ValueError(text)
    return number


def _strict(text: str) -> dict[str, Any] | None:
    try:
        value: object = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    found = cast("dict[str, Any]", value)
    return None if _has_surrogate(text, found) else found


def _has_surrogate(text: str, value: object) -> bool:
    if "\\u" not in text and not _SURROGATE.search(text):
        return False
    return _SURROGATE.search(json.dumps(value, ensure_ascii=False)) is not None


def _mend(text: str, *, may_close: bool, depth: int) -> Mended:
    text, kinds = _peel(text)
    if text in {"", "null", "None"}:
        return Mended({}, (*kinds, "empty"))
    unescaped = _unquoted_double(text)
    if unescaped is not None and depth < _DEEPEST:
        return _deeper(unescaped, kinds, may_close=may_close, depth=depth)
    reader = Reader(text)
    value = _read(reader, text, may_close=may_close)
    kinds = (*kinds, *reader.mended)
    value, rest_kinds = _settle_rest(value, text, reader)
    kinds = (*kinds, *rest_kinds)
    if isinstance(value, str) and depth < _DEEPEST:
        return _deeper(value, kinds, may_close=may_close, depth=depth)
    if isinstance(value, list):
        value, kinds = _only_item(cast("list[object]", value)), (*kinds, "list")
    if not isinstance(value, dict):
        raise ArgumentsError(
            f"The arguments must be one JSON object {{...}}, not {_shown(text)}. "
            "Send the call again with an object.",
            kind="syntax",
        )
    found = cast("dict[str, Any]", value)
    if _SURROGATE.search(json.dumps(found, ensure_ascii=False)):
        raise ArgumentsError(
            "The arguments hold half of a character (a lone \\ud800-\\udfff escape). Write the character "
            "itself instead of its escape and send the call again.",
            kind="syntax",
        )
    return Mended(found, kinds)


def _deeper(text: str, kinds: tuple[str, ...], *, may_close: bool, depth: int) -> Mended:
    inner = mend(text) if _strict(text) is not None else _mend(text, may_close=may_close, depth=depth + 1)
    return Mended(inner.value, (*kinds, "double", *inner.kinds))


def _peel(text: str) -> tuple[str, tuple[str, ...]]:
    kinds: list[str] = []
    text = text.strip().strip("\ufeff").strip()
    tokens = _LEADING_TOKENS.match(text)
    if tokens is not None:
        kinds.append("markers")
        text = text[tokens.end() :].strip()
    fence = _FENCE.fullmatch(text)
    if fence is not None:
        kinds.append("fence")
        return fence.group(2).strip(), tuple(kinds)
    tail = _TAIL.search(text, max(0, len(text) - _LONGEST_TAIL))
    if tail is not None:
        # No complete string can end in it.
        kinds.append("trailing")
        text = text[: tail.start()]
    opened = _FENCE_OPENED.match(text)
    if opened is not None and opened.end():
        kinds.append("fence")
        text = text[opened.end() :]
    return text, tuple(kinds)


def _unquoted_double(text: str) -> str | None:
    if not re.match(r'\{\s*\\+["n]', text):
        return None
    try:
        inner: object = json.loads(f'"{text}"', strict=False)
    except ValueError:
        return None
    return inner if isinstance(inner, str) else None


def _read(reader: Reader, text: str, *, may_close: bool) -> object:
    try:
        return reader.value()
    except CutError as cut:
        if may_close and cut.closers is not None:
            closed = Reader(text + cut.closers)
            value = closed.value()
            reader.position = len(text)
            reader.mended = [*closed.mended, "closed"]
            return value
        raise ArgumentsError(
            f"The arguments were cut after {len(text)} characters, so nothing was run. They end with "
            f"{text[-60:]!r}. Send the whole call again; if it is long, split the work into smaller calls.",
            kind="cut",
        ) from None
    except UnreadableError as error:
        raise _syntax(text, error) from None


def _syntax(text: str, error: UnreadableError) -> ArgumentsError:
    around = text[max(0, error.position - 30) : error.position + 30]
    return ArgumentsError(
        "The arguments are not valid JSON, so nothing was run: "
        f"at character {error.position}, near {around!r}, {error}. "
        'Inside strings write \\n for a line break, \\\\ for a backslash and \\" for a quote. '
        "Send the call again.",
        kind="syntax",
    )


def _settle_rest(value: object, text: str, reader: Reader) -> tuple[object, tuple[str, ...]]:
    first = text[: reader.position]
    quotes = "\"'" if "python" in reader.mended else '"'
    kinds: list[str] = []
    at = reader.position
    while at < len(text):
        start = text.find("{", at)
        gap = text[at:] if start < 0 else text[at:start]
        kinds += _junk(gap, text, at, quotes)
        if start < 0:
            break
        other, at = _object_at(text, start)
        raw = text[start:at]
        if value == {} and isinstance(other, dict):
            value, first = cast("dict[str, Any]", other), raw
            kinds.append("leading_empty")
        elif other == {} or _same(other, value) or (other is None and first.startswith(raw)):
            kinds.append("twice")
        else:
            raise ArgumentsError(
                "The arguments hold more than one object, as if several calls had been glued together, so "
                f"nothing was run: {_shown(first)} is followed by {_shown(raw)}. Send one call for each.",
                kind="glued",
            )
    return value, tuple(dict.fromkeys(kinds))


def _same(one: object, other: object) -> bool:
    """Whether two values are written alike; 1, 1.0 and true are not."""
    return one == other and json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _junk(gap: str, text: str, at: int, quotes: str) -> list[str]:
    if not gap.strip():
        return []
    before_token = _TOKEN.split(gap)[0].strip()
    if len(before_token) > _JUNK or set(before_token) & set(quotes):
        raise _syntax(text, UnreadableError("the object is complete, but more text follows it", at))
    return ["trailing"]


def _object_at(text: str, start: int) -> tuple[object, int]:
    """Return the object and where it ends; None and the end of the text if it cannot be read."""
    reader = Reader(text, start)
    try:
        return reader.value(), reader.position
    except UnreadableError:
        return None, len(text)


def _only_item(items: list[object]) -> object:
    if len(items) == 1:
        return items[0]
    if items and all(isinstance(item, dict) for item in items):
        raise ArgumentsError(
            f"The arguments are a list of {len(items)} objects. Send one call for each.", kind="glued"
        )
    return items


def _shown(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:60]}... ({len(text)} characters)"
