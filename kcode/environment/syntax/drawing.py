"""Writing the map within a budget."""

from collections.abc import Sequence

from kcode.screen.names import escape_name
from kcode.types.syntax import RankedFile, Symbol

CHARACTERS = 3.5
"""Characters of code that make a token, as a rule."""
_MOST = 40
"""Definitions of one file that are shown."""


def draw(ranked: Sequence[RankedFile], tokens: int) -> str:
    """Write the files and their definitions, the first file above all, in about `tokens` tokens.

    Each file gets room by its rank; what is left over is for the files behind it.
    """
    room = int(tokens * CHARACTERS)
    lines: list[str] = []
    for place, file in enumerate(ranked):
        share = max(room // 10, 160) if place < len(ranked) - 1 else room
        block = _block(file, min(share, room))
        size = sum(len(line) + 1 for line in block)
        if size > room:
            break
        room -= size
        lines += block
    left = len(ranked) - sum(not line.startswith(" ") for line in lines)
    if left > 0:
        lines.append(f"[{left} more files that matter less]")
    return "\n".join(lines)


def _block(file: RankedFile, room: int) -> list[str]:
    head = escape_name(file.path)
    room -= len(head) + 1
    chosen: dict[Symbol, str] = {}
    for symbol in file.symbols[:_MOST]:
        # A method says little without its class.
        wanted = {
            one: symbol_line(one) for one in (*_around(symbol, file.symbols), symbol) if one not in chosen
        }
        room -= sum(len(line) + 1 for line in wanted.values())
        if room < 0:
            break
        chosen |= wanted
    ordered = sorted(chosen, key=lambda one: (one.first, one.depth))
    return [head, *(chosen[one] for one in ordered)]


def _around(symbol: Symbol, symbols: Sequence[Symbol]) -> Sequence[Symbol]:
    if symbol.depth == 0:
        return ()
    return [
        one
        for one in symbols
        if one.depth < symbol.depth and one.first <= symbol.first and one.last >= symbol.last
    ]


def symbol_line(symbol: Symbol) -> str:
    """Show a definition: its lines and how it begins."""
    text = symbol.text if symbol.text.isprintable() else escape_name(symbol.text)
    return f"  {'  ' * min(symbol.depth, 4)}{text.rstrip(' {:')}  [{_lines(symbol)}]"


def _lines(symbol: Symbol) -> str:
    return f"{symbol.first}-{symbol.last}" if symbol.last > symbol.first else str(symbol.first)
