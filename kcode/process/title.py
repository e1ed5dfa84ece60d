"""The name under which this process is listed.

A command such as `pkill python`, `killall python3` or `pkill -f python`, meant for something else, must not end the
agent that runs it. Matching goes by the process's name and its command line, and an ordinary user may set
both of their own process. It does not help against `kill -9 -1` or `pkill -u`; only a PID namespace does.
"""

import os
import sys
from contextlib import suppress

_PR_SET_NAME = 15
_NAME_LENGTH = 15
_ARG_START = 47
"""Position of the command line's address in /proc/self/stat, counted from 0."""


def set_title(title: str) -> bool:
    """List this process as `title` only; whether the system can do that.

    Args:
        title: its new name and command line; the arguments are not listed any more, which also keeps them private.
    """
    if sys.platform != "linux":
        return False
    import ctypes  # noqa: PLC0415 - 6 ms that only a long-running front end pays

    data = title.encode()
    ctypes.CDLL(None).prctl(_PR_SET_NAME, ctypes.c_char_p(data[:_NAME_LENGTH]), 0, 0, 0)
    with suppress(OSError, ValueError, IndexError):
        with open("/proc/self/stat", "rb") as file:  # noqa: PTH123 - not a file on disk
            # The name, in brackets, may hold blanks.
            fields = file.read().rpartition(b")")[2].split()
        start, end = (int(field) for field in fields[_ARG_START - 2 : _ARG_START])
        return _overwrite(start, end, data)
    return False


def _overwrite(start: int, end: int, data: bytes) -> bool:
    """Write the command line's memory, having made sure that it is what /proc shows."""
    import ctypes  # noqa: PLC0415 - see set_title

    with open("/proc/self/cmdline", "rb") as file:  # noqa: PTH123 - not a file on disk
        shown = file.read()
    size = end - start
    if not 1 < size <= os.sysconf("SC_ARG_MAX") or len(shown) != size:
        return False
    if ctypes.string_at(start, size) != shown:
        return False
    # One NUL at the very end tells the system that nothing of it lies elsewhere.
    ctypes.memmove(start, data[: size - 1].ljust(size, b"\0"), size)
    return True
