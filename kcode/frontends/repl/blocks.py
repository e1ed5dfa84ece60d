"""Cutting streamed Markdown into blocks, so that what is finished is rendered once and never again."""

import re
from dataclasses import dataclass

_FENCE = re.compile(r"^ {0,3}(?P<fence>`{3,}|~{3,})(?P<info>.*)$")
_ITEM = re.compile(r"^ {0,3}(?:[-*+]|\d{1,9}[.)])\s")
LONG_CODE = 24
"""Lines of an open code block after which its beginning is finished."""
LONG_LIST = 20
"""Lines of an open list after which its beginning is finished."""


@dataclass(frozen=True, slots=True)
class Block:
    """A finished piece: Markdown, or lines of code in `language`.

    `joined` says that it goes on directly where the block before it ended.
    """

    text: str
    code: bool = False
    language: str = ""
    joined: bool = False


class Blocks:
    """Collects pieces of text; `feed` costs nothing but an append, `finished` looks at each line once."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._partial = ""
        self._lines: list[str] = []
        self._blank = False
        self._fence = ""
        self._language = ""
        self._joined = False

    def feed(self, text: str) -> None:
        """Take a piece."""
        self._pieces.append(text)

    def finished(self) -> list[Block]:
        """Return the blocks that are complete since the last call."""
        if not self._pieces:
            return []
        lines = (self._partial + "".join(self._pieces)).split("\n")
        self._pieces.clear()
        self._partial = lines.pop()
        done: list[Block] = []
        for line in lines:
            self._line(line, done)
        if self._blank and self._partial[:1].strip() and not self._fence and not _ITEM.match(self._lines[0]):
            # A line that begins at the margin ends the block before it, however it goes on.
            self._end(done)
        return done

    def close(self) -> list[Block]:
        """Return all that is left; nothing more comes."""
        done = self.finished()
        if self._partial:
            self._line(self._partial, done)
            self._partial = ""
        self._end(done)
        self._fence, self._joined = "", False
        return done

    def open(self, characters: int) -> str:
        """Return the end of the unfinished block, at most so many characters; for code, with its fence."""
        text = "\n".join([*self._lines[-characters:], self._partial + "".join(self._pieces)])[-characters:]
        return f"{self._fence}{self._language}\n{text}" if self._fence and text else text

    def _line(self, line: str, done: list[Block]) -> None:
        if self._fence:
            self._code_line(line, done)
            return
        fence = _FENCE.match(line)
        if fence:
            self._end(done)
            self._fence = fence["fence"]
            self._language = fence["info"].strip().split(" ")[0]
        elif not line.strip():
            self._blank = bool(self._lines)
            self._lines.append(line)
        else:
            self._prose_line(line, done)

    def _prose_line(self, line: str, done: list[Block]) -> None:
        indented = line[0] in " \t"
        item = bool(_ITEM.match(line))
        long = item and not indented and len(self._lines) >= LONG_LIST
        if (self._blank and not indented) or long:
            joined = (long and not self._blank) or (item and bool(_ITEM.match(self._lines[0])))
            self._end(done)
            self._joined = joined
        self._blank = False
        self._lines.append(line)

    def _code_line(self, line: str, done: list[Block]) -> None:
        closing = line.strip()
        if closing.startswith(self._fence) and not closing.strip(self._fence[0]):
            self._end(done)
            self._fence, self._joined = "", False
            return
        self._lines.append(line)
        if len(self._lines) >= LONG_CODE and (not line.strip() or len(self._lines) >= 2 * LONG_CODE):
            self._end(done)
            self._joined = True

    def _end(self, done: list[Block]) -> None:
        text = "\n".join(self._lines)
        self._lines, self._blank = [], False
        if self._fence:
            if text or not self._joined:
                done.append(Block(text, code=True, language=self._language, joined=self._joined))
        elif text.strip():
            done.append(Block(text.strip("\n"), joined=self._joined))
        self._joined = False
