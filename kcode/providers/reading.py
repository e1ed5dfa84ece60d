"""Reading a streamed response: everything that has come at once, and a watch on what does not come.

The bytes are read in a task of their own. While a delta is being shown they pile up, and the next look takes
the whole pile: one network read costs one look, however many events it brought.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from kcode.types.errors import ModelError

_TO_THE_END = 0.5
"""Seconds to wait for the end of a body after its end marker: read to its end, a connection can be used again."""


class ByteStream(Protocol):
    """The part of an HTTP response that is read here."""

    def aiter_bytes(self) -> AsyncIterator[bytes]:
        """Return the body as it comes."""
        ...

    async def aclose(self) -> None:
        """Close it; the connection is kept only if the body was read to its end."""
        ...


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to wait: for a connection, for the first event, and from one event to the next.

    A model may think or write a tool's arguments for minutes before anything is sent.
    """

    connect: float = 20.0
    first: float = 300.0
    between: float = 180.0


class Reading:
    """One response that is being read, while it is entered.

    Attributes:
        error: what ended the reading before the end of the body.
        started: whether the server has begun to answer.
    """

    def __init__(self, start: Callable[[], Awaitable[ByteStream]], patience: Patience) -> None:
        """`start` sends the request and returns its response."""
        self.error: Exception | None = None
        self.started = False
        self._start = start
        self._patience = patience
        self._parts: list[bytes] = []
        self._ready = asyncio.Event()
        self._ended = False
        self._heard = False

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._deadline = loop.time() + self._patience.first
        self._task = loop.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and not self._task.done():
            await asyncio.wait({self._task}, timeout=_TO_THE_END)
        if not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=_TO_THE_END)

    async def take(self) -> bytes:
        """Wait for bytes and return all that came; nothing at the end, also where it came by an `error`.

        Raises:
            ModelError: no event came for too long.
        """
        if not self._parts and not self._ended:
            self._ready.clear()
            try:
                async with asyncio.timeout_at(self._deadline):
                    await self._ready.wait()
            except TimeoutError:
                raise self._too_late() from None
        if len(self._parts) == 1:
            return self._parts.pop()
        data = b"".join(self._parts)
        self._parts.clear()
        return data

    def heard(self) -> None:
        """Say that an event came: comments that only keep the line alive do not count."""
        self._heard = True
        self._deadline = asyncio.get_running_loop().time() + self._patience.between

    async def _read(self) -> None:
        try:
            stream = await self._start()
            self.started = True
            try:
                async for part in stream.aiter_bytes():
                    self._parts.append(part)
                    self._ready.set()
            finally:
                await stream.aclose()
        except Exception as error:  # noqa: BLE001 - handed to whoever takes; the HTTP library is not known here
            self.error = error
        finally:
            self._ended = True
            self._ready.set()

    def _too_late(self) -> ModelError:
        if self._heard:
            text = f"The model's response stopped: nothing came for {self._patience.between:.0f} seconds."
        else:
            text = f"The model did not begin to answer within {self._patience.first:.0f} seconds."
        return ModelError(text, kind="timeout")
