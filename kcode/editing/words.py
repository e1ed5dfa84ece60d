"""Merging inside one line: what the edit does not touch keeps the file's blanks and typography."""

from kcode.editing.fold import token_key, tokens
from kcode.editing.sequences import opcodes


def merge_line(old: str, new: str, real: str, learnt: dict[int, str]) -> str:
    """Make the change from `old` to `new` on the file's own line.

    Args:
        old: the line as typed, without its outer blanks.
        new: what it shall become.
        real: the file's line, the same as `old` but for blanks and typography.
        learnt: typed characters that this file has as plain ones, for the changed parts.

    Returns:
        The merged line; where the three cannot be aligned, `new` as typed.
    """
    if old == new:
        return real
    if old == real:
        return new
    mine, theirs = tokens(old), tokens(real)
    if [token_key(t) for t in mine] != [token_key(t) for t in theirs]:
        return new.translate(learnt)
    wanted = tokens(new)
    merged: list[str] = []
    for tag, i1, i2, j1, j2 in opcodes(mine, wanted):
        merged += theirs[i1:i2] if tag == "equal" else [t.translate(learnt) for t in wanted[j1:j2]]
    return "".join(merged)
