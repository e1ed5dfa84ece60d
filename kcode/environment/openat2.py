"""Linux's openat2: the whole way down to a folder in one call, on which the kernel itself refuses every link."""

import errno
import os
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ctypes

_NUMBER = 437
"""The same on every architecture that these machines have."""
_MACHINES = frozenset(
    {"x86_64", "amd64", "i686", "aarch64", "armv7l", "riscv64", "ppc64le", "s390x", "loongarch64"}
)
_NO_MAGICLINKS = 0x02
_NO_SYMLINKS = 0x04
_BENEATH = 0x08


def open_folder(path: Path) -> int:
    """Return a descriptor for a folder, to name things in it by.

    Raises:
        OSError: ELOOP or EXDEV where a part of the path is a link; else as for open.
    """
    top = os.open(path.anchor, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return _openat2(top, os.fsencode(path.relative_to(path.anchor)), path)
    finally:
        os.close(top)


@cache
def available() -> bool:
    """Whether this system has it and lets it be called: filters of containers may forbid what they do not know."""
    if sys.platform != "linux" or os.uname().machine not in _MACHINES:
        return False
    try:
        os.close(open_folder(Path("/")))
    except (OSError, ImportError):
        # Interpreters that were built without libffi have no ctypes.
        return False
    return True


def _openat2(folder: int, name: bytes, path: Path) -> int:
    import ctypes  # noqa: PLC0415 - 6 ms that only the first file pays

    if b"\0" in name:
        # The kernel would take what stands before it for the name.
        raise ValueError("embedded null byte")
    flags = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
    how = (ctypes.c_uint64 * 3)(flags, 0, _BENEATH | _NO_SYMLINKS | _NO_MAGICLINKS)
    handle: int = _libc().syscall(
        ctypes.c_long(_NUMBER), folder, ctypes.c_char_p(name), how, ctypes.c_size_t(ctypes.sizeof(how))
    )
    if handle < 0:
        code = ctypes.get_errno() or errno.EIO
        raise OSError(code, os.strerror(code), os.fspath(path))
    return handle


@cache
def _libc() -> "ctypes.CDLL":
    import ctypes  # noqa: PLC0415 - as above

    return ctypes.CDLL(None, use_errno=True)
