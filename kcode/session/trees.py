"""What git says of how two trees differ."""

import os
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TreeChange:
    """How a file differs between two trees: ids of git blobs and modes, "" where there is no file."""

    path: str
    before: str
    before_mode: str
    after: str
    after_mode: str
    added: int = 0
    removed: int = 0


def tree_changes(output: bytes) -> Sequence[TreeChange]:
    """Read `diff-tree -z --raw --numstat`: all raw records, then all counts."""
    pieces = iter(output.split(b"\0"))
    raw: dict[bytes, tuple[str, str, str, str]] = {}
    counts: dict[bytes, tuple[int, int]] = {}
    for piece in pieces:
        if piece.startswith(b":"):
            before_mode, after_mode, before, after, _ = piece[1:].decode().split(" ")
            raw[next(pieces)] = (before, before_mode, after, after_mode)
        elif piece:
            added, removed, name = piece.split(b"\t", 2)
            counts[name] = (_number(added), _number(removed))
    return [
        TreeChange(
            os.fsdecode(name),
            *(("", "") if before_mode == "000000" else (before, before_mode)),
            *(("", "") if after_mode == "000000" else (after, after_mode)),
            *counts.get(name, (0, 0)),
        )
        for name, (before, before_mode, after, after_mode) in raw.items()
    ]


def _number(text: bytes) -> int:
    return int(text) if text.isdigit() else 0
