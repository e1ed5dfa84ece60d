"""Who may read which file: what git does not keep of it."""

import contextlib
import json
import os
import stat
from pathlib import Path
from typing import cast

_EVERYBODY = 0o044


class Modes:
    """The permission bits of the files that not everybody may read, by path; everything else has the usual ones.

    Args:
        path: where they are kept.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._bits: dict[str, int] | None = None
        self._changed = False

    def note(self, name: bytes, mode: int) -> None:
        """Note how a file is now."""
        key, known = os.fsdecode(name), self._known()
        bits = None if mode & _EVERYBODY == _EVERYBODY else stat.S_IMODE(mode)
        if bits != known.get(key):
            self._changed = True
            known.pop(key, None)
            if bits is not None:
                known[key] = bits

    def of(self, name: str) -> int | None:
        """Return the bits of a file that not everybody might read, None for any other."""
        return self._known().get(name)

    def save(self) -> None:
        """Keep what changed; where that fails, files that are made again get the usual mode."""
        if self._changed:
            self._changed = False
            with contextlib.suppress(OSError):
                self._path.write_text(json.dumps(self._bits), encoding="ascii")

    def _known(self) -> dict[str, int]:
        if self._bits is None:
            self._bits = _read(self._path)
        return self._bits


def _read(path: Path) -> dict[str, int]:
    try:
        found = cast("object", json.loads(path.read_text(encoding="ascii")))
    except (OSError, ValueError):
        return {}
    items = cast("dict[str, object]", found).items() if isinstance(found, dict) else ()
    return {name: mode & 0o777 for name, mode in items if isinstance(mode, int)}
