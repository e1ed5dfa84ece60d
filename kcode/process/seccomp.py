"""System calls that the calling thread, and all that it starts, may not make: what Landlock does not know.

The filter sees numbers and flags, never a name: it cannot tell one file from another.
"""

import errno
import struct
from collections.abc import Iterator, Mapping, Sequence

from kcode.process.kernel import control, machine

_PR_SET_SECCOMP = 22
_MODE_FILTER = 2

_LOAD, _AND = 0x20, 0x54
_EQUAL, _AT_LEAST, _ANY_BIT = 0x15, 0x35, 0x45
_RETURN = 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_X32 = 0x40000000

_AF_UNIX = 1
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_SET_USER_ID = 0o4000
_O_TRUNC, _O_ACCMODE = 0o1000, 0o3

_Line = tuple[int, int, int, int]


_MACHINES = ("x86_64", "aarch64")
_ARCHITECTURES = (0xC000003E, 0xC00000B7)
_NUMBERS: Mapping[str, tuple[int, int]] = {
    # None of the second machine's where that has only the newer call.
    "open": (2, -1),
    "openat": (257, 56),
    "openat2": (437, 437),
    "truncate": (76, 45),
    "chmod": (90, -1),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "ioctl": (16, 29),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
}
"""Of each machine in turn."""
_REFUSED = (
    # Other processes' memory and files, and the keys that the kernel holds for the person.
    *("ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp"),
    *("add_key", "request_key", "keyctl", "bpf", "perf_event_open"),
)
_MISSING = ("io_uring_setup", "io_uring_enter", "io_uring_register")
"""They would open files and sockets past this filter; programs do without them where the kernel has none."""


def program(name: str, *, network: bool, truncates: bool) -> bytes:
    """Return the filter for a machine.

    Args:
        name: one of `kcode.process.kernel.MACHINES`.
        network: whether other sockets than those in the file system may be made.
        truncates: whether Landlock knows of truncating, so that the filter need not stop it.
    """
    lines = list(_lines(_MACHINES.index(name), network=network, truncates=truncates))
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def number(call: str, name: str) -> int:
    """The number of a system call on a machine, -1 where that has none."""
    return _NUMBERS[call][_MACHINES.index(name)]


def restrict(*, network: bool, truncates: bool) -> None:
    """Put the filter on the calling thread and what it will start, for good.

    Raises:
        OSError: the kernel does not do it.
    """
    import ctypes  # noqa: PLC0415 - see `kcode.process.kernel`

    data = ctypes.create_string_buffer(program(machine(), network=network, truncates=truncates))
    head = struct.pack("@HxxxxxxQ", len(data) // 8, ctypes.addressof(data))
    control(_PR_SET_SECCOMP, _MODE_FILTER, head)


def _lines(which: int, *, network: bool, truncates: bool) -> Iterator[_Line]:
    # A call in another machine's way would have other numbers.
    yield from ((_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 1, 0, _ARCHITECTURES[which]), (_RETURN, 0, 0, _KILL))
    yield (_LOAD, 0, 0, _NUMBER)
    yield from ((_AT_LEAST, 0, 1, _X32), _refuse(errno.ENOSYS))
    for name in _REFUSED:
        yield from _call(which, name, [_refuse(errno.EPERM)])
    for name in (*_MISSING, *(() if truncates else ("openat2",))):
        yield from _call(which, name, [_refuse(errno.ENOSYS)])
    # The kernel looks at the lower half of these arguments alone, and so does the filter.
    for value in (_TIOCSTI, _TIOCLINUX):
        yield from _call(which, "ioctl", _if_equal(1, value))
    for name, argument in (("chmod", 1), ("fchmod", 1), ("fchmodat", 2), ("fchmodat2", 2)):
        yield from _call(which, name, _if_any_bit(argument, _SET_USER_ID))
    if not network:
        for name in ("socket", "socketpair"):
            yield from _call(which, name, _unless_equal(0, _AF_UNIX))
    if not truncates:
        yield from _call(which, "truncate", [_refuse(errno.EPERM)])
        for name, argument in (("open", 1), ("openat", 2)):
            yield from _call(which, name, _if_truncates(argument))
    yield (_RETURN, 0, 0, _ALLOW)


def _call(which: int, name: str, then: Sequence[_Line]) -> Iterator[_Line]:
    """Do something at one system call; where that falls through, the number is loaded anew."""
    own = _NUMBERS[name][which]
    if own < 0:
        return
    lines = [*then] if then[-1][0] == _RETURN and len(then) == 1 else [*then, (_LOAD, 0, 0, _NUMBER)]
    yield (_EQUAL, 0, len(lines), own)
    yield from lines


def _if_equal(argument: int, value: int) -> Sequence[_Line]:
    return [_argument(argument), (_EQUAL, 0, 1, value), _refuse(errno.EPERM)]


def _unless_equal(argument: int, value: int) -> Sequence[_Line]:
    return [_argument(argument), (_EQUAL, 1, 0, value), _refuse(errno.EPERM)]


def _if_any_bit(argument: int, bits: int) -> Sequence[_Line]:
    return [_argument(argument), (_ANY_BIT, 0, 1, bits), _refuse(errno.EPERM)]


def _if_truncates(argument: int) -> Sequence[_Line]:
    """Truncating through a file that is not opened for writing, which Landlock then does not ask for."""
    return [
        _argument(argument),
        (_AND, 0, 0, _O_TRUNC | _O_ACCMODE),
        (_EQUAL, 1, 0, _O_TRUNC),
        (_EQUAL, 0, 1, _O_TRUNC | _O_ACCMODE),
        _refuse(errno.EPERM),
    ]


def _argument(number: int) -> _Line:
    return (_LOAD, 0, 0, _ARGUMENTS + 8 * number)


def _refuse(error: int) -> _Line:
    return (_RETURN, 0, 0, _ERRNO | error)
