"""What the calling thread, and all that it starts, may do to files: Landlock, which every user may put on themselves.

Rights can only be given to whole trees and are never taken back in a part of one. What a tree's name leads to counts,
not the name: links, renames and hard links lead out of nothing. Changing modes, owners, times and extended attributes
is no right that it knows.
"""

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from kcode.process.kernel import call, machine

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1

_WRITE_FILE, _READ_FILE = 1 << 1, 1 << 2
_REMOVE_DIR, _REMOVE_FILE = 1 << 4, 1 << 5
_MAKE_CHAR, _MAKE_BLOCK = 1 << 6, 1 << 11
_MAKE = 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 12
_REFER, _TRUNCATE, _IOCTL = 1 << 13, 1 << 14, 1 << 15
_OF_FILES = _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL
"""The rights that make sense for what is no folder."""
_BIND_TCP, _CONNECT_TCP = 1, 2
_ABSTRACT_SOCKETS, _SIGNALS = 1, 2

TRUNCATES = 3
"""The first version that knows truncating; before it, a filter of system calls has to stop it."""
_SINCE = {_REFER: 2, _TRUNCATE: TRUNCATES, _IOCTL: 5}
_TCP_SINCE = 4
_SCOPES_SINCE = 6


@dataclass(frozen=True, slots=True)
class Trees:
    """What may be done where.

    Attributes:
        readable: files and folders whose files may be read; names can be listed everywhere.
        writable: trees in which everything may be done but making devices.
        devices: what may be read, written and controlled.
        network: whether TCP may be used.
    """

    readable: Sequence[str]
    writable: Sequence[str]
    devices: Sequence[str]
    network: bool


def version() -> int:
    """The version of Landlock that the kernel offers; 0 where there is none."""
    if not machine():
        return 0
    try:
        return call(_CREATE, 0, 0, _VERSION)
    except OSError:
        return 0


def restrict(trees: Trees, known: int) -> None:
    """Take every other right from the calling thread and what it will start, for good.

    Args:
        trees: what is left.
        known: the version of the kernel, see `version`. The thread must have given up new privileges.

    Raises:
        OSError: the kernel does not do it; the thread is then as it was.
    """
    handled = _known(
        _OF_FILES | _REMOVE_DIR | _REMOVE_FILE | _MAKE | _MAKE_CHAR | _MAKE_BLOCK | _REFER, known
    )
    network = 0 if trees.network or known < _TCP_SINCE else _BIND_TCP | _CONNECT_TCP
    attributes = struct.pack("=QQQ", handled, network, _ABSTRACT_SOCKETS | _SIGNALS)
    size = 24 if known >= _SCOPES_SINCE else 16 if known >= _TCP_SINCE else 8
    rules = call(_CREATE, attributes[:size], size, 0)
    try:
        for place in trees.readable:
            _allow(rules, place, _READ_FILE)
        for place in trees.writable:
            _allow(rules, place, handled & ~(_MAKE_CHAR | _MAKE_BLOCK | _IOCTL))
        for place in trees.devices:
            _allow(rules, place, handled & _OF_FILES)
        call(_RESTRICT, rules, 0)
    finally:
        os.close(rules)


def _known(rights: int, known: int) -> int:
    for right, since in _SINCE.items():
        if known < since:
            rights &= ~right
    return rights


def _allow(rules: int, place: str, rights: int) -> None:
    """Allow something in a tree; a place that is gone meanwhile, or a link by now, is left out."""
    try:
        opened = os.open(place, os.O_PATH | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        try:
            call(_ADD, rules, _PATH_BENEATH, struct.pack("=Qi", rights, opened), 0)
        except OSError:
            # Most rights are a folder's only; asking what it is first would cost all others a call.
            if rights & _OF_FILES == rights:
                raise
            call(_ADD, rules, _PATH_BENEATH, struct.pack("=Qi", rights & _OF_FILES, opened), 0)
    finally:
        os.close(opened)
