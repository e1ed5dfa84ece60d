"""The files whose names come nearest to one that is not there."""

import contextlib
import difflib
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from kcode.screen.names import escape_name

SKIPPED = frozenset({".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", "venv", "target", "dist"})
LOOK = 20_000
"""How many names are looked at: a guess at a name is not worth more."""
SECONDS = 0.25


def nearest_names(wanted: Path, root: Path, count: int = 3) -> Sequence[str]:
    """Name up to `count` existing files or folders that `wanted` may have meant, the likeliest first.

    They come from the folder that it names, or the deepest one of it that exists, and from below `root`. Names
    below `root` are relative to it.
    """
    scores: dict[Path, float] = {}
    for path in _candidates(wanted, root):
        score = _likeness(wanted, path)
        if score >= 0.6:
            scores[path] = score
    best = sorted(scores, key=lambda path: (-scores[path], len(path.parts), path))
    return [_shown(path, root) for path in best[:count]]


def _candidates(wanted: Path, root: Path) -> Iterator[Path]:
    folder = wanted.parent
    while not os.path.isdir(folder) and folder != folder.parent:  # noqa: PTH112 - that of Path raises for long names
        folder = folder.parent
    seen = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            yield Path(entry.path)
            seen += 1
            if seen > LOOK:
                return
    stop = time.monotonic() + SECONDS
    for base, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in SKIPPED]
        for name in (*files, *folders):
            yield Path(base, name)
            seen += 1
        if seen > LOOK or time.monotonic() > stop:
            return


def _likeness(wanted: Path, path: Path) -> float:
    """Judge names first, then the folders above them: 2 is the same name in the same folder."""
    mine, other = wanted.name.casefold(), path.name.casefold()
    if mine == other:
        name = 1.0
    else:
        match = difflib.SequenceMatcher(None, mine, other)
        if match.real_quick_ratio() < 0.6 or match.quick_ratio() < 0.6:
            return 0.0
        name = match.ratio()
        if name < 0.6:
            return 0.0
    folders = difflib.SequenceMatcher(None, wanted.parts[:-1], path.parts[:-1]).ratio()
    return name * 0.8 + folders * 0.2


def _shown(path: Path, root: Path) -> str:
    return escape_name(str(path.relative_to(root) if path.is_relative_to(root) else path))
