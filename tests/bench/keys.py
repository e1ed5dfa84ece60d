"""How long until a typed key is seen, in a pseudo-terminal."""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

KEY = "§"
"""A key that no welcome text holds."""
PATIENCE = 30.0
_ASKED, _ANSWER = b"\x1b[6n", b"\x1b[1;1R"


@dataclass(frozen=True, slots=True)
class Keys:
    """Seconds from the start: until raw mode is on, and until a key typed then is on the screen; CPU in all."""

    ready: float
    echoed: float
    cpu: float
    rss: float


class TooLateError(Exception):
    """The key was not seen."""


def first_key(command: Sequence[str], env: Mapping[str, str], cwd: Path) -> Keys:
    """Start a program, type a key as soon as it reads keys one by one, and wait for it to be shown.

    Raises:
        TooLateError: it was not shown.
    """
    began = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(cwd)
        os.execvpe(command[0], list(command), dict(env))
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    ready = echoed = 0.0
    try:
        ready, echoed = _typed(terminal, began)
    finally:
        os.kill(pid, signal.SIGKILL)
        _, _, usage = os.wait4(pid, 0)
        os.close(terminal)
    return Keys(ready, echoed, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**10)


def _typed(terminal: int, began: float) -> tuple[float, float]:
    seen = b""
    ready = 0.0
    while time.perf_counter() - began < PATIENCE:
        if not ready and not termios.tcgetattr(terminal)[3] & termios.ECHO:
            # Before that the terminal itself would echo the key.
            ready = time.perf_counter() - began
            os.write(terminal, KEY.encode())
        if not select.select([terminal], [], [], 0.001)[0]:
            continue
        try:
            seen += os.read(terminal, 65_536)
        except OSError:
            break
        if ready and KEY.encode() in seen:
            return ready, time.perf_counter() - began
        if _ASKED in seen:
            seen = seen.replace(_ASKED, b"")
            os.write(terminal, _ANSWER)
    raise TooLateError(seen.decode(errors="replace")[-400:])
