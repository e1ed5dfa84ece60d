"""Chat completions over an OpenAI-compatible endpoint.

The openai package brings the client, its pool and its errors. Bodies are ready bytes and responses are read as
raw bytes: its request transform costs time for every message of the history, its stream models for every chunk.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from kcode.arguments import nearest
from kcode.providers import catalog
from kcode.providers.adapt import Change, adapt
from kcode.providers.client import Client, preload
from kcode.providers.dialect import Dialect, choose, target
from kcode.providers.encode import Encoder
from kcode.providers.gate import Gate
from kcode.providers.profile import Profile, departures
from kcode.providers.reading import Patience, Reading
from kcode.providers.reply import Reply
from kcode.types.connection import Connection
from kcode.types.errors import ModelError
from kcode.types.messages import AssistantMessage, Repair, ThinkingPart, Usage
from kcode.types.model import Delta, JsonObject, ModelInfo, OnDelta, Request

__all__ = ["Hooks", "OpenAIChat", "preload"]

_LESSONS = 6
"""How often a refused request is changed and sent once more."""

_EMPTIES = 2
"""How many empty responses in a row are failures."""

_LISTING = 30.0
"""Seconds for the list of models."""


def _unkept(_fields: JsonObject, _window: int) -> None:
    return


def _nowhere(_body: bytes) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What happens with what a model's requests taught.

    Attributes:
        learnt: keeps the departures from the endpoint's dialect and the window, 0 where none was learnt.
        dump: stores a request that was refused for good; returns where, empty if nowhere.
    """

    learnt: Callable[[JsonObject, int], None] = _unkept
    dump: Callable[[bytes], str] = _nowhere


class OpenAIChat:
    """A model behind an OpenAI-compatible endpoint.

    Attributes:
        hooks: what happens with what is learnt; may be set before the first request.
    """

    def __init__(
        self,
        connection: Connection,
        info: ModelInfo,
        dialect: Dialect | None = None,
        *,
        session: str = "",
        patience: Patience | None = None,
        ca_file: str = "",
    ) -> None:
        """Send nothing yet.

        Args:
            connection: where is asked, with which key.
            info: what is known of the model.
            dialect: how the endpoint is spoken to; None chooses by its address and the model.
            session: a name of the conversation for the prompt cache, where the endpoint wants one.
            patience: how long to wait.
            ca_file: certificates to trust instead of the system's.
        """
        self.hooks = Hooks()
        self._connection = connection
        self._info = info
        self._session = session
        self._patience = patience or Patience()
        self._client = Client(connection, connect=self._patience.connect, ca_file=ca_file)
        self._gate = Gate()
        self._empties = 0
        self._base = dialect or choose(target(connection, info.id))
        self._use(self._base)

    @property
    def info(self) -> ModelInfo:
        """What is known of it."""
        return self._info

    @property
    def dialect(self) -> Dialect:
        """The dialect that is spoken, with what was learnt from refusals."""
        return self._dialect

    def become(self, info: ModelInfo) -> None:
        """Speak to another model of the same endpoint, over the same connection."""
        self._info = info
        self._base = choose(target(self._connection, info.id))
        self._use(self._base)

    def recall(self, profile: Profile) -> None:
        """Begin with what was learnt earlier."""
        self._info = profile.info(self._info)
        self._use(profile.dialect(self._base))

    async def respond(self, request: Request, on_delta: OnDelta) -> AssistantMessage:
        """Return one response, having shown its pieces as they came.

        What the server refuses is left out or spelt otherwise, and not sent again. While the account allows no
        further request at the same time, this one waits.

        Raises:
            ModelError: the request failed; nothing of the response counts.
        """
        changes: list[Change] = []
        while True:
            try:
                async with self._gate:
                    message = await self._ask(request, on_delta)
            except ModelError as error:
                change = adapt(self._dialect, error, changes) if len(changes) < _LESSONS else None
                if change is None:
                    raise await self._final(error, request, changes) from error
                changes.append(change)
                self._use(change.dialect)
            else:
                return self._taught(message, changes)

    async def models(self) -> Sequence[Mapping[str, Any]]:
        """Return the rows of GET /models.

        Raises:
            ModelError: there is no such list, or it cannot be had.
        """
        client = await self._client.opened()
        try:
            async with asyncio.timeout(_LISTING):
                found: object = await client.get("/models", cast_to=object)
        except Exception as error:
            raise self._client.translated(error) from error
        rows: object = cast("Mapping[str, Any]", found).get("data") if isinstance(found, dict) else found
        if not isinstance(rows, list):
            raise ModelError("The list of models has a form that is not known.", kind="not_found")
        return [cast("Mapping[str, Any]", r) for r in cast("list[object]", rows) if isinstance(r, dict)]

    async def close(self) -> None:
        """Release its connections."""
        await self._client.close()

    def _use(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._encoder = Encoder(self._info, dialect, target(self._connection, self._info.id), self._session)

    async def _ask(self, request: Request, on_delta: OnDelta) -> AssistantMessage:
        body = self._encoder.body(request)
        reply = Reply(request.tools, model=self._info.id, wanted=request.calls)
        events = 0
        async with Reading(lambda: self._client.post(body), self._patience) as reading:
            while data := await reading.take():
                for delta in _merged(reply.feed(data)):
                    await on_delta(delta)
                if reply.events != events:
                    events = reply.events
                    reading.heard()
                if reply.done:
                    break
        error = reading.error
        if error is not None and not reading.started:
            raise self._client.translated(error) from error
        try:
            message, rest = reply.finish(cut=error is not None)
        except ModelError as failed:
            excused = self._excused(failed, reply.usage)
            if excused is None:
                failed.unshown = reply.arguments
                failed.usage = self._priced(reply.usage) if reply.usage else None
                raise failed from error
            return excused
        self._empties = 0
        for delta in _merged(rest):
            await on_delta(delta)
        self._hear(message)
        return message.model_copy(update={"usage": self._priced(message.usage)})

    def _hear(self, message: AssistantMessage) -> None:
        """Learn under which key this endpoint sends thinking: all of it goes back under that one."""
        came = next((p.key for p in message.parts if isinstance(p, ThinkingPart)), "")
        key = "reasoning" if came == "reasoning_details" else came
        if key and not self._dialect.reasoning_key:
            self._use(replace(self._dialect, reasoning_key=key))
            self._keep()

    def _taught(self, message: AssistantMessage, changes: Sequence[Change]) -> AssistantMessage:
        """Keep what the refusals before a response taught, and say so in the message."""
        if not changes:
            return message
        self._keep()
        repairs = tuple(Repair(place="wire", kind="refused", detail=change.words) for change in changes)
        return message.model_copy(update={"repairs": (*repairs, *message.repairs)})

    async def _final(self, error: ModelError, request: Request, changes: Sequence[Change]) -> ModelError:
        """Say more about a failure that no change of the request mends."""
        self._client.hush(error)
        if error.kind == "context_overflow" and error.window and error.window < self._info.window:
            self._info = replace(self._info, window=error.window)
            self._use(self._dialect)
            self._keep()
        if error.kind == "not_found":
            return await self._suggesting(error)
        if error.kind == "invalid" and changes:
            place = self.hooks.dump(self._encoder.body(request))
            words = f"{error} It was sent in {len(changes) + 1} forms; none is accepted."
            return ModelError(
                f"{words} The request is kept in {place}." if place else words,
                kind=error.kind,
                status=error.status,
            )
        return error

    async def _suggesting(self, error: ModelError) -> ModelError:
        """Name the models that the endpoint does have."""
        try:
            offered = [str(row.get("id")) for row in await self.models()]
        except ModelError:
            return error
        if not offered or self._info.id in offered:
            return error
        near = nearest(self._info.id, offered)
        hint = f"Did you mean {near[0]}?" if near else f"It offers {', '.join(offered[:12])}."
        return ModelError(
            f"{error} {hint} Change it with /model or --model.", kind=error.kind, status=error.status
        )

    def _keep(self) -> None:
        known = catalog.lookup(self._info.id, self._connection.base_url)
        window = self._info.window if self._info.window != known.window else 0
        self.hooks.learnt(departures(self._dialect, self._base), window)

    def _excused(self, error: ModelError, usage: Usage | None) -> AssistantMessage | None:
        """Take an empty response for what it is, once asking again has not helped; None for a failure."""
        if error.kind != "empty" or self._empties < _EMPTIES:
            self._empties += error.kind == "empty"
            return None
        self._empties = 0
        counted = self._priced(usage) if usage else Usage(estimated=True)
        return AssistantMessage(parts=(), model=self._info.id, usage=counted)

    def _priced(self, usage: Usage) -> Usage:
        cost = None if usage.estimated else catalog.cost(usage, self._info.price)
        return usage.model_copy(update={"cost": cost})


def _merged(deltas: Sequence[Delta]) -> Iterator[Delta]:
    """Join what came together, as long as showing thinking, text and call in this order keeps the order."""
    thinking: list[str] = []
    text: list[str] = []
    for delta in deltas:
        if delta.thinking and text:
            yield Delta("".join(text), "".join(thinking))
            thinking, text = [], []
        if delta.thinking:
            thinking.append(delta.thinking)
        if delta.text:
            text.append(delta.text)
        if delta.call:
            yield Delta("".join(text), "".join(thinking), delta.call)
            thinking, text = [], []
    if thinking or text:
        yield Delta("".join(text), "".join(thinking))
