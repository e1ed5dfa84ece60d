"""A private folder for what commands leave: output too long to show, their state."""

import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

_KEPT_DAYS = 14
OUTPUT = ".txt"
"""How the names of files with output end."""


class Scratch:
    """A folder that only this user can enter, with an unpredictable name.

    Args:
        keep_in: where it is made; output in it then outlives `close`, for two weeks. None for a temporary one. Where
            nothing can be written there, a temporary one is made too.
    """

    def __init__(self, keep_in: Path | None = None) -> None:
        self._kept = False
        if keep_in is not None:
            with suppress(OSError):
                keep_in.mkdir(mode=0o700, parents=True, exist_ok=True)
                _forget_old(keep_in)
                self.path = Path(tempfile.mkdtemp(dir=keep_in))
                self._kept = True
        if not self._kept:
            self.path = Path(tempfile.mkdtemp(prefix="kcode-"))

    def close(self) -> None:
        """Delete what need not outlive the session."""
        if not self._kept:
            shutil.rmtree(self.path, ignore_errors=True)
            return
        with suppress(OSError):
            for file in self.path.iterdir():
                if file.suffix != OUTPUT:
                    file.unlink(missing_ok=True)
            # Only an empty folder can be removed like this.
            self.path.rmdir()


def _forget_old(folder: Path) -> None:
    limit = time.time() - _KEPT_DAYS * 86_400
    for entry in folder.iterdir():
        with suppress(OSError):
            if entry.lstat().st_mtime < limit and entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
