"""Since when a file has been there, under whatever name."""

import os
import sys

_NO_FOLLOW = 0x100
_BIRTH = 0x800
_SIZE = 256
_FD_CWD = -100


def born(path: bytes) -> float:
    """Return when a file came into being, in Unix time; moving and changing it does not make it younger.

    Where the system does not tell, it is when the content changed last, which moving leaves as it is too.

    Raises:
        OSError: it is not there.
    """
    found = os.lstat(path)
    birth = getattr(found, "st_birthtime", None)
    if isinstance(birth, float):
        return birth
    told = _statx(path) if sys.platform == "linux" else None
    return found.st_mtime if told is None else told


def _statx(path: bytes) -> float | None:
    """Ask Linux, which os.stat does not; None where the C library or the file system does not know."""
    import ctypes  # noqa: PLC0415 - only where something came to light that may be older

    call = getattr(ctypes.CDLL(None), "statx", None)
    if call is None:
        return None
    answer = ctypes.create_string_buffer(_SIZE)
    if call(_FD_CWD, path, _NO_FOLLOW, _BIRTH, answer) != 0:
        return None
    if not int.from_bytes(answer.raw[0:4], sys.byteorder) & _BIRTH:
        return None
    seconds = int.from_bytes(answer.raw[80:88], sys.byteorder, signed=True)
    return seconds + int.from_bytes(answer.raw[88:92], sys.byteorder) / 1e9
