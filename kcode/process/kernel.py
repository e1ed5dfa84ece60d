"""System calls that Python has no word for, made on the calling thread. Linux only."""

import os
import sys
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ctypes

_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION = 0x20080522
_CAPSET = {"x86_64": 126, "aarch64": 91}

MACHINES = frozenset(_CAPSET)
"""The machines whose numbers of system calls are known."""


def machine() -> str:
    """The machine that this process is built for; empty where its numbers are not known, or it is not Linux."""
    if sys.platform != "linux" or sys.maxsize <= 1 << 32 or sys.byteorder != "little":
        return ""
    name = os.uname().machine
    return name if name in MACHINES else ""


def call(number: int, *arguments: object) -> int:
    """Make a system call; raises OSError."""
    import ctypes  # noqa: PLC0415 - 6 ms that only the first child pays

    result: int = _libc().syscall(
        ctypes.c_long(number), *(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments)
    )
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def control(option: int, *arguments: object) -> int:
    """Call prctl, which is about the calling thread alone; raises OSError."""
    import ctypes  # noqa: PLC0415 - 6 ms that only the first child pays

    padded = [*arguments, 0, 0, 0, 0][:4]
    result: int = _libc().prctl(option, *(ctypes.c_ulong(a) if isinstance(a, int) else a for a in padded))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def no_new_privileges() -> None:
    """Let nothing that this thread starts have more rights than it; without this an ordinary user may give up none."""
    control(_PR_SET_NO_NEW_PRIVS, 1)


def drop_capabilities() -> None:
    """Give up the superuser's powers, for this thread and what it starts; who has none loses none.

    Without new privileges, see `no_new_privileges`, no program that is started gets them back, whoever runs it.
    """
    import ctypes  # noqa: PLC0415 - 6 ms that only the first child pays

    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    call(_CAPSET[machine()], header, (ctypes.c_uint32 * 6)())


@cache
def _libc() -> "ctypes.PyDLL":
    import ctypes  # noqa: PLC0415 - 6 ms that only the first child pays

    # These calls do not block, so that the interpreter need not be let go of around each.
    return ctypes.PyDLL(None, use_errno=True)
