"""Tells of every process that this interpreter starts, and whether `kcode.process.spawn` did it.

Run it in a Python of its own: a hook cannot be taken out again. What calls the system through ctypes or a C extension
of its own is out of its reach.
"""

import _posixsubprocess
import subprocess
import sys
import traceback
from typing import Any

STARTERS = {
    *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn"),
    *("os.fork", "os.forkpty", "pty.spawn"),
}
UNTOLD = "_posixsubprocess.fork_exec"
"""What `multiprocessing` calls itself, of which the interpreter tells no hook."""


def watch() -> list[tuple[str, str, bool]]:
    """Begin to watch; returns the list to which each start is added: how, what, and whether in the one way."""
    seen: list[tuple[str, str, bool]] = []

    def note(event: str, what: str) -> None:
        files = [frame.filename for frame in traceback.extract_stack()]
        seen.append((event, what, any(name.endswith("kcode/process/spawn.py") for name in files)))

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in STARTERS:
            note(event, str(arguments[0]) if arguments else "")

    # It has bound the true function already, and is told of by the interpreter itself.
    assert subprocess.Popen
    fork_exec = _posixsubprocess.fork_exec

    def told(*arguments: Any) -> int:
        note(UNTOLD, " ".join(map(str, arguments[0])))
        return fork_exec(*arguments)

    sys.addaudithook(hook)
    setattr(_posixsubprocess, "fork_exec", told)  # noqa: B010 - there is no other way
    return seen
