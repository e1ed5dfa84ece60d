"""Which folders lie on a file system that may not answer: a network share, a user-space mount."""

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

_SLOW = (
    "nfs",
    "cifs",
    "smb",
    "fuse",
    "9p",
    "afs",
    "ceph",
    "glusterfs",
    "lustre",
    "virtiofs",
    "davfs",
    "autofs",
)


class Mounts:
    """The mounts of this machine, read once, when first asked.

    A call into a vanished network share blocks for minutes; such calls must not run on the event loop's thread.
    """

    def __init__(self, table: Path = Path("/proc/self/mountinfo")) -> None:
        self._table = table

    def slow(self, path: Path) -> bool:
        """Whether the file system that holds a path may block for long; touches nothing but the mount table."""
        return bool(self._places) and _innermost(os.fspath(path), self._places)

    @cached_property
    def _places(self) -> Sequence[tuple[str, bool]]:
        try:
            lines = self._table.read_text(errors="surrogateescape").splitlines()
        except OSError:
            return ()
        places = [_place(line) for line in lines]
        # Without a slow one there is nothing to tell apart, which is the case on nearly every machine.
        return places if any(slow for _, slow in places) else ()


def _place(line: str) -> tuple[str, bool]:
    before, _, after = line.partition(" - ")
    fields = before.split(" ")
    place = fields[4] if len(fields) > 4 else "/"
    for octal, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        place = place.replace(octal, char)
    return place, after.startswith(_SLOW)


def _innermost(path: str, places: Sequence[tuple[str, bool]]) -> bool:
    longest, slow = -1, False
    for place, is_slow in places:
        if len(place) >= longest and (path == place or path.startswith(f"{place.rstrip('/')}/")):
            longest, slow = len(place), is_slow
    return slow
