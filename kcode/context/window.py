"""The context of one agent: what the next request carries, and what must happen for it to fit."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from pydantic import JsonValue

from kcode.context import tokens
from kcode.context.budget import Budget, budget
from kcode.context.compact import INSTRUCTION, head_end, kept_users, without_model
from kcode.context.project import Projection
from kcode.context.trim import hideable
from kcode.types.errors import ModelError
from kcode.types.events import Compacted, ContextTrimmed, Event
from kcode.types.messages import AssistantMessage, TextPart, UserMessage
from kcode.types.model import JsonObject, ModelInfo, Request
from kcode.types.state import State

Emit: TypeAlias = Callable[[Event], Awaitable[None]]
Respond: TypeAlias = Callable[[Request], Awaitable[AssistantMessage]]


class ContextWindow:
    """Keeps requests within the window: hides old tool results first, summarises when that is not enough."""

    def __init__(self, *, agent: str = "main", auto: bool = True) -> None:
        self._agent = agent
        self._auto = auto
        self._projection = Projection()
        self._count = tokens.TokenCount()
        self._window: int | None = None

    async def make_room(
        self, state: State, model: ModelInfo, emit: Emit, respond: Respond, *, overflow: ModelError | None
    ) -> None:
        """Hide and summarise until the next request fits.

        Raises:
            ModelError: (context_overflow) it does not fit, whatever is hidden.
        """
        if overflow is not None:
            self._window = overflow.window or int(0.85 * (self._window or model.window))
        room = budget(model, window=self._window)
        used = self.estimate(state)
        if used <= room.soft and overflow is None:
            return
        used = await self._trim(state, room, used, emit)
        if self._auto and used > (room.low if overflow else room.summarise):
            used = await self._summarise(state, room, emit, respond)
        if used > room.limit:
            raise ModelError(
                f"The conversation needs about {used:,} tokens and the model takes {room.limit:,}. "
                "Start anew with /clear, or choose a model with a larger window (/model).",
                kind="context_overflow",
            )

    def request(self, state: State, model: ModelInfo) -> Request:
        """Return the next request."""
        room = budget(model, window=self._window)
        return Request(state.system, self._projection.view(state), state.tools, max_output=room.output)

    def estimate(self, state: State) -> int:
        """Estimate the tokens of the next request: what the server last counted, and what came since."""
        newer = 0
        for position in range(len(state.transcript) - 1, state.reshaped - 1, -1):
            message = state.transcript[position]
            if isinstance(message, AssistantMessage) and message.usage.input:
                return message.usage.input + message.usage.output + newer
            newer += self._count.one(message)
        return self._whole(state)

    async def compact(
        self,
        state: State,
        model: ModelInfo,
        emit: Emit,
        respond: Respond,
        *,
        focus: str,
        fast: bool,
    ) -> tuple[int, int]:
        """Summarise now; returns the tokens before and after."""
        before = self.estimate(state)
        room = budget(model, window=self._window)
        after = await self._summarise(state, room, emit, respond, focus=focus, fast=fast, manual=True)
        return before, after

    def report(self, state: State, model: ModelInfo) -> JsonObject:
        """Say what fills the window, in tokens."""
        room = budget(model, window=self._window)
        view = self._projection.view(state)
        kinds: dict[str, int] = {}
        for message in view:
            kinds[tokens.kind_of(message)] = kinds.get(tokens.kind_of(message), 0) + self._count.one(message)
        used = self.estimate(state)
        messages: dict[str, JsonValue] = dict(kinds)
        return {
            "window": self._window or model.window,
            "limit": room.limit,
            "used": used,
            "percent": round(100 * used / room.limit, 1),
            "system": tokens.of_text(state.system),
            "tools": tokens.of_tools(state.tools),
            "messages": messages,
            "free": max(0, room.limit - used),
            "trim_at": room.soft,
        }

    def _whole(self, state: State) -> int:
        fixed = tokens.of_text(state.system) + tokens.of_tools(state.tools)
        return fixed + self._count.of(self._projection.view(state))

    async def _trim(self, state: State, room: Budget, used: int, emit: Emit) -> int:
        hidden = hideable(state, self._count, free=used - room.low, steps=room.steps)
        if not hidden:
            return used
        ids = {h.call_id for h in hidden}
        before = {m.call_id: m for m in state.transcript if m.role == "tool" and m.call_id in ids}
        freed = sum(self._count.one(m) for m in before.values())
        freed -= sum(tokens.of_text(h.placeholder) + tokens.PER_MESSAGE for h in hidden)
        event = ContextTrimmed(
            agent=self._agent, hidden=hidden, tokens_before=used, tokens_after=max(0, used - freed)
        )
        await emit(event)
        return used - freed

    async def _summarise(
        self,
        state: State,
        room: Budget,
        emit: Emit,
        respond: Respond,
        *,
        focus: str = "",
        fast: bool = False,
        manual: bool = False,
    ) -> int:
        before = self.estimate(state)
        end = head_end(state, room.steps)
        start = state.compacted.upto if state.compacted else 0
        if end <= start:
            end = len(state.transcript)
        summary = "" if fast else await self._ask(state, room, respond, focus)
        event = Compacted(
            agent=self._agent,
            upto=end,
            summary=summary or without_model(state.transcript[start:end]),
            keep=kept_users(state, end, self._count),
            trigger="manual" if manual else "auto",
            fallback=not summary,
            tokens_before=before,
        )
        await emit(event)
        return self._whole(state)

    async def _ask(self, state: State, room: Budget, respond: Respond, focus: str) -> str:
        instruction = INSTRUCTION + (f"\nThe user asks you to keep above all: {focus}" if focus else "")
        ask = UserMessage(parts=(TextPart(text=instruction),), origin="harness")
        request = Request(
            state.system,
            [*self._projection.view(state), ask],
            state.tools,
            max_output=min(8_000, room.output),
        )
        try:
            return (await respond(request)).text.strip()
        except ModelError:
            return ""
