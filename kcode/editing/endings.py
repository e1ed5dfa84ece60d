"""Line endings: every text is edited as LF and goes back with each line's own ending."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from kcode.editing.sequences import opcodes

Style: TypeAlias = Literal["lf", "crlf", "cr", "mixed", "none"]

_BOM = "\ufeff"
_NAMES: dict[str, Style] = {"\n": "lf", "\r\n": "crlf", "\r": "cr"}


@dataclass(frozen=True, slots=True)
class Document:
    """A text as an LF view, with what is needed to write it back unchanged.

    Attributes:
        bom: the byte order mark, or nothing.
        view: the text with every line ending as LF.
        ending: the one ending that all lines have, or the commonest one.
        own: every line's own ending where they differ, else None.
    """

    bom: str
    view: str
    ending: str
    own: tuple[str, ...] | None

    @property
    def lone_returns(self) -> bool:
        """Whether a carriage return alone ends lines here."""
        return self.ending == "\r" or (self.own is not None and "\r" in self.own)

    def read(self, typed: str) -> str:
        """Bring text from the model into the view's form."""
        typed = typed.removeprefix(_BOM).replace("\r\n", "\n")
        return typed.replace("\r", "\n") if self.lone_returns else typed

    def splice(self, splices: Sequence[tuple[int, int, str]]) -> str:
        """Replace parts of the view and return the whole text.

        Args:
            splices: (start, end, replacement) of the view, in order and not overlapping.
        """
        if self.own is None:
            return self.bom + _uniform(self.view, self.ending, splices)
        return self.bom + self._mixed(self.own, splices)

    def _mixed(self, own: tuple[str, ...], splices: Sequence[tuple[int, int, str]]) -> str:
        text: list[str] = []
        endings: list[str] = []
        at, line = 0, 0
        for start, end, put in splices:
            kept = self.view[at:start]
            breaks = kept.count("\n")
            endings += own[line : line + breaks]
            line += breaks
            region = self.view[start:end]
            inside = own[line : line + region.count("\n")]
            around = (*inside[:1], *own[line + len(inside) : line + len(inside) + 1], *own[line - 1 : line])
            endings += _assign(region, inside, put, around[0] if around else self.ending)
            line += len(inside)
            text += [kept, put]
            at = end
        text.append(self.view[at:])
        endings += own[line:]
        return _join("".join(text), endings)


def open_text(text: str) -> Document:
    """Take a text apart into its LF view and its endings."""
    bom = _BOM if text.startswith(_BOM) else ""
    body = text[len(bom) :]
    if "\r" not in body:
        return Document(bom, body, "\n", None)
    crlf, returns, feeds = body.count("\r\n"), body.count("\r"), body.count("\n")
    if crlf == returns == feeds:
        return Document(bom, body.replace("\r\n", "\n"), "\r\n", None)
    view = body.replace("\r\n", "\n").replace("\r", "\n")
    if not feeds:
        return Document(bom, view, "\r", None)
    own = _endings(body, view)
    return Document(bom, view, Counter(own).most_common(1)[0][0], own)


def style(text: str) -> Style:
    """Name the line endings of a text, `none` where it is a single line."""
    document = open_text(text)
    if "\n" not in document.view:
        return "none"
    return "mixed" if document.own is not None else _NAMES[document.ending]


def adopt(text: str, model: str) -> str:
    """Write a whole new text with the line endings and the byte order mark of the one it replaces.

    A model writes LF; a file that was CRLF throughout stays so. Mixed or absent endings are no model.
    """
    old = open_text(model)
    body = text.removeprefix(_BOM)
    if old.own is None and old.ending != "\n":
        body = body.replace("\r\n", "\n").replace("\n", old.ending)
    return old.bom + body


def _uniform(view: str, ending: str, splices: Sequence[tuple[int, int, str]]) -> str:
    parts: list[str] = []
    at = 0
    for start, end, put in splices:
        parts += [view[at:start], put]
        at = end
    parts.append(view[at:])
    joined = "".join(parts)
    return joined if ending == "\n" else joined.replace("\n", ending)


def _endings(body: str, view: str) -> tuple[str, ...]:
    found: list[str] = []
    at = 0
    for line in view.split("\n")[:-1]:
        at += len(line)
        found.append("\r\n" if body.startswith("\r\n", at) else body[at])
        at += len(found[-1])
    return tuple(found)


def _assign(region: str, inside: Sequence[str], put: str, default: str) -> list[str]:
    """Give every line break of a replacement an ending: kept lines their own, new ones their neighbour's."""
    old, new = region.split("\n"), put.split("\n")
    given = [default] * len(new)
    for tag, i1, i2, j1, j2 in opcodes(old, new):
        if tag == "delete":
            continue
        for j in range(j1, j2):
            i = min(i1 + j - j1, i2 - 1) if i2 > i1 else i1 - 1
            if 0 <= i < len(inside):
                given[j] = inside[i]
    return given[:-1]


def _join(view: str, endings: Sequence[str]) -> str:
    lines = view.split("\n")
    return "".join(line + end for line, end in zip(lines, [*endings, ""], strict=True))
