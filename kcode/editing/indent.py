"""Translating the indentation that the model typed into the file's own."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from kcode.editing.fold import indent_of

_TAB = 4
"""Columns that a tab counts as when steps are compared; the ratio between both sides corrects it."""


class UnclearIndentError(Exception):
    """Nothing tells how deep a new line belongs."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The indentation of one matched line: as typed, and in the file.

    Attributes:
        row: the line's position in the typed block.
    """

    row: int
    typed: str
    real: str


def columns(indent: str) -> int:
    """Measure an indentation."""
    return len(indent.expandtabs(_TAB)) if "\t" in indent else len(indent)


class Indents:
    """What the matched lines say about how typed indentation maps to the file's."""

    def __init__(self, pairs: Sequence[Pair], new: Sequence[str], unit: str) -> None:
        """Learn from the matched lines.

        Args:
            pairs: the matched lines that are not blank.
            new: the lines to write, for the size of the model's step.
            unit: one step of the file, a tab or some spaces.
        """
        self._pairs = pairs
        self._unit = unit
        self._known: dict[str, str | None] = {}
        for pair in pairs:
            same = self._known.get(pair.typed, pair.real) == pair.real
            self._known[pair.typed] = pair.real if same else None
        typed = {columns(p.typed) for p in pairs}
        fresh = {columns(indent_of(line)) for line in new if line.strip()}
        # A block typed flat whose new text is all as deep as the file was written in the file's own terms.
        self._own_terms = (
            len(typed) == 1
            and min(fresh, default=0) == min((columns(p.real) for p in pairs), default=0) not in typed
        )
        self._ratio = _ratio(pairs, sorted(typed | fresh), columns(unit))

    @property
    def changed(self) -> bool:
        """Whether the typed indentation is not the file's."""
        return any(p.typed != p.real for p in self._pairs)

    def beside(self, indent: str, partner: Pair) -> str:
        """Indent a line that replaces `partner`."""
        if indent == partner.typed:
            return partner.real
        known = self._known.get(indent)
        return known if known is not None else self._from(partner, indent)

    def fresh(self, indent: str, row: int) -> str:
        """Indent a line that has no partner and goes in before the block's line `row`.

        Raises:
            UnclearIndentError: the lines around it were typed alike but stand differently in the file.
        """
        if not self._pairs or self._own_terms:
            return indent
        known = self._known.get(indent, "")
        if known is None:
            return self._between(indent, row)
        if indent in self._known:
            return known
        here = columns(indent)
        anchor = min(
            self._pairs,
            key=lambda p: (abs(here - columns(p.typed)), columns(p.typed) > here, abs(p.row - row)),
        )
        return self._from(anchor, indent)

    def _between(self, indent: str, row: int) -> str:
        alike = [p for p in self._pairs if p.typed == indent]
        before = [p.real for p in alike if p.row < row][-1:]
        after = [p.real for p in alike if p.row >= row][:1]
        around = set(before + after)
        if len(around) != 1:
            raise UnclearIndentError
        return around.pop()

    def _from(self, anchor: Pair, indent: str) -> str:
        delta = columns(indent) - columns(anchor.typed)
        if not self.changed or self._own_terms:
            return indent
        if not indent and {anchor.typed[:1], anchor.real[:1]} == {" ", "\t"}:
            return ""  # blanks and tabs count differently, but no indentation is none in both
        step = round(delta * self._ratio)
        if step < 0:
            return _shorten(anchor.real, columns(anchor.real) + step)
        if "\t" not in self._unit:
            return anchor.real + " " * step
        # An alignment of a few blanks after the tabs (` * ` in a comment) stays behind the added tabs.
        tabs = anchor.real.rstrip(" ")
        return tabs + "\t" * (step // _TAB) + anchor.real[len(tabs) :] + " " * (step % _TAB)


def _shorten(indent: str, width: int) -> str:
    while indent and columns(indent) > max(width, 0):
        indent = indent[:-1]
    return indent


def _ratio(pairs: Sequence[Pair], typed: Sequence[int], unit: int) -> float:
    """Return the file's columns per typed column."""
    real = {columns(p.typed): columns(p.real) for p in pairs}
    levels = sorted(real)
    slopes = [(real[b] - real[a]) / (b - a) for a, b in pairwise(levels) if real[b] > real[a]]
    if slopes:
        common = Counter(slopes).most_common()
        return min(s for s, n in common if n == common[0][1])
    steps = [b - a for a, b in pairwise(typed)]
    smallest = min(steps, default=0)
    if not smallest or all(k == v for k, v in real.items()):
        return 1.0
    for have, want in real.items():
        ratio = _proportion(have, want, unit)
        if ratio and smallest * ratio == unit:
            return ratio
    return unit / smallest if smallest in {2, 3, 4, 8} else 1.0


def _proportion(typed: int, real: int, unit: int) -> float:
    """If both depths are the same number of steps, return the ratio of the steps, else 0."""
    if not typed or not real or real % unit:
        return 0.0
    depth = real // unit
    return real / typed if typed % depth == 0 and typed // depth in {2, 3, 4, 8} else 0.0


def unit_of(lines: Sequence[str]) -> str:
    """Guess one step of a file's indentation: a tab, or the commonest rise from line to line in spaces."""
    tabs = sum(line[:1] == "\t" for line in lines)
    rises: Counter[int] = Counter()
    before = 0
    spaces = 0
    for line in lines:
        if not line.strip() or line[:1] == "\t":
            continue
        depth = len(line) - len(line.lstrip(" "))
        spaces += depth > 1
        if depth - before in {2, 3, 4, 8}:
            rises[depth - before] += 1
        before = depth
    if tabs > spaces:
        return "\t"
    return " " * (rises.most_common(1)[0][0] if rises else 4)
