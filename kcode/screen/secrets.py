"""Secrets in use, taken out of whatever is written or shown, in every form in which they are written down.

A key is quoted back as it is, as JSON or an address spells it, or within base64, as in `Authorization: Basic`.
"""

import base64
import json
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from urllib.parse import quote

HIDDEN = "[key]"
SHORTEST = 8
"""Characters from which on a secret is looked for: a shorter one would be found by chance."""
_SHORTEST_ENCODED = 12
_PLACEHOLDER = re.compile(
    r"(?:sk[-_])?(?:(?:no|not|any|anything|dummy|local|none|empty|null|unused|key|api|required|needed|necessary"
    r"|placeholder|your|here|ollama|lm|studio|llama|cpp|vllm|changeme|x{3,}+)[-_. ]?)+",
    re.IGNORECASE,
)
"""What is written in the place of a key where a server wants none; a text may well speak of it."""


@lru_cache(maxsize=64)
def spellings(secret: str) -> Sequence[str]:
    """Return the ways in which a secret may stand in a text, the longest first.

    There are none of one that is too short, or a placeholder for a key.
    """
    if len(secret) < SHORTEST or _PLACEHOLDER.fullmatch(secret):
        return ()
    spelled = json.dumps(secret)[1:-1]
    addressed = quote(secret, safe="")
    found = {
        # Twice escaped are the arguments of a call, which are JSON within JSON.
        json.dumps(spelled)[1:-1],
        *(secret, spelled, json.dumps(secret, ensure_ascii=False)[1:-1], spelled.replace("/", "\\/")),
        *(addressed, addressed.lower() if addressed != secret else addressed, quote(secret)),
        *_within_base64(secret.encode()),
    }
    return sorted(found, key=len, reverse=True)


def _within_base64(secret: bytes) -> Iterable[str]:
    """What of base64 is the same wherever in the encoded bytes the secret begins."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + secret).decode()
        first = -(-before * 8 // 6)
        last = (before + len(secret)) * 8 // 6
        inner = encoded[first:last]
        if len(inner) >= _SHORTEST_ENCODED:
            yield inner
            yield inner.replace("+", "-").replace("/", "_")


class Secrets:
    """The secrets of one conversation; more become known when another endpoint is asked."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._spellings: list[str] = []
        self._pattern = re.compile("(?!)")
        self._beginnings: frozenset[str] = frozenset()
        self._firsts: frozenset[str] = frozenset()
        self._longest = 0
        self.add(values)

    def add(self, values: Iterable[str]) -> None:
        """Look for these too from now on."""
        new = {one for value in values for one in spellings(value)} - {*self._spellings}
        if not new:
            return
        self._spellings = sorted({*self._spellings, *new}, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, self._spellings)))
        self._beginnings = frozenset(one[:end] for one in self._spellings for end in range(1, len(one)))
        self._firsts = frozenset(one[:2] for one in self._spellings)
        self._longest = len(self._spellings[0])

    def hide(self, text: str) -> str:
        """Return a text without them."""
        if any(one in text for one in self._spellings):
            return self._pattern.sub(HIDDEN, text)
        return text

    def hide_bytes(self, data: bytes) -> bytes:
        """Return the bytes of a text without them."""
        if not self._spellings:
            return data
        text = data.decode("utf-8", "surrogateescape")
        hidden = self.hide(text)
        return data if hidden is text else hidden.encode("utf-8", "surrogateescape")

    def open_end(self, text: str) -> int:
        """Return where at the end of a text a secret may have begun; its length if none has."""
        start = max(len(text) - self._longest + 1, 0)
        # Two letters are rare enough to look closer; one alone can only be the last.
        ends = [len(text) - 1 if text[-1:] in self._beginnings else len(text)]
        for first in self._firsts:
            at = text.find(first, start)
            while at >= 0:
                if text[at:] in self._beginnings:
                    ends.append(at)
                    break
                at = text.find(first, at + 1)
        return min(ends)


class Pieces:
    """Takes secrets out of a text that comes in pieces, cut anywhere."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._held = ""

    def feed(self, piece: str) -> str:
        """Take in the next piece and return what can be shown."""
        text = self._secrets.hide(self._held + piece)
        end = self._secrets.open_end(text)
        self._held = text[end:]
        return text[:end]

    def feed_bytes(self, piece: bytes) -> bytes:
        """Take in the next bytes of a text in any encoding that spells plain letters as ASCII does."""
        return self.feed(piece.decode("latin-1")).encode("latin-1")

    def finish(self) -> str:
        """Return what was held back, at the end."""
        held, self._held = self._held, ""
        return held

    def finish_bytes(self) -> bytes:
        """Return the bytes that were held back, at the end."""
        return self.finish().encode("latin-1")
