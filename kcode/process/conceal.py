"""Keeps what this process was started with from the children that it starts.

A child's own environment holds no secrets, but on Linux every process may read what another one of the same user was
started with, in /proc. So the secrets are blotted out there, and the kernel is told to show no more of this process.
"""

import sys
from contextlib import suppress
from functools import cache

from kcode.process.environ import classify, holds_secret, is_own

_PR_SET_DUMPABLE = 4
_ENV_START = 49
"""Position of the environment's address in /proc/self/stat, counted from 0."""


@cache
def conceal() -> bool:
    """Do so, once; whether the system can do that."""
    if sys.platform != "linux":
        return False
    import ctypes  # noqa: PLC0415 - 6 ms that only the first child pays

    with suppress(OSError, ValueError, IndexError):
        _blot_out()
    # Root's children may look all the same, and find what is blotted out.
    return ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0


def _blot_out() -> None:
    """Overwrite the values of secrets in the memory that /proc/self/environ shows.

    The interpreter has its own copy, which `os.environ` reads.
    """
    import ctypes  # noqa: PLC0415 - see conceal

    with open("/proc/self/stat", "rb") as file:  # noqa: PTH123 - not a file on disk
        # The name, in brackets, may hold blanks.
        fields = file.read().rpartition(b")")[2].split()
    start, end = int(fields[_ENV_START - 2]), int(fields[_ENV_START - 1])
    with open("/proc/self/environ", "rb") as file:  # noqa: PTH123 - not a file on disk
        shown = file.read()
    if len(shown) != end - start or ctypes.string_at(start, end - start) != shown:
        return
    at = start
    for entry in shown.split(b"\0"):
        name, sign, value = entry.partition(b"=")
        text = name.decode(errors="replace")
        secret = (
            is_own(text) or classify(text) == "strip" or holds_secret(text, value.decode(errors="replace"))
        )
        if sign and secret:
            ctypes.memset(at + len(name) + 1, ord("*"), len(value))
        at += len(entry) + 1
