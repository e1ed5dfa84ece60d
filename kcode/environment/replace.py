"""Replacing a file's content so that nobody ever sees half of it, and nothing else about it changes.

All of it happens to names in a folder that is held open, see `kcode.environment.descend`.
"""

import contextlib
import errno
import hashlib
import os
import secrets
import stat
from pathlib import Path

from kcode.environment.descend import OpenFolder, Spot, held, open_folder
from kcode.types.environment import FileChangedError

CHUNK = 1 << 20


def replace(path: Path, data: bytes, expect: str | None, way: OpenFolder = open_folder) -> None:
    """Make `data` the content of a file, or make the file with its folders.

    The new content is written beside the old and renamed over it. Mode, owner and extended attributes are kept,
    a link stays a link. A file with several hard links is overwritten in place, with a copy to restore it from.

    Args:
        path: where; with all links resolved if something is expected of it.
        data: the new content.
        expect: SHA-256 that the content must still have; "" if there must be none; None if it does not matter.
        way: how the way down to its folder is gone.

    Raises:
        FileChangedError: it is not what was expected, or a link was put in its way.
        OSError: as the system says; the old content stands, and nothing is left behind.
    """
    target = Path(os.path.realpath(path)) if expect is None else path
    try:
        if expect is None:
            with contextlib.suppress(FileNotFoundError):
                # Links in a circle are told by the system.
                path.stat()
        with held(target, make=True, open_folder=way) as spot:
            _replace(spot, data, expect)
    except FileChangedError as error:
        raise FileChangedError(error.errno, error.strerror, os.fspath(target)) from error
    except OSError as error:
        # The name of a temporary file, or none, says nothing to whoever reads this.
        raise OSError(error.errno, error.strerror, os.fspath(target)) from error


def _replace(target: Spot, data: bytes, expect: str | None) -> None:
    before = _look(target)
    _check(target, before, expect)
    if before is None:
        _swap(target, data, None)
    elif before.st_nlink > 1 or not _can_own(before):
        _overwrite(target, data, before)
    else:
        _swap(target, data, before)


def open_regular(spot: Spot, flags: int = os.O_RDONLY) -> int:
    """Open a regular file and nothing else: opening a device can start something, reading a pipe never ends.

    Raises:
        FileChangedError: it is a link.
        OSError: it is no regular file, or cannot be opened.
    """
    refuse_special(spot.path, spot.stat())
    handle = spot.open(flags | os.O_NONBLOCK)
    try:
        refuse_special(spot.path, os.fstat(handle))
    except OSError:
        os.close(handle)
        raise
    return handle


def refuse_special(path: Path, found: os.stat_result) -> None:
    """Raise OSError for whatever is not a regular file with content of its own.

    Args:
        path: with all links resolved.
        found: what is there.
    """
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, "Is a directory", os.fspath(path))
    if is_special(path, found):
        raise OSError(errno.EINVAL, f"Not a regular file but {_kind(found.st_mode)}", os.fspath(path))


def is_special(path: Path, found: os.stat_result) -> bool:
    """Whether it is a device, pipe, socket or one of the kernel's own files, whose content is made while read.

    Args:
        path: with all links resolved.
        found: what is there.
    """
    if not stat.S_ISREG(found.st_mode):
        return not stat.S_ISDIR(found.st_mode)
    # A kernel file says that it is empty, or has a size that means nothing.
    return os.fspath(path).startswith(("/proc/", "/sys/"))


def _kind(mode: int) -> str:
    kinds = (
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a block device"),
    )
    return next((name for test, name in kinds if test(mode)), "a file of the kernel")


def _look(target: Spot) -> os.stat_result | None:
    try:
        found = target.stat()
    except FileNotFoundError:
        return None
    refuse_special(target.path, found)
    if not target.writable():
        raise PermissionError(errno.EACCES, "The file is read-only", os.fspath(target.path))
    return found


def _check(target: Spot, before: os.stat_result | None, expect: str | None) -> None:
    if expect is None:
        return
    found = "" if before is None else _digest(target)
    if found != expect:
        raise FileChangedError(
            errno.ESTALE, "The file is not what it was when it was read", os.fspath(target.path)
        )


def _digest(spot: Spot) -> str:
    with os.fdopen(open_regular(spot), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _can_own(before: os.stat_result) -> bool:
    """Whether a new file can be given the old one's owner."""
    return os.geteuid() in {0, before.st_uid}


def _swap(target: Spot, data: bytes, before: os.stat_result | None) -> None:
    temporary = _beside(target, data, 0o666 if before is None else 0o600, before)
    try:
        if before is None:
            _place(temporary, target)
        else:
            _unmoved(target, before)
            temporary.move_to(target)
    except BaseException:
        _discard(temporary)
        raise


def _beside(target: Spot, data: bytes, mode: int, before: os.stat_result | None) -> Spot:
    """Write a file beside `target`; the umask narrows `mode`, `before` dresses it as what it will replace."""
    temporary = target.beside(f".kcode-{secrets.token_hex(8)}")
    try:
        handle = temporary.open(os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            if before is not None:
                _dress(handle, target, before)
            _write(handle, data)
            _flush(handle)
        finally:
            os.close(handle)
    except BaseException:
        _discard(temporary)
        raise
    return temporary


def _discard(temporary: Spot) -> None:
    with contextlib.suppress(OSError):
        temporary.unlink()


def _place(temporary: Spot, target: Spot) -> None:
    """Give a new file its name, unless somebody has made one meanwhile."""
    try:
        temporary.link_to(target)
    except FileExistsError as error:
        raise FileChangedError(
            errno.EEXIST, "Somebody made this file just now", os.fspath(target.path)
        ) from error
    except OSError:
        # Not every file system knows hard links.
        temporary.move_to(target)
    else:
        temporary.unlink()


def _unmoved(target: Spot, before: os.stat_result) -> None:
    now = target.stat()
    marks = [(s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns) for s in (before, now)]
    if marks[0] != marks[1]:
        raise FileChangedError(errno.ESTALE, "The file changed just now", os.fspath(target.path))


def _dress(handle: int, target: Spot, before: os.stat_result) -> None:
    """Give a new file the owner, attributes and mode of the old; the mode last, since chown clears setuid."""
    made = os.fstat(handle)
    if (made.st_uid, made.st_gid) != (before.st_uid, before.st_gid):
        # A group that one is no member of cannot be kept; the file is still one's own.
        with contextlib.suppress(PermissionError):
            os.fchown(handle, before.st_uid, before.st_gid)
    if hasattr(os, "listxattr"):
        with contextlib.suppress(OSError):
            _copy_attributes(target, handle)
    os.fchmod(handle, stat.S_IMODE(before.st_mode))


def _copy_attributes(target: Spot, handle: int) -> None:
    old = open_regular(target)
    try:
        for name in os.listxattr(old):
            with contextlib.suppress(OSError):
                os.setxattr(handle, name, os.getxattr(old, name))
    finally:
        os.close(old)


def _write(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view[:CHUNK]) :]


def _flush(handle: int) -> None:
    # A rename can reach the disk before the content does: after a power cut the file would be empty.
    try:
        (os.fdatasync if hasattr(os, "fdatasync") else os.fsync)(handle)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS}:
            raise


def _overwrite(target: Spot, data: bytes, before: os.stat_result) -> None:
    """Write into the file itself, since a new one would part from its other names or change owner.

    The copy beside it is for whoever finds the file half written after a crash; it goes when all is well.
    """
    with os.fdopen(open_regular(target), "rb") as file:
        old = file.read()
    backup = _beside(target, old, 0o600, None)
    try:
        handle = open_regular(target, os.O_WRONLY)
        try:
            _renew(handle, data, old)
            os.fchmod(handle, stat.S_IMODE(before.st_mode))
        finally:
            os.close(handle)
    finally:
        _discard(backup)


def _renew(handle: int, data: bytes, old: bytes) -> None:
    try:
        _into(handle, data)
        _flush(handle)
    except BaseException:
        # The old blocks are still the file's own, so that even a full disk has room for them.
        _into(handle, old)
        raise


def _into(handle: int, data: bytes) -> None:
    os.lseek(handle, 0, os.SEEK_SET)
    _write(handle, data)
    os.ftruncate(handle, len(data))
