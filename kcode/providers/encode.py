"""From a request to the bytes of its body.

Messages never change and a transcript only grows, so each message is encoded once: a request costs what it
adds, and its body extends that of the one before byte for byte up to the end of the messages.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from pydantic import JsonValue

from kcode.arguments import history_text
from kcode.providers.dialect import Dialect, Target
from kcode.providers.strict import strict
from kcode.providers.tool_schema import narrow
from kcode.types.messages import (
    AssistantMessage,
    ImagePart,
    Message,
    TextPart,
    ToolMessage,
    UserMessage,
    VideoPart,
)
from kcode.types.model import JsonObject, ModelInfo, Request, ToolSpec

_Part: TypeAlias = TextPart | ImagePart | VideoPart

_MARGIN = 4_096
"""Cached messages beyond those of the request: other conversations may share the model."""

_HEADS = 8
"""Pairs of a prompt and its tools that are kept: sub-agents have others."""

_BYTES_PER_TOKEN = 3
"""Low on purpose: the output must fit what is left of the window."""

_LEAST_OUTPUT = 1_024
_NONE = b',"tool_choice":"none"'


@dataclass(frozen=True, slots=True)
class _Encoded:
    """One message on the wire; `weight` is its bytes without media, `after` pictures that follow the results."""

    message: Message
    data: bytes
    weight: int
    after: tuple[JsonObject, ...] = ()


@dataclass(frozen=True, slots=True)
class _Head:
    """What stands before the messages, and the system prompt as the first of them."""

    system: str
    tools: tuple[ToolSpec, ...]
    data: bytes
    opening: tuple[bytes, ...]

    def fits(self, request: Request) -> bool:
        """Whether it was made of the same prompt and the same tools."""
        if self.system != request.system or len(self.tools) != len(request.tools):
            return False
        return all(a is b for a, b in zip(self.tools, request.tools, strict=True))


class Encoder:
    """Encodes the requests of one model in one dialect."""

    def __init__(self, info: ModelInfo, dialect: Dialect, where: Target, session: str = "") -> None:
        """`session` names the conversation to the prompt cache, where the endpoint wants a name."""
        self._info = info
        self._dialect = dialect
        self._where = where
        self._sees = info.images and dialect.media
        self._session = session
        self._messages: dict[int, _Encoded] = {}
        self._call_ids: dict[str, str] = {}
        self._heads: list[_Head] = []

    def body(self, request: Request) -> bytes:
        """Encode a request."""
        head = self._start(request)
        pieces = [*head.opening]
        weight = len(head.data) + sum(map(len, pieces))
        pending: list[JsonObject] = []
        for message in strict(request.messages) if self._dialect.strict else request.messages:
            encoded = self._messages.get(id(message))
            if encoded is None or encoded.message is not message:
                encoded = self._remember(message)
            if pending and not isinstance(message, ToolMessage):
                pieces.append(_dumps({"role": "user", "content": [*pending]}))
                pending = []
            if encoded.data:
                pieces.append(encoded.data)
                weight += encoded.weight
            pending.extend(encoded.after)
        if pending:
            pieces.append(_dumps({"role": "user", "content": [*pending]}))
        self._forget(len(request.messages))
        return b"".join((head.data, b",".join(pieces), b"]", self._end(request, weight), b"}"))

    def _start(self, request: Request) -> _Head:
        """Encode what stays the same as long as the prompt and the tools do."""
        for known in self._heads:
            if known.fits(request):
                return known
        fields: JsonObject = {
            "model": self._info.id,
            "stream": True,
            "stream_options": {"include_usage": True},
            **self._dialect.fields(self._where),
        }
        if self._where.temperature is not None and not self._where.kimi:
            fields["temperature"] = self._where.temperature
        if self._dialect.session_key and self._session:
            fields["prompt_cache_key"] = self._session
        tools = {tool.name: tool for tool in reversed(request.tools) if self._offers(tool.name)}
        if tools:
            fields["tools"] = [self._tool(tool) for tool in reversed(tools.values())]
        for name in self._dialect.without:
            fields.pop(name, None)
        system = (_dumps({"role": "system", "content": request.system}),) if request.system else ()
        head = _Head(request.system, tuple(request.tools), _dumps(fields)[:-1] + b',"messages":[', system)
        self._heads = [head, *self._heads[: _HEADS - 1]]
        return head

    def _end(self, request: Request, weight: int) -> bytes:
        """Encode what follows the messages: the cap of the output, which has to fit into the window."""
        room = max(_LEAST_OUTPUT, self._info.window - weight // _BYTES_PER_TOKEN)
        most = self._dialect.most_output or room
        limit = min(request.max_output or self._info.max_output, room, most)
        choice = (
            b"" if request.calls or not request.tools or "tool_choice" in self._dialect.without else _NONE
        )
        return b'%b,"%b":%d' % (choice, self._dialect.limit_key.encode(), limit)

    def _offers(self, tool: str) -> bool:
        refused = self._dialect.without_tools
        return tool not in refused and not ("mcp__*" in refused and tool.startswith("mcp__"))

    def _tool(self, tool: ToolSpec) -> JsonObject:
        schema = narrow(tool.parameters) if self._dialect.moonshot_schemas else tool.parameters
        function: JsonObject = {"name": tool.name, "description": tool.description, "parameters": schema}
        return {"type": "function", "function": function}

    def _remember(self, message: Message) -> _Encoded:
        match message:
            case UserMessage():
                encoded = self._user(message)
            case AssistantMessage():
                encoded = self._assistant(message)
            case ToolMessage():
                encoded = self._result(message)
        self._messages[id(message)] = encoded
        return encoded

    def _forget(self, used: int) -> None:
        surplus = len(self._messages) - 2 * used - _MARGIN
        if surplus > 0:
            for key in list(self._messages)[:surplus]:
                del self._messages[key]

    def _user(self, message: UserMessage) -> _Encoded:
        content, media = self._content(message.parts)
        return _encoded(message, {"role": "user", "content": content}, media)

    def _result(self, message: ToolMessage) -> _Encoded:
        call_id = self._call_id(message.call_id, message.name)
        pictures = tuple(p for p in message.parts if isinstance(p, ImagePart))
        after: tuple[JsonObject, ...] = ()
        parts: Sequence[_Part] = message.parts
        if pictures and self._sees and not self._dialect.tool_images:
            parts = tuple(p for p in message.parts if not isinstance(p, ImagePart))
            after = (_text(f"The pictures of the result of {message.name}:"), *map(_image, pictures))
        content, media = self._content(parts)
        return _encoded(message, {"role": "tool", "tool_call_id": call_id, "content": content}, media, after)

    def _assistant(self, message: AssistantMessage) -> _Encoded:
        text, calls = message.text, message.tool_calls
        if not text.strip() and not calls:
            # Servers refuse a response without content; it has nothing to say to the model either.
            return _Encoded(message, b"", 0)
        fields: JsonObject = {"role": "assistant"}
        if text or not calls:
            fields["content"] = text
        elif self._dialect.no_text != "omitted":
            fields["content"] = None if self._dialect.no_text == "null" else ""
        fields.update(self._reasoning(message))
        if calls:
            fields["tool_calls"] = [
                {
                    "id": self._call_id(c.id, c.name),
                    "type": "function",
                    "function": {"name": c.name, "arguments": history_text(c.arguments)},
                }
                for c in calls
            ]
        return _encoded(message, fields, 0)

    def _reasoning(self, message: AssistantMessage) -> JsonObject:
        dialect = self._dialect
        if dialect.reasoning == "dropped":
            return {}
        thinking = message.thinking
        came = next((p.key for p in message.parts if p.type == "thinking"), "reasoning_content")
        # A list of details cannot be rebuilt from its text; the servers that send one take the text too.
        key = dialect.reasoning_key or ("reasoning" if came == "reasoning_details" else came)
        wanted = dialect.reasoning == "always" or (dialect.reasoning == "required" and self._info.thinking)
        thinking = thinking or (dialect.reasoning_filler if wanted and message.tool_calls else "")
        return {key: thinking} if thinking or (wanted and message.tool_calls) else {}

    def _call_id(self, call_id: str, name: str) -> str:
        spelt = self._call_ids.get(call_id)
        if spelt is None:
            spelt = self._dialect.call_ids(call_id, name, len(self._call_ids))
            self._call_ids[call_id] = spelt
        return spelt

    def _content(self, parts: Sequence[_Part]) -> tuple[JsonValue, int]:
        """Return a content, a plain string where there are only words, and how many bytes of it are media."""
        pieces: list[JsonObject] = []
        media = 0
        for piece in self._pieces(parts):
            pieces.append(piece)
            if piece["type"] != "text":
                media += len(str(piece))
        if media:
            return [*pieces], media
        return "".join(str(p["text"]) for p in pieces) or "(empty)", 0

    def _pieces(self, parts: Sequence[_Part]) -> Iterator[JsonObject]:
        for part in parts:
            match part:
                case TextPart(text=text):
                    if text:
                        yield _text(text)
                case ImagePart():
                    yield _image(part) if self._sees else self._unseen("picture")
                case VideoPart():
                    seen = self._sees and self._dialect.videos
                    yield _video(part) if seen else self._unseen("video")

    def _unseen(self, kind: str) -> JsonObject:
        return _text(f"[a {kind} was left out: {self._info.id} cannot see it]")


def _text(text: str) -> JsonObject:
    return {"type": "text", "text": text}


def _image(part: ImagePart) -> JsonObject:
    return {"type": "image_url", "image_url": {"url": f"data:{part.media_type};base64,{part.data}"}}


def _video(part: VideoPart) -> JsonObject:
    return {"type": "video_url", "video_url": {"url": f"data:{part.media_type};base64,{part.data}"}}


def _encoded(
    message: Message, fields: JsonObject, media: int, after: tuple[JsonObject, ...] = ()
) -> _Encoded:
    data = _dumps(fields)
    return _Encoded(message, data, len(data) - media, after)


def _dumps(value: Mapping[str, JsonValue]) -> bytes:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:  # half a surrogate pair, which no server can read
        return text.encode("utf-8", "replace")
