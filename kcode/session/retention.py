"""Deleting what is old or too much, while the person already works."""

import contextlib
import os
import shutil
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kcode.session.disk import open_regular
from kcode.session.lock import try_lock

_DAY = 86_400.0
_YOUNG = 3_600.0
"""Blobs and spilled outputs of the last hour may belong to a session that runs, in seconds."""
SPILL_BYTES = 1 << 30
BLOB_BYTES = 2 << 30


@dataclass(frozen=True, slots=True)
class Limits:
    """How long sessions are kept, in days, and how large the rest may grow, in bytes."""

    days: int = 30
    spill_bytes: int = SPILL_BYTES
    blob_bytes: int = BLOB_BYTES


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    used: float
    size: int


def clean(home: Path, limits: Limits, *, keep: Path | None = None, now: float | None = None) -> int:
    """Delete old sessions, and the oldest blobs and spilled outputs beyond their limits; returns how many files.

    A session that any process has open is left alone, and so is `keep`. A time in the future, after the clock
    was set back, counts as now.
    """
    moment = time.time() if now is None else now
    oldest = moment - limits.days * _DAY
    deleted = 0
    for file in _files(home / "sessions", "*/*.jsonl"):
        if file.used < oldest and file.path != keep and _delete_log(file.path):
            deleted += 1
    blobs = _files(home / "sessions", "*/blobs/*")
    deleted += _shrink(blobs, oldest, limits.blob_bytes, moment)
    deleted += _shrink(_files(home / "checkpoints", "*/blobs/*"), oldest, limits.blob_bytes, moment)
    deleted += _drop_checkpoints(home / "checkpoints", oldest, moment)
    spills = [*_files(home / "spill", "*"), *_files(home / "spill", "*/*")]
    deleted += _shrink(spills, oldest, limits.spill_bytes, moment)
    _drop_empty(home)
    return deleted


def clean_in_background(home: Path, limits: Limits, *, keep: Path | None = None) -> threading.Thread:
    """Clean on a thread that never keeps kcode from ending."""
    thread = threading.Thread(target=_quietly, args=(home, limits, keep), name="retention", daemon=True)
    thread.start()
    return thread


def _quietly(home: Path, limits: Limits, keep: Path | None) -> None:
    with contextlib.suppress(OSError):
        clean(home, limits, keep=keep)


def _files(folder: Path, pattern: str) -> list[_File]:
    found: list[_File] = []
    for path in folder.glob(pattern):
        with contextlib.suppress(OSError):
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                found.append(_File(path, status.st_mtime, status.st_size))
    return found


def _delete_log(path: Path) -> bool:
    try:
        descriptor = open_regular(path, os.O_RDWR)
    except OSError:
        return False
    try:
        if not try_lock(descriptor):
            return False
        path.unlink()
        path.with_name(f"{path.name}.bak").unlink(missing_ok=True)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _shrink(files: list[_File], oldest: float, limit: int, moment: float) -> int:
    deleted = 0
    for file in _surplus(files, oldest, limit, moment):
        with contextlib.suppress(OSError):
            file.path.unlink()
            deleted += 1
    return deleted


def _surplus(files: list[_File], oldest: float, limit: int, moment: float) -> Iterator[_File]:
    total = sum(file.size for file in files)
    for file in sorted(files, key=lambda f: f.used):
        if file.used > moment - _YOUNG or (file.used >= oldest and total <= limit):
            continue
        total -= file.size
        yield file


def _drop_checkpoints(folder: Path, oldest: float, moment: float) -> int:
    """Delete the copies of folders that were not worked in for long, and what ended sessions left in the others."""
    deleted = 0
    for place in folder.glob("*/git"):
        used = [file.used for file in _files(place, "HEAD")]
        if used and used[0] < oldest:
            shutil.rmtree(place, ignore_errors=True)
            deleted += 1
        stale = (file for file in _files(place, "index.*") if file.used < moment - _DAY)
        for file in stale:
            with contextlib.suppress(OSError):
                file.path.unlink()
    return deleted


def _drop_empty(home: Path) -> None:
    patterns = ("sessions/*/blobs", "sessions/*", "spill/*", "checkpoints/*/blobs", "checkpoints/*")
    for folder in [folder for pattern in patterns for folder in home.glob(pattern)]:
        if folder.is_dir() and not folder.is_symlink():
            with contextlib.suppress(OSError):
                folder.rmdir()
