"""A model that plays a script: for tests, benchmarks and the demonstration, without a network."""

import inspect
import json
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import replace
from itertools import count
from typing import TypeAlias

from pydantic import JsonValue

from kcode.types.errors import ModelError
from kcode.types.messages import (
    AssistantMessage,
    AssistantPart,
    FinishReason,
    TextPart,
    ThinkingPart,
    ToolCall,
    Usage,
)
from kcode.types.model import Delta, ModelInfo, OnDelta, Request

Answer: TypeAlias = Callable[[Request], AssistantMessage | Awaitable[AssistantMessage]]
"""Reads a request and answers it; may raise a ModelError."""

Step: TypeAlias = AssistantMessage | ModelError | Answer
"""What the script holds for one request."""

_UNKNOWN = ModelInfo("scripted", max_output=8_192, label="Scripted model", vendor="kcode")


def call(name: str, /, *, call_id: str = "", **arguments: JsonValue) -> ToolCall:
    """Write a tool call; without an id it gets one that is unique in the script when it is played."""
    return ToolCall(id=call_id, name=name, arguments=json.dumps(arguments, ensure_ascii=False))


def says(
    text: str = "",
    *calls: ToolCall,
    thinking: str = "",
    finish: FinishReason | None = None,
    usage: Usage | None = None,
) -> AssistantMessage:
    """Write a response; it ends with `tool_calls` where it has some, else with `stop`."""
    parts: list[AssistantPart] = []
    if thinking:
        parts.append(ThinkingPart(text=thinking))
    if text:
        parts.append(TextPart(text=text))
    parts.extend(calls)
    reason: FinishReason = finish or ("tool_calls" if calls else "stop")
    return AssistantMessage(parts=tuple(parts), finish=reason, usage=usage or Usage())


class Script:
    """The steps of a script, played one for each request.

    Steps are drawn as they are needed, so they may come from an endless iterator.
    """

    def __init__(self, steps: Iterable[Step]) -> None:
        self._steps = iter(steps)
        self._played = 0
        self._ids = count(1)

    async def play(self, request: Callable[[], Request]) -> AssistantMessage:
        """Return the response of the next step; `request` is asked for only by a step that reads it.

        Raises:
            ModelError: the step is a failure, or the script has ended.
        """
        step = next(self._steps, None)
        if step is None:
            raise ModelError(
                f"The script has ended: all of its {self._played} steps were played. Add a step.",
                kind="invalid",
            )
        self._played += 1
        if isinstance(step, ModelError):
            raise step
        if not isinstance(step, AssistantMessage):
            answer = step(request())
            step = await answer if inspect.isawaitable(answer) else answer
        return self._named(step)

    def _named(self, message: AssistantMessage) -> AssistantMessage:
        if all(c.id for c in message.tool_calls):
            return message
        parts = tuple(self._with_id(p) for p in message.parts)
        return message.model_copy(update={"parts": parts})

    def _with_id(self, part: AssistantPart) -> AssistantPart:
        if isinstance(part, ToolCall) and not part.id:
            return part.model_copy(update={"id": f"call_{next(self._ids)}"})
        return part


class ScriptedModel:
    """Plays a script in process.

    Attributes:
        requests: what was asked so far, in order.
    """

    def __init__(self, steps: Iterable[Step], *, info: ModelInfo = _UNKNOWN, piece: int = 16) -> None:
        """`piece`: characters in each streamed delta."""
        self.requests: list[Request] = []
        self._script = Script(steps)
        self._info = info
        self._piece = piece

    @property
    def info(self) -> ModelInfo:
        """What is known of it."""
        return self._info

    async def respond(self, request: Request, on_delta: OnDelta) -> AssistantMessage:
        """Play the next step.

        Raises:
            ModelError: the step is a failure, or the script has ended.
        """
        kept = replace(request, messages=tuple(request.messages), tools=tuple(request.tools))
        self.requests.append(kept)
        message = await self._script.play(lambda: kept)
        for delta in deltas(message, self._piece):
            await on_delta(delta)
        return message if message.model else message.model_copy(update={"model": self._info.id})

    async def close(self) -> None:
        """Nothing is held."""


def deltas(message: AssistantMessage, piece: int) -> Iterator[Delta]:
    """Cut a response into the deltas in which a server would have sent it."""
    for part in message.parts:
        match part:
            case TextPart(text=text):
                yield from (Delta(text=text[i : i + piece]) for i in range(0, len(text), piece))
            case ThinkingPart(text=text):
                yield from (Delta(thinking=text[i : i + piece]) for i in range(0, len(text), piece))
            case ToolCall(name=name):
                yield Delta(call=name)
