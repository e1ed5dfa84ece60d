"""The HTTP side of the scripted server: connections, requests, timing."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from typing_extensions import override

from kcode.providers.scripted_wire import Wire, events
from kcode.types.messages import AssistantMessage

_AT_ONCE = 65_536


@dataclass(slots=True)
class Recorded:
    """One request; times are seconds on the monotonic clock.

    `gap` is the client's own time: from the last byte of the answer before to the first byte of this request.
    """

    path: str
    headers: dict[str, str]
    size: int
    connection: int
    began: float
    gap: float | None
    body: bytes = b""
    answered: float = 0.0
    status: int = 0
    gone: bool = False
    received: float = 0.0

    @property
    def own(self) -> float:
        """The server's share: from the last byte of the request to the last one of the answer, pauses too."""
        return self.answered - self.received

    def json(self) -> dict[str, Any]:
        """Read the body."""
        return json.loads(self.body)


@dataclass(slots=True)
class Pace:
    """How answers are sent.

    Attributes:
        piece: characters of text in each event.
        chunk_bytes: bytes in each chunk of the body; 0 for one event in each.
        delay: seconds between chunks.
    """

    piece: int = 16
    chunk_bytes: int = 0
    delay: float = 0.0


@dataclass(slots=True)
class Stats:
    """What was seen so far."""

    connections: int = 0
    requests: list[Recorded] = field(default_factory=list[Recorded])
    last_answer: float | None = None
    last_activity: float = field(default_factory=time.monotonic)

    def summary(self) -> dict[str, Any]:
        """Return it as JSON, times in milliseconds."""
        rows = [
            {
                "path": r.path,
                "connection": r.connection,
                "bytes": r.size,
                "status": r.status,
                "gap_ms": None if r.gap is None else round(r.gap * 1000, 3),
                "own_ms": round(r.own * 1000, 3),
                "gone": r.gone,
            }
            for r in self.requests
        ]
        return {"connections": self.connections, "requests": rows}


@dataclass(slots=True)
class Served:
    """What the connections of a server share: `answer` plays the next step for the body of a request."""

    answer: Callable[[bytes], Awaitable[AssistantMessage | Wire]]
    model: str
    models: list[dict[str, Any]]
    pace: Pace
    keep: bool
    stats: Stats = field(default_factory=Stats)
    transports: set[asyncio.Transport] = field(default_factory=set[asyncio.Transport])


class Connection(asyncio.Protocol):
    """One connection: requests one after the other."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._inbox = bytearray()
        self._began: float | None = None
        self._task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._transport: asyncio.Transport
        self._number = 0
        self._head: tuple[str, dict[str, str], int] | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it."""
        self._transport = cast("asyncio.Transport", transport)
        self._served.transports.add(self._transport)
        self._served.stats.connections += 1
        self._number = self._served.stats.connections

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """Stop answering."""
        self._served.transports.discard(self._transport)
        if self._task is not None:
            self._task.cancel()

    @override
    def pause_writing(self) -> None:
        """Wait for the client to read."""
        self._writable.clear()

    @override
    def resume_writing(self) -> None:
        """Go on writing."""
        self._writable.set()

    @override
    def data_received(self, data: bytes) -> None:
        """Gather a request."""
        if self._began is None:
            self._began = time.monotonic()
        self._inbox += data
        self._next()

    def _next(self) -> None:
        """Start to answer, once a request has come in whole."""
        if self._task is not None:
            return
        if self._head is None:
            end = self._inbox.find(b"\r\n\r\n")
            if end < 0:
                return
            lines = self._inbox[:end].decode("latin-1").split("\r\n")
            headers = {
                k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])
            }
            self._head = (lines[0].split(" ")[1], headers, end + 4)
        path, headers, start = self._head
        length = int(headers.get("content-length", "0"))
        if len(self._inbox) < start + length:
            return
        body = bytes(memoryview(self._inbox)[start : start + length])
        self._inbox = self._inbox[start + length :]
        self._head = None
        self._take(path, headers, body)

    def _take(self, path: str, headers: dict[str, str], body: bytes) -> None:
        stats = self._served.stats
        began = self._began or time.monotonic()
        gap = None if stats.last_answer is None else began - stats.last_answer
        seen = Recorded(
            path, headers, len(body), self._number, began, gap, body if self._served.keep else b""
        )
        self._began = None
        seen.received = stats.last_activity = time.monotonic()
        stats.requests.append(seen)
        self._task = asyncio.get_running_loop().create_task(self._serve(seen, body))

    async def _serve(self, seen: Recorded, body: bytes) -> None:
        try:
            await self._respond(seen, body)
        except asyncio.CancelledError:
            seen.gone = True
        finally:
            stats = self._served.stats
            seen.answered = stats.last_answer = stats.last_activity = time.monotonic()
            self._task = None
        if self._inbox:
            self._next()

    async def _respond(self, seen: Recorded, body: bytes) -> None:
        served = self._served
        if seen.path == "/v1/models":
            listed = json.dumps({"object": "list", "data": served.models}).encode()
            await self._send(seen, Wire([listed], headers={"content-type": "application/json"}))
        elif not seen.path.endswith("/chat/completions"):
            await self._send(seen, Wire([b'{"error": {"message": "no such path"}}'], 404))
        else:
            answer = await served.answer(body)
            if isinstance(answer, AssistantMessage):
                tokens = len(body) // 4
                pieces = events(answer, model=served.model, prompt_tokens=tokens, piece=served.pace.piece)
                answer = Wire(_cut(pieces, served.pace))  # pyright: ignore[reportArgumentType] - read once
            await self._send(seen, answer)

    async def _send(self, seen: Recorded, answer: Wire) -> None:
        seen.status = answer.status
        if not answer.status:
            self._transport.abort()
            return
        head = [f"HTTP/1.1 {answer.status} Scripted", *(f"{k}: {v}" for k, v in answer.headers.items())]
        out = bytearray("\r\n".join([*head, "transfer-encoding: chunked", "\r\n"]).encode("latin-1"))
        for piece in answer.body:
            if isinstance(piece, bytes):
                out += b"%x\r\n%b\r\n" % (len(piece), piece)
            if len(out) >= _AT_ONCE or not isinstance(piece, bytes):
                await self._write(out)
                out = bytearray()
            if not isinstance(piece, bytes):
                await asyncio.sleep(piece)
        if answer.end == "clean":
            out += b"0\r\n\r\n"
        await self._write(out)
        if answer.end == "cut":
            self._transport.close()
        elif answer.end == "hang":
            await asyncio.Event().wait()

    async def _write(self, data: bytearray) -> None:
        if data:
            self._transport.write(bytes(data))
            await self._writable.wait()


def _cut(pieces: Iterable[bytes], pace: Pace) -> Iterator[bytes | float]:
    """Cut a stream into the chunks of its body, with pauses between them."""
    if pace.chunk_bytes:
        whole = b"".join(pieces)
        pieces = (whole[i : i + pace.chunk_bytes] for i in range(0, len(whole), pace.chunk_bytes))
    for piece in pieces:
        yield piece
        if pace.delay:
            yield pace.delay
