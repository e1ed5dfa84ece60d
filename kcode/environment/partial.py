"""The fence that needs no program: what a command's own thread gives up before it starts the command.

Landlock takes files, TCP, signals and abstract sockets away, a filter of system calls every other kind of network and
what reaches into other processes, and the superuser's powers go too, as in the full level. It stands where the full
level cannot be had, and protects less: within the folders that a command may write to, everything can be written.
"""

import os
from collections.abc import Callable, Iterator, Sequence

from kcode.environment.fence import Fence, git_folders
from kcode.process import kernel, landlock, seccomp
from kcode.process.landlock import Trees

_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty")
_UNREAD = "/dev"
"""Of it only `_DEVICES` are let through: terminals, shared memory and disks are the person's."""
_MOST = 2_000
"""Entries of a folder up to which its neighbours of something hidden are allowed one by one, at some 8 µs each."""


def version() -> int:
    """The version of Landlock here; 0 where commands cannot be fenced in this way."""
    return landlock.version()


def surrender(fence: Fence, known: int) -> Callable[[], None]:
    """Return what gives up, on the thread that it is called on, all that a fence does not let through.

    Args:
        fence: what is let through.
        known: the version of Landlock.
    """
    trees = _trees(fence)
    return lambda: _give_up(trees, known)


def trial(known: int) -> Callable[[], None]:
    """As `surrender`, to find out whether it works: everything may be read, nothing written."""
    return lambda: _give_up(Trees(["/"], [], _DEVICES, network=False), known)


def _give_up(trees: Trees, known: int) -> None:
    kernel.no_new_privileges()
    kernel.drop_capabilities()
    landlock.restrict(trees, known)
    seccomp.restrict(network=trees.network, truncates=known >= landlock.TRUNCATES)


def _trees(fence: Fence) -> Trees:
    hidden = [str(place) for place in fence.secrets]
    places = [
        fence.scratch,
        *fence.folders,
        *(git for folder in fence.folders for git in git_folders(folder)),
    ]
    writable = [tree for place in places for tree in _around(str(place), hidden)]
    return Trees(list(_around("/", [*hidden, _UNREAD])), writable, _DEVICES, fence.network)


def _around(place: str, hidden: Sequence[str]) -> Iterator[str]:
    """Divide a tree into those that hold nothing hidden: a right to a tree cannot be taken back in a part of it.

    What is made later directly in a folder on the way to something hidden is in none of them.
    """
    inside = place.rstrip("/") + "/"
    below = [path for path in hidden if path.startswith(inside)]
    if not below:
        yield place
        return
    try:
        with os.scandir(place) as entries:
            found = [entry.path for entry in entries if not entry.is_symlink()]
    except OSError:
        # It can be gone through but not listed: what is known to lie on the way is there all the same.
        found = sorted({inside + path.removeprefix(inside).split("/")[0] for path in below})
    if len(found) > _MOST:
        yield place
        return
    for path in found:
        if path not in below:
            yield from _around(path, below)
