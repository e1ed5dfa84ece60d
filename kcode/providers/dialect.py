"""How one family of endpoints departs from the plain chat API: data, and pure functions."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from kcode.registry import load_all
from kcode.types.connection import Connection
from kcode.types.model import JsonObject

CallId: TypeAlias = Callable[[str, str, int], str]
"""Spells the id of a tool call on the wire, from its id, its tool's name and its place in the conversation."""

_PLAIN = "compatible"
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(frozen=True, slots=True)
class Target:
    """What a dialect is chosen by: the host, the path below it and the model id, all in lower case."""

    host: str
    path: str
    model: str
    temperature: float | None = None
    effort: str = ""
    """What the settings ask for: they play no part in the choice. `effort` is off, low, medium, high, max or empty."""

    @property
    def kimi(self) -> bool:
        """Whether the model is one of Moonshot's, wherever it is served."""
        return "kimi" in self.model or "moonshot" in self.model


def kept(call_id: str, _name: str, _index: int) -> str:
    """Send ids back as they came."""
    return call_id


def plain(call_id: str, _name: str, _index: int) -> str:
    """Send ids with letters, digits, `_` and `-` only, 64 at most: what the strictest servers take."""
    return _UNSAFE.sub("_", call_id)[-64:]


def indexed(_call_id: str, name: str, index: int) -> str:
    """Send `functions.NAME:INDEX`: Kimi models read the id, and stop calling tools when it looks foreign."""
    return f"functions.{name}:{index}"


def _nothing(_target: Target) -> JsonObject:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Every departure has a field; the defaults suit most servers.

    Attributes:
        name: the name of its module.
        matches: whether an endpoint speaks it.
        rank: dialects of a higher rank are asked first.
        no_text: what stands for the content of a response that has tool calls and no words.
        call_ids: how ids of tool calls are spelt.
        reasoning: whether earlier thinking goes back: "always" and, for models that think, "required" send an
            empty one with every response that has tool calls but no thinking, "echoed" what there was,
            "dropped" nothing.
        reasoning_key: the field it goes back under; empty for the one it came under.
        reasoning_filler: what stands for thinking that has to be there and is not.
        limit_key: the field that caps the output.
        fields: further fields of the request, by target.
        session_key: whether the session is named to the prompt cache.
        moonshot_schemas: whether tool schemas are narrowed to Moonshot's subset.
        tool_images: whether a tool result may hold a picture; otherwise a user message after it does.
        media: whether pictures are sent to models that can see.
        videos: whether videos are, too.
        most_output: the largest cap of the output that the server allows; 0 where it named none.
        without: fields that the server refused and that are no longer sent.
        without_tools: tools that the server refused and that are no longer offered; `mcp__*` stands for all of
            MCP servers.
        strict: whether the conversation is put into the strictest form first.
    """

    name: str
    matches: Callable[[Target], bool]
    rank: int = 0
    no_text: Literal["omitted", "null", "empty"] = "null"
    call_ids: CallId = plain
    reasoning: Literal["always", "required", "echoed", "dropped"] = "echoed"
    reasoning_key: str = ""
    reasoning_filler: str = ""
    limit_key: str = "max_completion_tokens"
    fields: Callable[[Target], JsonObject] = _nothing
    session_key: bool = False
    moonshot_schemas: bool = False
    tool_images: bool = False
    media: bool = True
    videos: bool = False
    most_output: int = 0
    without: frozenset[str] = field(default_factory=frozenset[str])
    without_tools: frozenset[str] = field(default_factory=frozenset[str])
    strict: bool = False


def target(connection: Connection, model: str = "") -> Target:
    """Say what is asked where."""
    url = urlsplit(connection.base_url)
    return Target(
        (url.hostname or "").lower(),
        url.path.lower(),
        (model or connection.model).lower(),
        connection.temperature,
        connection.effort,
    )


def choose(where: Target) -> Dialect:
    """Return the dialect that an endpoint speaks."""
    known = load_all("kcode.providers.dialects", "DIALECT", Dialect)
    ranked = sorted(known.values(), key=lambda d: -d.rank)
    return next((d for d in ranked if d.matches(where)), known[_PLAIN])


def on_host(where: Target, *domains: str) -> bool:
    """Whether a host is one of these domains or lies below one."""
    return any(where.host == d or where.host.endswith(f".{d}") for d in domains)
