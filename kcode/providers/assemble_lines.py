"""Bytes of a server-sent event stream to the JSON payloads in it, whatever stands between them."""

import json
from typing import Any, cast

LIMIT = 16 * 1024 * 1024
"""The longest line in bytes, and the most that is kept of a body that is no event stream."""

_DECODER = json.JSONDecoder(strict=False)
_BOM = b"\xef\xbb\xbf"


class TooLongError(Exception):
    """A line is longer than the limit."""


class Lines:
    """Splits bytes into payloads.

    Attributes:
        done: whether the stream's end marker came.
        mended: what had to be mended, each as (kind, detail).
    """

    def __init__(self) -> None:
        self.done = False
        self.mended: list[tuple[str, str]] = []
        self._tail: list[bytes] = []
        self._size = 0
        self._start = True
        self._junk: list[str] = []
        self._junk_size = 0
        self._partial = ""

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """Return the payloads that are complete now.

        Raises:
            TooLongError: a line exceeds the limit.
        """
        if self._start:
            data = self._without_mark(data)
        if b"\r" in data or (self._tail and self._tail[-1].endswith(b"\r")):
            data = self._without_returns(data)
        if b"\n" not in data:
            self._keep(data)
            return []
        if self._tail:
            data = b"".join((*self._tail, data))
            self._tail.clear()
        lines = data.split(b"\n")
        self._size = 0
        self._keep(lines.pop())
        payloads: list[dict[str, Any]] = []
        for line in lines:
            payload = self._payload(line)
            if payload is not None:
                payloads.append(payload)
        return payloads

    def finish(self) -> list[dict[str, Any]]:
        """Return the payload of an unfinished last line, if there is one."""
        return self.feed(b"\n\n") if self._tail else []

    @property
    def body(self) -> str:
        """What came that is no event stream, as one text."""
        return "\n".join(self._junk)

    def _without_mark(self, data: bytes) -> bytes:
        data = b"".join((*self._tail, data))
        self._tail.clear()
        self._size = 0
        if len(data) < len(_BOM) and _BOM.startswith(data):
            return data
        self._start = False
        return data.removeprefix(_BOM)

    def _without_returns(self, data: bytes) -> bytes:
        if self._tail and self._tail[-1].endswith(b"\r"):
            self._tail[-1] = self._tail[-1][:-1]
            data = b"\r" + data
        held = data.endswith(b"\r")
        data = (data[:-1] if held else data).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return data + b"\r" if held else data

    def _keep(self, data: bytes) -> None:
        if data:
            self._tail.append(data)
            self._size += len(data)
            if self._size > LIMIT:
                raise TooLongError

    def _payload(self, line: bytes) -> dict[str, Any] | None:
        if line.startswith(b"data:"):
            text = line[5:].decode("utf-8", "replace").strip()
            try:
                value, _ = _DECODER.raw_decode(text)
            except (ValueError, RecursionError):
                return self._odd_data(text)
            if type(value) is dict:
                return cast("dict[str, Any]", value)
            return self._odd_data(text)
        return self._odd_line(line)

    def _odd_data(self, text: str) -> dict[str, Any] | None:
        if text == "[DONE]":
            self.done = True
            return None
        if text.startswith("data:"):
            return self._payload(text.encode())
        # An event may lawfully spread over several data lines.
        joined = f"{self._partial}\n{text}" if self._partial else text
        value = _object(joined)
        if value is None:
            self._partial = joined if len(joined) <= LIMIT else ""
            return None
        self._partial = ""
        return value

    def _odd_line(self, line: bytes) -> dict[str, Any] | None:
        text = line.decode("utf-8", "replace").strip()
        if not text:
            self._drop_partial()
            return None
        if text.startswith(":") or text.split(":")[0] in {"event", "id", "retry"}:
            return None
        if text.startswith("data:") or text == "[DONE]":
            return self._payload(b"data:" + text.removeprefix("data:").encode())
        value = _object(text)
        if value is not None and ("choices" in value or "error" in value):
            self.mended.append(("bare_line", ""))
            return value
        self._add_junk(text)
        return None

    def _drop_partial(self) -> None:
        if self._partial:
            self.mended.append(("junk_line", self._partial[:80]))
            self._add_junk(self._partial)
            self._partial = ""

    def _add_junk(self, text: str) -> None:
        self._junk_size += len(text)
        if self._junk_size <= LIMIT:
            self._junk.append(text)


def _object(text: str) -> dict[str, Any] | None:
    try:
        value: object = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None
