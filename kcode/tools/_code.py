"""What the file tools say about code: an outline of what a read left out, and mistakes that a change brought in."""

from collections.abc import Iterable, Sequence

from kcode.tools._text import numbered
from kcode.types.environment import Environment, ResolvedPath
from kcode.types.syntax import Symbol, SyntaxProblem

LARGEST = 1_000_000
"""Characters of a file that is compared before and after a change."""
_LINES = 100
_CHARACTERS = 5000


def outline_text(symbols: Sequence[Symbol], after: int) -> str:
    """Show the definitions that begin behind line `after`; inner ones only where there is room for all of them."""
    below = [symbol for symbol in symbols if symbol.first > after]
    for depth in (3, 2, 1, 0):
        lines = [symbol_line(symbol) for symbol in below if symbol.depth <= depth]
        if len(lines) <= _LINES and sum(map(len, lines)) <= _CHARACTERS:
            break
    else:
        lines = list(_fitting(symbol_line(symbol) for symbol in below if symbol.depth == 0))
    return "\n".join(lines)


def _fitting(lines: Iterable[str]) -> Iterable[str]:
    room = _CHARACTERS
    for count, line in enumerate(lines):
        room -= len(line)
        if room < 0 or count >= _LINES:
            yield "  ..."
            return
        yield line


def symbol_line(symbol: Symbol) -> str:
    """Show a definition by how it begins and its lines."""
    where = f"{symbol.first}-{symbol.last}" if symbol.last > symbol.first else str(symbol.first)
    return f"{'  ' * (min(symbol.depth, 4) + 1)}{symbol.text.rstrip(' {:')}  [{where}]"


async def syntax_note(
    environment: Environment, place: ResolvedPath, before: str, after: str, spans: Sequence[tuple[int, int]]
) -> str:
    """Name the places that fit the language's grammar before a change and no longer do; "" if there are none.

    Args:
        environment: where the file is.
        place: the file.
        before: its text before the change.
        after: its text now.
        spans: the changed lines, first and last.
    """
    if max(len(before), len(after)) > LARGEST:
        return ""
    now = await environment.syntax.problems(place.path, after.encode(errors="replace"))
    if not now:
        return ""
    old = await environment.syntax.problems(place.path, before.encode(errors="replace"))
    added = _added(old, now, spans)
    if not added:
        return ""
    places = "; ".join(f"line {one.line}: {one.words}" for one in added)
    line = numbered([after.split("\n")[added[0].line - 1]], added[0].line)
    return f"[syntax: this change seems to have broken the file: {places}. Look at it again.]\n{line}"


def _added(
    old: Sequence[SyntaxProblem], now: Sequence[SyntaxProblem], spans: Sequence[tuple[int, int]]
) -> Sequence[SyntaxProblem]:
    """Where a file was broken before, only what lies in the change is held against it."""
    if not old:
        return now
    known = {one.text for one in old}
    return [
        one
        for one in now
        if one.text not in known and any(first <= one.line <= last for first, last in spans)
    ]
