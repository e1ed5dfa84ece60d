"""Bytes to text and back, without changing a byte that the edit does not touch."""

import codecs
from dataclasses import dataclass
from typing import Literal

from kcode.editing.guesses import guess
from kcode.types.errors import ToolError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SAMPLE = 65_536
_SHOWN = 3


class EncodingRefusedError(ToolError):
    """A text that the file's encoding cannot hold, or bytes that are no text; nothing was written."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A file's text, and how it was read.

    Attributes:
        text: the text, without byte order mark; bytes that are no UTF-8 are lone surrogates, see `readable`.
        encoding: the codec's name, as in `utf-8`, `utf-16-le`, `gb18030`, `cp932`, `cp1252`, `latin-1`.
        mark: the byte order mark, or nothing.
        errors: how the codec treats bytes that it does not know.
        doubt: why the encoding may be another one, in a sentence; empty where it is certain.
    """

    text: str
    encoding: str
    mark: bytes = b""
    errors: Literal["strict", "surrogateescape"] = "strict"
    doubt: str = ""


def decode(data: bytes) -> Decoded:
    """Read a file's bytes as text.

    Certain: a byte order mark, or valid UTF-8. Everything else is a guess, and `doubt` says so.

    Raises:
        EncodingRefusedError: the bytes are not text.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return _marked(data, mark, name)
    if looks_binary(data):
        raise EncodingRefusedError(
            "The file is not text (it has NUL bytes), so it cannot be read or edited as text. "
            "Use a command made for its format."
        )
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        if "\0" not in text:
            return Decoded(text, "utf-8")
    found = guess(data)
    return Decoded(data.decode(found.encoding, found.errors), found.encoding, b"", found.errors, found.doubt)


def encode(decoded: Decoded, original: bytes, text: str) -> bytes:
    """Write an edited text in the encoding that the file was read in.

    The bytes of the unchanged text before and after the edit are copied from the original, so they stay
    what they were even where the encoding has two ways to write a character, or was guessed wrongly.

    Args:
        decoded: what `decode` made of the file.
        original: the bytes given to `decode`.
        text: the whole new text.

    Raises:
        EncodingRefusedError: the encoding has no bytes for a new character.
    """
    head = _same_head(decoded.text, text)
    tail = _same_tail(decoded.text, text, head)
    body = original[len(decoded.mark) :]
    before, after = _cuts(decoded, body, head, len(decoded.text) - tail)
    fresh = text[head : len(text) - tail]
    try:
        middle = fresh.encode(decoded.encoding, decoded.errors)
    except UnicodeEncodeError as failure:
        raise _cannot_hold(decoded, fresh, text, head + failure.start) from None
    return decoded.mark + body[:before] + middle + body[after:]


def readable(text: str) -> str:
    """Show undecodable bytes as U+FFFD, for sinks that take valid Unicode only."""
    if text.isascii():
        return text
    return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)


def looks_binary(data: bytes) -> bool:
    """Tell whether bytes are no text: NUL bytes that UTF-16 does not explain."""
    sample = data[:_SAMPLE]
    for mark, _ in _MARKS:
        if sample.startswith(mark):
            return False
    return b"\0" in sample and not guess(sample).encoding.startswith("utf-16")


def _marked(data: bytes, mark: bytes, name: str) -> Decoded:
    body = data[len(mark) :]
    try:
        return Decoded(body.decode(name), name, mark)
    except UnicodeDecodeError as failure:
        if name == "utf-8":
            doubt = f"The byte order mark says UTF-8, but the bytes at {failure.start + len(mark)} are not."
            return Decoded(body.decode(name, "surrogateescape"), name, mark, "surrogateescape", doubt)
        raise EncodingRefusedError(
            f"The file starts with the byte order mark of {name.upper()}, but its bytes from "
            f"{failure.start + len(mark)} on are not {name.upper()}. Use a command made for its format."
        ) from None


def _same_head(a: str, b: str) -> int:
    shorter = min(len(a), len(b))
    if a[:shorter] == b[:shorter]:
        return shorter
    low, high = 0, shorter
    while high - low > 1:
        middle = (low + high) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle
    return low


def _same_tail(a: str, b: str, head: int) -> int:
    """Return how much is the same at the end, not counting what the heads share."""
    most = min(len(a), len(b)) - head
    low, high = 0, most + 1
    while high - low > 1:
        middle = (low + high) // 2
        if a[len(a) - middle : len(a) - low] == b[len(b) - middle : len(b) - low]:
            low = middle
        else:
            high = middle
    return low


def _cuts(decoded: Decoded, body: bytes, head: int, stop: int) -> tuple[int, int]:
    """Return where in the bytes the edit starts and ends.

    Encoding the head again tells, unless the file writes a character in another way than the codec does.
    """
    first = decoded.text[:head].encode(decoded.encoding, decoded.errors)
    last = decoded.text[stop:].encode(decoded.encoding, decoded.errors)
    if body.startswith(first) and body.endswith(last):
        return len(first), len(body) - len(last)
    offsets = _offsets(decoded, body)
    return offsets[head], offsets[stop]


def _offsets(decoded: Decoded, body: bytes) -> list[int]:
    """Return the byte offset of every character, and the end, by decoding byte by byte."""
    reader = codecs.getincrementaldecoder(decoded.encoding)(decoded.errors)
    offsets = [0]
    for at, byte in enumerate(body):
        got = reader.decode(bytes([byte]))
        if got:
            offsets += [offsets[-1]] * (len(got) - 1)
            offsets.append(at + 1)
    if len(offsets) <= len(decoded.text):
        offsets.append(len(body))
    return offsets


def _cannot_hold(decoded: Decoded, fresh: str, text: str, at: int) -> EncodingRefusedError:
    lost: list[str] = []
    for mark in fresh:
        try:
            mark.encode(decoded.encoding, decoded.errors)
        except UnicodeEncodeError:
            if mark not in lost:
                lost.append(mark)
    named = ", ".join(f"{c} (U+{ord(c):04X})" for c in lost[:_SHOWN])
    more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
    line = text.count("\n", 0, at) + 1
    return EncodingRefusedError(
        f"The file is {decoded.encoding}, which has no {named}{more}; the first is at line {line}. Nothing was "
        "written. Use characters that the file's encoding has, or convert the whole file to UTF-8 first."
    )
