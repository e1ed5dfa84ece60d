"""Tool calls that small models write as text: JSON in a fence or in a tag, or as the whole message.

Such text counts as a call only if it is the message's last block and nothing but an object with the name of an
offered tool and its arguments, or a list of such objects: anything else may be an example.
"""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, cast

from kcode.arguments import canonical, resolve
from kcode.arguments.names import folded
from kcode.arguments.tolerant import CutError, Reader, UnreadableError
from kcode.providers.repair_code import closes
from kcode.providers.repair_tokens import read_value

_TAG = "<tool_call>"
_TAG_END = "</tool_call>"
_FENCE = re.compile(r"[ \t>]*(`{3,}|~{3,})([^\n]*)")
_BARE = re.compile(r"[ \t]*(?=[\[{])")
_BEGINNING = re.compile(r"[ \t]*(?:`{1,2}|~{1,2}|`{3,}[^\n`]*(?:\n\s*)?|~{3,}[^\n]*(?:\n\s*)?)")
_FENCED = re.compile(r"[ \t]*(?:`{3,}[^\n`]*\n\s*(?=[\[{])|~{3,}[^\n]*\n\s*(?=[\[{]))")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_NOISE = re.compile(r"[\s\"']+")
_KEY = "{name:"
_THEN = ",arguments:{"
_JSON_TOKEN = re.compile(r'\\.|["{}\[\]\\]', re.DOTALL)
_STRAY = re.compile(r"\s*(?:`{3,}|~{3,})?\s*")
"""What may stand behind a call: the end of a fence whose beginning was lost."""
_ENOUGH = 400
"""Characters of a block that suffice to see that it is no call."""


@dataclass(frozen=True, slots=True)
class Written:
    """Calls that were written as text, as (name, arguments as JSON), and the text before them."""

    text: str
    calls: tuple[tuple[str, str], ...]


def find_written(text: str, offered: Collection[str]) -> Written | None:
    """Find the calls that a message ends with, None if it does not end with calls."""
    if not offered or "arguments" not in text or "name" not in text:
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
    try:
        return read_value(text, at, "{[")
    except UnreadableError:
        return None


def _tagged(text: str) -> Iterator[tuple[int, list[object]]]:
    """Yield each tag from which on the message is nothing but tags; their ends may be missing at its end."""
    start = text.find(_TAG)
    while start >= 0:
        at, values = start, list[object]()
        if _fence_at(text[:start]):
            return
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
    """Yield the message's last block if that is a fence, or the message if it is nothing but JSON."""
    if text.lstrip()[:1] in {"{", "["}:
        yield from _block(text, 0, 0)
        return
    fence, opened, body = "", 0, 0
    at = 0
    for line in _LINE.findall(text):
        following = at + len(line)
        before, fence = fence, _fence_after(fence, line)
        if fence and not before:
            opened, body = at, following
        elif before and not fence and not text[following:].strip():
            yield from _block(text[body:at], opened, 0)
        at = following
    if fence:
        yield from _block(text[body:], opened, 0)


def _fence_at(text: str) -> str:
    """Return the run that opened the fence in which a text ends, "" if it ends in none."""
    fence = ""
    for line in _LINE.findall(text):
        fence = _fence_after(fence, line)
    return fence


def _fence_after(fence: str, line: str) -> str:
    """Return the run that opened the fence we are in after a line, given that before it."""
    line = line.rstrip("\r\n")
    if fence:
        return "" if closes(fence, line) else fence
    match = _FENCE.fullmatch(line)
    return match.group(1) if match is not None and "`" not in match.group(2) else ""


def _block(text: str, start: int, at: int) -> Iterator[tuple[int, list[object]]]:
    found = _value(text, at)
    if found is not None and _STRAY.fullmatch(text, found[1]):
        yield start, [found[0]]


class _Depth:
    """Follows the brackets of JSON that comes in pieces, so that its end is seen without reading it again."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def ends(self, text: str) -> bool:
        """Take in a piece; whether the outermost bracket closes in it."""
        if self._escaped and text:
            text, self._escaped = text[1:], False
        for mark in _JSON_TOKEN.findall(text):
            if mark == '"':
                self._in_string = not self._in_string
            elif mark == "\\":
                self._escaped = True
            elif not self._in_string and mark in "{[":
                self._depth += 1
            elif not self._in_string and mark in "]}":
                self._depth -= 1
                if self._depth <= 0:
                    return True
        return False


class WrittenHold:
    """Holds back text that may turn out to be a written call, while it may."""

    def __init__(self, offered: Collection[str]) -> None:
        self._offered = tuple(offered)
        self._names = tuple(folded(name) for name in offered)
        self._held = ""
        self._line = ""
        self._fence = ""
        self._said = False
        self._open: _Depth | None = None
        self._body: list[str] = []

    def feed(self, text: str) -> str:
        """Take in text; return what is no call."""
        if not self._offered:
            return text
        if self._open is not None:
            # A call of an offered tool is being written: nothing is decided before its last bracket.
            self._body.append(text)
            if not self._open.ends(text):
                return ""
            text = self._take_body()
        self._held += text
        passed: list[str] = []
        while self._held and (length := self._passable()):
            self._pass(length)
            passed.append(self._held[:length])
            self._held = self._held[length:]
        return "".join(passed)

    def finish(self, *, calls_came: bool = False) -> str:
        """Return the rest, without the calls it holds; with them if other calls came."""
        held, self._held = self._held + self._take_body(), ""
        written = None if calls_came else find_written(held, self._offered)
        return held if written is None else written.text

    def _take_body(self) -> str:
        body = "".join(self._body)
        self._body.clear()
        self._open = None
        return body

    def _passable(self) -> int:
        """Return how many characters at the beginning are certainly no call; 0 if that is unknown yet."""
        held = self._held
        if not self._fence and not self._line.strip():
            block = _FENCED.match(held) or (None if self._said else _BARE.match(held))
            if block is not None and self._may_be_call(block.end()):
                return 0
            if block is None and _BEGINNING.fullmatch(held):
                return 0
        mark = re.search(r"\n" if self._fence else r"[\n<]", held)
        if mark is None:
            return len(held)
        if mark.group() == "\n" or mark.start():
            return mark.start() + (mark.group() == "\n")
        if held.startswith(_TAG):
            return 0 if self._may_be_call(len(_TAG)) else 1
        return 0 if _TAG.startswith(held) else 1

    def _pass(self, length: int) -> None:
        self._said = self._said or not self._held[:length].isspace()
        self._line += self._held[:length]
        if not self._line.endswith("\n"):
            # Longer lines neither open nor close a fence.
            self._line = self._line[:_ENOUGH]
            return
        self._fence = _fence_after(self._fence, self._line)
        self._line = ""

    def _may_be_call(self, length: int) -> bool:
        opening, body = self._held[:length], self._held[length:]
        if not _starts_as_call(
            body[:_ENOUGH], self._names, lambda name: resolve(name, self._offered) is not None
        ):
            return False
        depth = _Depth()
        if not depth.ends(body):
            self._open = depth if _THEN in _NOISE.sub("", body[:_ENOUGH]) else None
            return True
        found = _value(body, 0)
        if found is None:
            # A bracket in a string in single quotes is no end.
            return "'" in body[:_ENOUGH] and _is_cut(body)
        rest = body[found[1] :].lstrip()
        if opening == _TAG:
            after = rest.removeprefix(_TAG_END).lstrip()
            return not after or _TAG.startswith(after[: len(_TAG)]) or _TAG_END.startswith(rest)
        fence = opening.strip()[:1]
        return not rest.strip(fence or "`~").strip()


def _is_cut(body: str) -> bool:
    try:
        Reader(body).value()
    except CutError:
        return True
    except UnreadableError:
        return False
    return False


def _starts_as_call(body: str, names: tuple[str, ...], offered: Callable[[str], bool]) -> bool:
    """Whether a block may go on to be a call of an offered tool, or begins with one."""
    compact = _NOISE.sub("", body).removeprefix("[")
    if not compact.startswith(_KEY):
        return _KEY.startswith(compact) or "{arguments:{".startswith(compact[:12])
    name, comma, rest = compact.removeprefix(_KEY).partition(",")
    if not comma:
        return any(
            known.startswith(folded(name)) or f"functions{known}".startswith(folded(name)) for known in names
        )
    rest = comma + rest
    return offered(name) and (rest.startswith(_THEN) or _THEN.startswith(rest))
