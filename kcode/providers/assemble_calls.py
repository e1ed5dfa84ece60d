"""Putting the pieces of streamed tool calls together, however a server numbers them."""

import itertools
import json
import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from kcode.arguments import canonical, is_whole

_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class RawCall:
    """A tool call as the server sent it: id and name may be empty, the arguments any text."""

    id: str
    name: str
    arguments: str


@dataclass(slots=True)
class _Call:
    index: Hashable
    id: str = ""
    name: str = ""
    pieces: list[str] = field(default_factory=list[str])

    def is_whole(self) -> bool:
        return bool(self.pieces) and self.pieces[-1].rstrip().endswith("}") and is_whole("".join(self.pieces))


class Calls:
    """The tool calls of one response.

    Attributes:
        mended: what had to be mended, each as (kind, detail).
    """

    def __init__(self) -> None:
        self.mended: list[tuple[str, str]] = []
        self._calls: list[_Call] = []
        self._at: dict[Hashable, _Call] = {}
        self._by_id: dict[tuple[Hashable, str], _Call] = {}

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._calls)

    @property
    def text(self) -> str:
        """The arguments so far, of all calls."""
        return "".join(piece for call in self._calls for piece in call.pieces)

    def add(self, entry: Mapping[str, Any]) -> str:
        """Take in one element of a delta's `tool_calls`; return the tool's name if it became known now."""
        number: object = entry.get("index")
        index: Hashable = number if isinstance(number, int) else _number(number)
        given: object = entry.get("function")
        function = cast("Mapping[str, Any]", given) if isinstance(given, dict) else entry
        piece: object = function.get("arguments")
        name: object = function.get("name")
        call_id: object = entry.get("id")
        if not name and not call_id and index in self._at and isinstance(piece, str):
            # Nearly every chunk is one of these.
            self._at[index].pieces.append(piece)
            return ""
        text = piece if isinstance(piece, str) else ("" if piece is None else self._as_text(piece))
        name = name if isinstance(name, str) else ""
        call = self._find(index, str(call_id) if call_id else "", name, text)
        fresh = self._named(call, name)
        if text:
            call.pieces.append(text)
        return fresh

    def finish(self) -> list[RawCall]:
        """Return the calls in the model's order."""
        calls = self._calls
        if all(isinstance(call.index, int) for call in calls):
            calls = sorted(calls, key=lambda call: cast("int", call.index))
        found: list[RawCall] = []
        for call in calls:
            raw = RawCall(call.id, call.name, self._joined(call))
            if not raw.name and not raw.arguments.strip():
                self.mended.append(("ghost_call", raw.id))
            elif raw in found and (raw.id or self._shares_index(call)):
                self.mended.append(("sent_twice", raw.name))
            else:
                found.append(raw)
        return found

    def _as_text(self, piece: object) -> str:
        self.mended.append(("arguments_type", type(piece).__name__))
        return canonical(piece)

    def _named(self, call: _Call, name: str) -> str:
        if not name or name == call.name:
            return ""
        if not call.name or name.startswith(call.name):
            call.name = name
        elif not call.pieces:
            call.name += name
        else:
            return ""
        return call.name

    def _new(self, index: Hashable, call_id: str) -> _Call:
        call = _Call(index, call_id)
        self._calls.append(call)
        self._at[index] = self._at[None] = call
        if call_id:
            self._by_id[index, call_id] = self._by_id[None, call_id] = call
        return call

    def _find(self, index: Hashable, call_id: str, name: str, piece: str) -> _Call:
        known = self._by_id.get((index, call_id)) if call_id else None
        if known is not None and not _is_another(known, name):
            self._at[index] = known
            return known
        current = self._at.get(index)
        if current is None or (index is None and call_id):
            return self._new(index, call_id)
        if self._starts_another(current, call_id, name, piece):
            if index is not None:
                self.mended.append(("same_index", name))
            return self._new(index, call_id)
        if call_id and not current.id:
            current.id = call_id
            self._by_id[index, call_id] = self._by_id[None, call_id] = current
        return current

    @staticmethod
    def _starts_another(current: _Call, call_id: str, name: str, piece: str) -> bool:
        starts = piece.lstrip().startswith("{")
        if call_id and current.id and call_id != current.id:
            # Some servers mint an id for every chunk: then the piece goes on where the last one ended.
            goes_on = name in {"", current.name} and piece != "" and not starts
            return not goes_on if name else current.is_whole()
        if not name:
            return False
        return current.is_whole() and (starts or name != current.name)

    def _shares_index(self, call: _Call) -> bool:
        return sum(other.index == call.index for other in self._calls) > 1

    def _joined(self, call: _Call) -> str:
        text = "".join(call.pieces)
        if not text.strip() or is_whole(text):
            return text
        once = _once(text)
        if once is not None:
            self.mended.append(("sent_twice", call.name))
            return once
        if len(call.pieces) % 2 == 0 and call.pieces[::2] == call.pieces[1::2]:
            half = "".join(call.pieces[::2])
            if is_whole(half):
                self.mended.append(("chunks_twice", call.name))
                return half
        last = call.pieces[-1]
        if len(call.pieces) > 1 and is_whole(last) and _grows(call.pieces):
            self.mended.append(("cumulative", call.name))
            return last
        return text


def _number(index: object) -> Hashable:
    """Return an index that is no whole number as one where it is meant as such; None for no index."""
    if isinstance(index, float) and index.is_integer():
        return int(index)
    if isinstance(index, str):
        return int(index) if re.fullmatch(r"\d{1,9}", index) else index
    return None


def _is_another(known: _Call, name: str) -> bool:
    """Whether a server that gives every call the same id goes on with another call."""
    return bool(name and known.name) and not name.startswith(known.name) and known.is_whole()


def _grows(pieces: list[str]) -> bool:
    return all(later.startswith(earlier) for earlier, later in itertools.pairwise(pieces))


def _once(text: str) -> str | None:
    """Return the object that the text holds twice or more often, None if it does not."""
    try:
        _, end = _DECODER.raw_decode(text.lstrip())
    except (ValueError, RecursionError):
        return None
    first = text.lstrip()[:end].strip()
    rest = text.lstrip()[end:]
    return first if is_whole(first) and rest.replace(first, "").strip() == "" else None
