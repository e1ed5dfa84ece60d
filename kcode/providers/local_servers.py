"""Finding a model server that already runs on this machine.

Only `GET /models` is asked, without a key, at the ports where such servers usually listen.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from kcode.providers import catalog
from kcode.types.model import ModelInfo

_USUAL: tuple[tuple[str, int], ...] = (
    ("Ollama", 11434),
    ("LM Studio", 1234),
    ("llama.cpp", 8080),
    ("vLLM", 8000),
)


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A server that answers, and what it offers."""

    name: str
    base_url: str
    models: tuple[ModelInfo, ...]


async def find_local_servers(
    places: tuple[tuple[str, int], ...] = _USUAL, *, within: float = 0.2
) -> list[LocalServer]:
    """Return the servers that answer within `within` seconds, in the order of `places` (name, port)."""
    found = await asyncio.gather(*(_ask(name, port, within) for name, port in places))
    return [server for server in found if server is not None]


async def _ask(name: str, port: int, within: float) -> LocalServer | None:
    try:
        async with asyncio.timeout(within):
            answer = await _get(port)
        rows = _rows(answer)
    except (OSError, ValueError, TimeoutError, EOFError, asyncio.LimitOverrunError):
        return None
    if not rows:
        return None
    base_url = f"http://127.0.0.1:{port}/v1"
    return LocalServer(name, base_url, tuple(catalog.listed(row, base_url) for row in rows))


async def _get(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            return b""
        if b"\r\ntransfer-encoding: chunked" in head:
            return b"".join([chunk async for chunk in _chunks(reader)])
        length = re.search(rb"\r\ncontent-length: *(\d+)", head)
        return await (reader.readexactly(int(length.group(1))) if length else reader.read())
    finally:
        writer.close()


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        yield await reader.readexactly(size)
        await reader.readuntil(b"\r\n")


def _rows(answer: bytes) -> list[Mapping[str, Any]]:
    value: object = json.loads(answer or b"null")
    rows: object = cast("Mapping[str, Any]", value).get("data") if isinstance(value, dict) else None
    if not isinstance(rows, list):
        return []
    return [
        cast("Mapping[str, Any]", r) for r in cast("list[object]", rows) if isinstance(r, dict) and "id" in r
    ]
