"""Tool calls that small models write as text: JSON in a fence, in a tag, or bare.

Such text counts as a call only if it is the message's last block and nothing but an object with the name of an
offered tool and its arguments, or a list of such objects: anything else may be an example.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, cast

from kcode.arguments import canonical, resolve
from kcode.arguments.names import folded
from kcode.providers.repair_code import closes

_DECODER = json.JSONDecoder(strict=False)
_TAG = "<tool_call>"
_TAG_END = "</tool_call>"
_FENCE = re.compile(r"[ \t>]*(`{3,}|~{3,})([^\n]*)")
_CANDIDATE = re.compile(
    r"<tool_call>|(?:\A|(?<=\n))[ \t]*(?:`{3,}[^\n`]*\n\s*(?=[\[{])|~{3,}[^\n]*\n\s*(?=[\[{])|(?=[\[{]))"
)
_BEGINNING = re.compile(r"(?:<[a-z_]{0,10}|(?:\A|(?<=\n))[ \t]*(?:`{3,}[^\n`]*\n?|~{3,}[^\n]*\n?)\s*)\Z")
_KEY = '{"name":"'
_THEN = '","arguments":{'
_ENOUGH = 400
"""Characters of a block that suffice to see that it is no call."""


@dataclass(frozen=True, slots=True)
class Written:
    """Calls that were written as text, as (name, arguments as JSON), and the text before them."""

    text: str
    calls: tuple[tuple[str, str], ...]


def find_written(text: str, offered: Collection[str]) -> Written | None:
    """Find the calls that a message ends with, None if it does not end with calls."""
    if not offered or '"arguments"' not in text or '"name"' not in text:
        return None
    for blocks in (_tagged, _fenced_or_bare):
        for start, values in blocks(text):
            calls = [call for value in values for call in _calls(value, offered)]
            if calls and all(_calls(value, offered) for value in values):
                return Written(text[:start].rstrip(), tuple(calls))
    return None


def _calls(value: object, offered: Collection[str]) -> list[tuple[str, str]]:
    """Return the calls that a block's value is, none if it is anything else."""
    items = cast("list[object]", value) if isinstance(value, list) else [value]
    found: list[tuple[str, str]] = []
    for item in items:
        if not isinstance(item, dict):
            return []
        fields = cast("dict[str, Any]", item)
        name, arguments = fields.get("name"), fields.get("arguments")
        if set(fields) != {"name", "arguments"} or not isinstance(arguments, dict):
            return []
        known = resolve(name, offered) if isinstance(name, str) else None
        if known is None:
            return []
        found.append((known, canonical(cast("dict[str, Any]", arguments))))
    return found


def _value(text: str, at: int) -> tuple[object, int] | None:
    while at < len(text) and text[at].isspace():
        at += 1
    try:
        return _DECODER.raw_decode(text, at)
    except (ValueError, RecursionError):
        return None


def _tagged(text: str) -> Iterator[tuple[int, list[object]]]:
    """Yield each tag from which on the message is nothing but tags; their ends may be missing at its end."""
    start = text.find(_TAG)
    while start >= 0:
        at, values = start, list[object]()
        while text.startswith(_TAG, at):
            found = _value(text, at + len(_TAG))
            if found is None:
                break
            value, end = found
            values.append(value)
            rest = text[end:].lstrip()
            at = len(text) - len(rest.removeprefix(_TAG_END).lstrip())
            if at == len(text):
                yield start, values
                return
        start = text.find(_TAG, start + 1)


def _fenced_or_bare(text: str) -> Iterator[tuple[int, list[object]]]:
    """Yield the message's last block: a fence, or JSON that runs from the start of a line to the end."""
    fence, opened, body = "", 0, 0
    at = 0
    for line in text.splitlines(keepends=True):
        following = at + len(line)
        match = _FENCE.fullmatch(line.rstrip("\r\n"))
        if fence and closes(fence, line.rstrip("\r\n")):
            if not text[following:].strip():
                yield from _block(text[body:at], opened, 0)
            fence = ""
        elif not fence and match is not None and "`" not in match.group(2):
            fence, opened, body = match.group(1), at, following
        elif not fence and line.lstrip()[:1] in {"{", "["}:
            yield from _block(text, at, at)
        at = following
    if fence:
        yield from _block(text[body:], opened, 0)


def _block(text: str, start: int, at: int) -> Iterator[tuple[int, list[object]]]:
    found = _value(text, at)
    if found is not None and not text[found[1] :].strip():
        yield start, [found[0]]


class WrittenHold:
    """Holds back text that may turn out to be a written call, while it may."""

    def __init__(self, offered: Collection[str]) -> None:
        self._offered = tuple(offered)
        self._names = tuple(folded(name) for name in offered)
        self._held = ""
        self._line_start = True

    def feed(self, text: str) -> str:
        """Take in text; return what is no call."""
        if not self._offered:
            return text
        if not self._held and self._is_plain(text):
            self._line_start = text.endswith("\n") if text else self._line_start
            return text
        self._held += text
        passed: list[str] = []
        while self._held:
            candidate = self._candidate()
            if candidate is None:
                keep = self._beginning()
                self._pass(len(self._held) - keep, passed)
                break
            self._pass(candidate.start(), passed)
            length = candidate.end() - candidate.start()
            if self._may_be_call(length):
                break
            self._pass(max(length, 1), passed)
        return "".join(passed)

    def finish(self, *, calls_came: bool = False) -> str:
        """Return the rest, without the calls it holds; with them if other calls came."""
        held, self._held = self._held, ""
        written = None if calls_came else find_written(held, self._offered)
        return held if written is None else written.text

    def _is_plain(self, text: str) -> bool:
        return not (self._line_start and text.lstrip()[:1] in {"`", "~", "{", "["}) and not re.search(
            r"[\n<]", text
        )

    def _pass(self, length: int, passed: list[str]) -> None:
        if length:
            self._line_start = self._held[length - 1] == "\n"
            passed.append(self._held[:length])
            self._held = self._held[length:]

    def _candidate(self) -> re.Match[str] | None:
        for match in _CANDIDATE.finditer(self._held):
            if match.start() or self._line_start or match.group() == _TAG:
                return match
        return None

    def _beginning(self) -> int:
        """Return how many characters at the end may be the beginning of a candidate."""
        match = _BEGINNING.search(self._held[-_ENOUGH:])
        if match is None:
            return 0
        tail = match.group()
        if tail.startswith("<"):
            return len(tail) if _TAG.startswith(tail) else 0
        at_start = match.start() == 0 and len(self._held) <= _ENOUGH and not self._line_start
        return 0 if at_start or not tail.strip() else len(tail)

    def _may_be_call(self, length: int) -> bool:
        opening, body = self._held[:length], self._held[length:]
        if not _starts_as_call(
            body[:_ENOUGH], self._names, lambda name: resolve(name, self._offered) is not None
        ):
            return False
        found = _value(body, 0)
        if found is None:
            return True
        rest = body[found[1] :].lstrip()
        if opening == _TAG:
            after = rest.removeprefix(_TAG_END).lstrip()
            return not after or _TAG.startswith(after[: len(_TAG)]) or _TAG_END.startswith(rest)
        fence = opening.strip()[:1]
        return not rest.strip(fence or None).strip()


def _starts_as_call(body: str, names: tuple[str, ...], offered: Callable[[str], bool]) -> bool:
    """Whether a block may go on to be a call of an offered tool, or begins with one."""
    compact = re.sub(r"\s+", "", body).removeprefix("[")
    if not compact.startswith(_KEY):
        return _KEY.startswith(compact) or '{"arguments":{'.startswith(compact[:14])
    name, quote, rest = compact.removeprefix(_KEY).partition('"')
    if not quote:
        return any(known.startswith(folded(name)) for known in names)
    rest = quote + rest
    return offered(name) and (rest.startswith(_THEN) or _THEN.startswith(rest))
