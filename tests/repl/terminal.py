"""A terminal for tests: a pty with the fake conversation behind it and pyte in front."""

import codecs
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pyte

from kcode.frontends.repl.theme import Glyphs

SCRIPT = Path(__file__).with_name("fake_conversation.py")
ROOT = Path(__file__).parents[2]
PATIENCE = 15.0
"""Seconds to wait for something to appear: machines that run tests are busy."""


class Terminal:
    """A running front end and what its screen shows."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        columns: int = 80,
        rows: int = 24,
        environ: Mapping[str, str] | None = None,
        script: Path = SCRIPT,
    ) -> None:
        self.screen = pyte.HistoryScreen(columns, rows, history=5000, ratio=0.5)
        self._stream = pyte.Stream(self.screen)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.raw = b""
        self.status: int | None = None
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "KCODE_HOME": str(folder / "home"),
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(ROOT),
            **(environ or {}),
        }
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execve(sys.executable, [sys.executable, str(script), *arguments], env)
        self.resize(columns, rows)

    def resize(self, columns: int, rows: int) -> None:
        """Change the size, as a window manager does."""
        self.screen.resize(rows, columns)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, keys: str) -> None:
        """Type."""
        os.write(self._fd, keys.encode())

    def line(self, text: str) -> None:
        """Type a prompt and send it; a pause keeps it from looking like a paste."""
        self.send(text)
        self.wait_for(text[-20:])
        self.send("\r")

    def read(self, seconds: float) -> bool:
        """Take in output for at most so long; whether any came."""
        ready, _, _ = select.select([self._fd], [], [], seconds)
        if not ready:
            return False
        try:
            data = os.read(self._fd, 65_536)
        except OSError:
            data = b""
        if not data:
            self._reap()
            return False
        self.raw += data
        self._stream.feed(self._decoder.decode(data))
        return True

    def settle(self, seconds: float = 0.3) -> None:
        """Take in output for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.status is None:
            self.read(max(0.0, end - time.monotonic()))

    def until(self, condition: Callable[[], bool], what: str, patience: float = PATIENCE) -> float:
        """Take in output until something holds; returns the seconds that took."""
        began = time.monotonic()
        while not condition():
            if time.monotonic() - began > patience:
                raise AssertionError(
                    f"{what} did not happen; the screen:\n{self.text}\n(status {self.status})"
                )
            self.read(0.05)
        return time.monotonic() - began

    def wait_for(self, text: str, patience: float = PATIENCE) -> float:
        """Wait until the screen or the scrollback shows a text."""
        return self.until(lambda: text in self.everything, repr(text), patience)

    def wait_gone(self, text: str, patience: float = PATIENCE) -> float:
        """Wait until the screen does not show a text."""
        return self.until(lambda: text not in self.text, f"the end of {text!r}", patience)

    def wait_end(self, patience: float = PATIENCE) -> int:
        """Wait for the end; returns the exit status."""
        self.until(lambda: self.status is not None, "the end", patience)
        return self.status if self.status is not None else -1

    @property
    def lines(self) -> list[str]:
        """The screen's lines."""
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self) -> str:
        """The screen."""
        return "\n".join(self.lines).rstrip()

    @property
    def everything(self) -> str:
        """Scrollback and screen."""
        above = [
            "".join(row[i].data for i in range(self.screen.columns)).rstrip()
            for row in self.screen.history.top
        ]
        return "\n".join([*above, self.text])

    @property
    def prompt_line(self) -> str:
        """The last line that holds a prompt."""
        return next(
            (line for line in reversed(self.lines) if line.startswith((Glyphs().prompt, "!", ">"))), ""
        )

    def signal(self, number: int) -> None:
        """Send a signal to the front end."""
        os.kill(self.pid, number)

    def hang_up(self) -> None:
        """Close the terminal's window."""
        os.close(self._fd)
        self._fd = -1

    def _reap(self) -> None:
        if self.status is None:
            _, status = os.waitpid(self.pid, 0)
            self.status = os.waitstatus_to_exitcode(status)

    def close(self) -> None:
        """End it, whatever it does."""
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            self._reap()
        if self._fd >= 0:
            os.close(self._fd)
