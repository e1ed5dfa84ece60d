"""Lines of JSON on this process's stdin and stdout, which belong to the protocol alone.

Two threads do the reading and writing. Unlike the event loop's own pipes they work with whatever an editor has
connected (pipes, sockets, files), and leave its ends in blocking mode.
"""

import asyncio
import json
import os
import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final, TypeAlias, cast

JsonMessage: TypeAlias = dict[str, Any]

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
_CHUNK = 1 << 20
_FULL = 8 << 20
"""Bytes that wait for the editor to read before whoever sends is made to wait too."""
_FLUSH_SECONDS = 2.0


def take_over() -> tuple[int, int]:
    """Keep stdin and stdout for the protocol; returns their new descriptors, which no child inherits.

    From here on a stray print, here or in a child, lands on stderr, and nobody else can read the editor's words.
    """
    source, sink = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    try:
        os.dup2(2, 1)
    except OSError:
        os.dup2(null, 1)
    os.close(null)
    sys.stdout = sys.stderr
    return source, sink


class Lines:
    """The transport of a connection: one JSON object a line, see `acp.connection.Connection`.

    Attributes:
        watch: sees every message before it is answered.
    """

    def __init__(self, source: int, sink: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._source = source
        self._sink = sink
        self._arrived: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._leaving: SimpleQueue[bytes | None] = SimpleQueue()
        self._again: list[JsonMessage | None] = []
        self._waiting = 0
        self.watch: Callable[[JsonMessage], None] = lambda _: None
        self._room = asyncio.Event()
        self._room.set()
        self._broken = False
        self._writer = threading.Thread(target=self._write, name="acp-out", daemon=True)
        self._writer.start()
        threading.Thread(target=self._read, name="acp-in", daemon=True).start()

    async def receive(self) -> JsonMessage | None:
        """Return the next message, None at the end; what is no message is answered here."""
        if self._again:
            return self._again.pop()
        while True:
            line = await self._arrived.get()
            if line is None:
                return None
            if not line.strip():
                continue
            message = self._parsed(line)
            if message is not None:
                self.watch(message)
                return message

    def unread(self, message: JsonMessage | None) -> None:
        """Let `receive` return a message once more."""
        self._again.append(message)

    async def send(self, message: JsonMessage) -> None:
        """Send a message: in the order of calls, whether or not they are awaited together."""
        self._put(message)
        await self._room.wait()

    async def close(self) -> None:
        """Send what is left, unless the editor does not read it."""
        self._leaving.put(None)
        await asyncio.to_thread(self._writer.join, _FLUSH_SECONDS)

    def _put(self, message: JsonMessage) -> None:
        if self._broken:
            raise ConnectionError("the editor reads no more")
        data = _encoded(message)
        self._waiting += len(data)
        if self._waiting > _FULL:
            self._room.clear()
        self._leaving.put(data)

    def _parsed(self, line: bytes) -> JsonMessage | None:
        try:
            found: object = json.loads(line)
        except (ValueError, RecursionError) as error:
            self._refuse(None, PARSE_ERROR, f"This line is not JSON: {error}")
            return None
        message = cast("JsonMessage", found) if isinstance(found, dict) else {}
        key = message.get("id")
        known = key is None or isinstance(key, int | str)
        if "method" in message:
            if isinstance(message["method"], str) and known:
                return message
        elif known and ("result" in message or isinstance(message.get("error"), dict)):
            return message
        self._refuse(
            key if known else None,
            INVALID_REQUEST,
            "A message is one JSON-RPC 2.0 object; batches are not taken.",
        )
        return None

    def _refuse(self, key: object, code: int, words: str) -> None:
        if not self._broken:
            self._put({"jsonrpc": "2.0", "id": key, "error": {"code": code, "message": words}})

    def _read(self) -> None:
        parts: list[bytes] = []
        while True:
            try:
                data = os.read(self._source, _CHUNK)
            except OSError:
                data = b""
            if not data:
                break
            *lines, rest = data.split(b"\n")
            for line in lines:
                self._call(self._arrived.put_nowait, b"".join([*parts, line]))
                parts = []
            if rest:
                parts.append(rest)
        if parts:
            self._call(self._arrived.put_nowait, b"".join(parts))
        self._call(self._arrived.put_nowait, None)

    def _write(self) -> None:
        while (data := self._leaving.get()) is not None:
            view = memoryview(data)
            try:
                while view:
                    view = view[os.write(self._sink, view) :]
            except OSError:
                self._call(self._lost)
                return
            self._call(self._sent, len(data))

    def _sent(self, size: int) -> None:
        self._waiting -= size
        if self._waiting <= _FULL:
            self._room.set()

    def _lost(self) -> None:
        """Nobody reads any more: the same as the end of stdin."""
        self._broken = True
        self._room.set()
        self._arrived.put_nowait(None)

    def _call(self, function: Any, *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            # The loop has ended, and with it whoever would listen.
            return


def _encoded(message: JsonMessage) -> bytes:
    """Write a message; unpaired surrogates and NaN, which no strict reader takes, are replaced."""
    try:
        text = json.dumps(message, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError:
        plain = json.loads(json.dumps(message), parse_constant=lambda _: None)
        text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace") + b"\n"
