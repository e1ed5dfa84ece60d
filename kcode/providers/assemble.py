"""From the bytes of a streamed response to one response: tolerant, and cheap for every chunk.

`Assembler.feed` takes bytes as they come and returns what can be shown; `finish` returns the whole. Nothing
is judged here: leaked markup, names and ids are the business of `repair`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from kcode.arguments import is_whole
from kcode.providers.assemble_calls import Calls, RawCall
from kcode.providers.assemble_lines import LIMIT, Lines, TooLongError
from kcode.providers.assemble_usage import counted, read_usage
from kcode.providers.errors import error_from_payload, model_error
from kcode.types.errors import ModelError
from kcode.types.messages import Repair, Usage
from kcode.types.model import Delta

REASONING_KEYS = ("reasoning_content", "reasoning", "reasoning_text", "thinking")
"""Where servers put a model's reasoning; it goes back under the key it came under."""

_GIVEN_UP = frozenset(
    {"error", "abort", "cancelled", "canceled", "network_error", "insufficient_system_resource"}
)


@dataclass(frozen=True, slots=True)
class Response:
    """One response as the server sent it.

    `finish` is the server's own word, empty if it sent none; `usage` is None if it counted nothing;
    `reasoning_key` names the field that the reasoning came in, empty if there was none.
    """

    text: str
    thinking: str
    calls: tuple[RawCall, ...]
    finish: str
    usage: Usage | None
    reasoning_key: str = ""
    model: str = ""
    repairs: tuple[Repair, ...] = ()


class Assembler:
    """Gathers one response from its bytes."""

    def __init__(self) -> None:
        self._lines = Lines()
        self._calls = Calls()
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._key = ""
        self._finish = ""
        self._model = ""
        self._choice: int | None = None
        self._usage: dict[str, Any] = {}
        self._choice_usage: dict[str, Any] = {}
        self._events = 0
        self._error: ModelError | None = None
        self._mended: list[tuple[str, str]] = []

    @property
    def events(self) -> int:
        """How many events came so far; comments and junk do not count."""
        return self._events

    @property
    def failed(self) -> bool:
        """Whether the server reported an error: nothing more will come."""
        return self._error is not None

    @property
    def done(self) -> bool:
        """Whether the stream's end marker came."""
        return self._lines.done

    @property
    def text(self) -> str:
        """The words so far."""
        return "".join(self._text)

    @property
    def arguments(self) -> str:
        """The arguments of all calls so far."""
        return self._calls.text

    @property
    def usage(self) -> Usage | None:
        """What the server counted so far."""
        return read_usage({**self._choice_usage, **self._usage})

    @property
    def _empty(self) -> bool:
        return not (self._text or self._thinking or self._calls)

    def feed(self, data: bytes) -> list[Delta]:
        """Take in bytes and return what they add, in order."""
        if self._error is not None:
            return []
        try:
            payloads = self._lines.feed(data)
        except TooLongError:
            self._error = _too_long()
            return []
        deltas: list[Delta] = []
        for payload in payloads:
            self._take(payload, deltas)
        return deltas

    def finish(self, *, cut: bool = False) -> Response:
        """Return the whole response.

        Args:
            cut: whether the connection broke; a response is then whole only if it said so itself.

        Raises:
            ModelError: the server reported an error, sent no response, or the response ends too early.
        """
        self._take_rest()
        if self._error is not None:
            raise self._error
        if self._choice is None:
            raise self._no_response(cut=cut)
        calls = self._calls.finish()
        if not self._finish and not self._ended(calls, cut=cut):
            raise ModelError(
                "The response broke off before its end: the connection was closed in the middle of it.",
                kind="broken_stream",
            )
        if self._finish.lower() in _GIVEN_UP:
            raise ModelError(
                f"The server gave up in the middle of the response (finish reason {self._finish!r}).",
                kind="server",
            )
        mended = self._lines.mended + self._mended + self._calls.mended
        if not self._finish:
            mended.append(("no_finish", "" if self._lines.done else "and no end marker"))
        return Response(
            text="".join(self._text),
            thinking="".join(self._thinking),
            calls=tuple(calls),
            finish=self._finish,
            usage=self.usage,
            reasoning_key=self._key,
            model=self._model,
            repairs=tuple(Repair(place="wire", kind=kind, detail=detail) for kind, detail in mended),
        )

    def _ended(self, calls: list[RawCall], *, cut: bool) -> bool:
        if self._lines.done:
            return True
        return not cut and bool(calls) and all(call.name and is_whole(call.arguments) for call in calls)

    def _take_rest(self) -> None:
        if self._error is not None:
            return
        try:
            rest = self._lines.finish()
        except TooLongError:
            self._error = _too_long()
            return
        for payload in rest:
            self._take(payload, [])
        if self._events == 0 and self._lines.body.lstrip().startswith("{"):
            try:
                whole: object = json.loads(self._lines.body, strict=False)
            except (ValueError, RecursionError):
                return
            self._mended.append(("not_streamed", ""))
            self._take(cast("dict[str, Any]", whole), [])

    def _no_response(self, *, cut: bool) -> ModelError:
        body = self._lines.body.strip()
        if body:
            return model_error(200, body)
        if cut or not self._events:
            return ModelError("The server closed the connection without a response.", kind="broken_stream")
        return ModelError("The server sent an empty response.", kind="empty")

    def _take(self, payload: dict[str, Any], deltas: list[Delta]) -> None:
        self._events += 1
        choices = payload.get("choices")
        usage = payload.get("usage")
        if usage and isinstance(usage, dict):
            self._usage.update(counted(cast("dict[str, Any]", usage)))
        if not choices:
            self._error = self._error or error_from_payload(payload)
            return
        if payload.get("error"):
            self._error = error_from_payload(payload)
            return
        if not self._model:
            self._model = str(payload.get("model") or "")
        if type(choices) is not list:
            choices = [choices]
        for choice in cast("list[Any]", choices):
            if type(choice) is dict:
                self._take_choice(cast("dict[str, Any]", choice), deltas)

    def _take_choice(self, choice: dict[str, Any], deltas: list[Delta]) -> None:
        index = choice.get("index") or 0
        if self._choice is None:
            self._choice = index
        elif index != self._choice:
            return
        reason = choice.get("finish_reason")
        if reason and not self._finish:
            self._finish = str(reason)
        usage = choice.get("usage")
        if usage and isinstance(usage, dict):
            self._choice_usage.update(counted(cast("dict[str, Any]", usage)))
        if choice.get("error"):
            self._error = error_from_payload(choice)
            return
        delta = choice.get("delta")
        if not delta and self._empty:
            # A whole message counts only where nothing of it came in pieces.
            delta = choice.get("message")
        if type(delta) is not dict:
            return
        self._take_delta(cast("dict[str, Any]", delta), deltas)

    def _take_delta(self, delta: dict[str, Any], deltas: list[Delta]) -> None:
        given: object = delta.get("content") or delta.get("refusal")
        content = given if isinstance(given, str) else _flat(given, ("text", "output_text")) if given else ""
        thinking = self._reasoning(delta)
        if content or thinking:
            if thinking:
                self._thinking.append(thinking)
            if content:
                self._text.append(content)
            deltas.append(Delta(content, thinking))
        entries = delta.get("tool_calls") or delta.get("function_call")
        if entries:
            for entry in cast("list[Any]", entries if type(entries) is list else [entries]):
                if type(entry) is dict:
                    name = self._calls.add(cast("dict[str, Any]", entry))
                    if name:
                        deltas.append(Delta(call=name))

    def _reasoning(self, delta: Mapping[str, Any]) -> str:
        if self._key:
            text: object = delta.get(self._key)
            if text and isinstance(text, str):
                return text
        for key in REASONING_KEYS:
            text = delta.get(key)
            if text and isinstance(text, str):
                self._key = key
                return text
        if "reasoning_details" in delta:
            words = _flat(delta["reasoning_details"], ("reasoning.text", "reasoning.summary"))
            self._key = self._key or ("reasoning" if words else "")
            return words
        return "" if isinstance(delta.get("content"), str) else _flat(delta.get("content"), ("thinking",))


def _flat(parts: object, types: tuple[str, ...]) -> str:
    """Return the words of content that came as a list of parts."""
    if not isinstance(parts, list):
        return ""
    found: list[str] = []
    for part in cast("list[object]", parts):
        if isinstance(part, str) and "text" in types:
            found.append(part)
        elif isinstance(part, dict):
            fields = cast("dict[str, Any]", part)
            words = fields.get("text") or fields.get("thinking") or fields.get("summary")
            if fields.get("type", "text") in types:
                found.append(words if isinstance(words, str) else _flat(words, ("text",)))
    return "".join(found)


def _too_long() -> ModelError:
    return ModelError(
        f"The server sent a line of more than {LIMIT // 1024**2} MB, which is no sensible response.",
        kind="broken_stream",
    )
