"""The one way to start a child process.

Every child gets a session and process group of its own (no terminal to ask on), /dev/null to read from unless it
is given something, an environment without secrets, and a mark by which its descendants are found again. Starting
does not wait for anything but exec, so that cancelling a task cannot fall into the middle of it; ending a
child is ending its whole tree.
"""

import asyncio
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Thread
from typing import IO, TypeAlias

from kcode.process import tree
from kcode.process.conceal import conceal
from kcode.process.environ import MARK, clean_environment
from kcode.process.programs import located

OnBytes: TypeAlias = Callable[[bytes], object]
Enter: TypeAlias = Callable[[], None]

GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL."""
DRAIN = 0.2
"""Seconds to go on reading after a child's end while someone else still holds its output open."""
_CHUNK = 1 << 16


class Child:
    """A running child, of which this process is the parent; make one with `start`."""

    def __init__(self, process: "subprocess.Popen[bytes]", mark: str, since: int) -> None:
        self._process = process
        self._done: asyncio.Future[int] | None = None
        self.pid = process.pid
        self.family = tree.Family(process.pid, mark, since, process.poll)

    @property
    def status(self) -> int | None:
        """The exit status once it was waited for: negative for a signal, None while it runs."""
        return self._process.returncode

    async def wait(self) -> int:
        """Return the exit status; waiting may be cancelled and repeated."""
        if self._process.returncode is not None:
            return self._process.returncode
        if self._done is None:
            self._done = asyncio.get_running_loop().create_future()
            self._watch(self._done)
        return await asyncio.shield(self._done)

    def poll(self) -> int | None:
        """Return the exit status, or None if it still runs, without waiting."""
        return self._process.poll()

    async def end(self, grace: float = GRACE, *, alone: bool = False) -> bool:
        """End it and everything it started: SIGTERM, and SIGKILL after `grace` seconds.

        Args:
            grace: seconds.
            alone: no other command runs, so an orphan that carries no mark is this one's.

        Returns:
            Whether nothing is left of it.
        """
        return await tree.end(self.family, grace, alone=alone)

    def kill(self, *, alone: bool = False) -> bool:
        """Kill it and everything it started, at once; whether nothing is left of it."""
        return tree.kill(self.family, alone=alone)

    def _watch(self, done: "asyncio.Future[int]") -> None:
        loop = asyncio.get_running_loop()

        def settle(status: int) -> None:
            if not done.done():
                done.set_result(status)

        try:
            handle = os.pidfd_open(self.pid)
        except (AttributeError, OSError):
            # Not Linux, or an old kernel, or a filter that forbids it: a thread waits instead.
            def block() -> None:
                status = self._process.wait()
                if not loop.is_closed():
                    loop.call_soon_threadsafe(settle, status)

            Thread(target=block, daemon=True, name=f"wait-{self.pid}").start()
            return

        def ended() -> None:
            loop.remove_reader(handle)
            os.close(handle)
            settle(self._process.wait())

        loop.add_reader(handle, ended)


def start(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    stderr: int | IO[bytes] = subprocess.DEVNULL,
    enter: Enter | None = None,
) -> Child:
    """Start a program in a session of its own, without waiting for it.

    Args:
        argv: the program, a bare name found on the environment's PATH outside of the project, and its arguments.
        cwd: where it runs.
        env: its whole environment, see `clean_environment`; a mark is added.
        stdin: a descriptor; the caller closes its own copy.
        stdout: as stdin.
        stderr: as stdin.
        enter: gives up rights of the thread that it is called on, which the child then lacks too.

    Raises:
        OSError: it cannot be started: FileNotFoundError, PermissionError, or E2BIG for too many arguments; or
            `enter` failed, and then nothing was started.
        ValueError: an argument holds a NUL or an unpaired surrogate.
    """
    tree.adopt_orphans()
    conceal()
    mark = os.urandom(8).hex()
    since = tree.ticks()
    program = located(argv[0], env.get("PATH", os.defpath), cwd)

    def begin() -> "subprocess.Popen[bytes]":
        return subprocess.Popen(  # noqa: S603 - starting programs is what this module is for
            [program, *argv[1:]],
            cwd=cwd,
            env={**env, MARK: mark},
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            bufsize=0,
        )

    return Child(begin() if enter is None else _from_its_own_thread(enter, begin), mark, since)


def _from_its_own_thread(
    enter: Enter, begin: "Callable[[], subprocess.Popen[bytes]]"
) -> "subprocess.Popen[bytes]":
    """Start a child from a thread that gave up rights, which ends with that: no other thread lacks them.

    A thread that stayed would stand inside of the fence as a part of this process. What is fenced in could send it
    signals, which are the whole process's, and read this process's memory and environment through it.
    """
    made: list[subprocess.Popen[bytes]] = []
    failed: list[BaseException] = []

    def work() -> None:
        try:
            enter()
            made.append(begin())
        except BaseException as error:  # noqa: BLE001 - raised where the thread is waited for
            failed.append(error)

    thread = Thread(target=work, daemon=True, name="fence")
    thread.start()
    thread.join()
    if failed:
        raise failed.pop()
    return made[0]


class PipeReader:
    """Reads a pipe as data comes, on the running loop; `ended` is set at its end."""

    def __init__(self, fd: int, on_bytes: OnBytes) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._on_bytes = on_bytes
        self._loop = asyncio.get_running_loop()
        self._open = True
        self.ended = asyncio.Event()
        self._loop.add_reader(fd, self._read)

    def _read(self) -> bool:
        try:
            data = os.read(self._fd, _CHUNK)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            data = b""
        if not data:
            self.close()
            return False
        self._on_bytes(data)
        return True

    def read(self) -> None:
        """Read what is there, without waiting for more."""
        for _ in range(64):
            if not (self._open and self._read()):
                break

    async def drain(self, seconds: float = DRAIN) -> bool:
        """Read what is there; wait for the end at most `seconds`. Whether the end came."""
        self.read()
        if self._open:
            try:
                await asyncio.wait_for(self.ended.wait(), seconds)
            except TimeoutError:
                return False
        return True

    def close(self) -> None:
        """Stop reading; a writer that goes on gets SIGPIPE."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self.ended.set()


@dataclass(frozen=True, slots=True)
class Finished:
    """What a program printed and how it ended.

    `status` is negative for a signal. `timed_out`: it was ended for time. `cut`: it was ended for printing more
    than the limit. `left`: a process that it started still runs.
    """

    status: int
    stdout: bytes
    stderr: bytes
    timed_out: bool = False
    cut: bool = False
    left: bool = False


async def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    seconds: float = 30.0,
    limit: int = 8_000_000,
    enter: Enter | None = None,
) -> Finished:
    """Run a program to its end and return what it printed. Cancelling ends its whole tree.

    Args:
        argv: the program and its arguments; no shell.
        cwd: where it runs.
        env: its whole environment; None for this process's own, cleaned of secrets.
        stdin: what it can read.
        seconds: after these its tree is ended and what it printed is returned.
        limit: bytes of stdout after which its tree is ended; stderr is cut to its first 64 KiB.
        enter: see `start`.

    Raises:
        OSError: it cannot be started.
        ValueError: an argument holds a NUL or an unpaired surrogate.
    """
    run_ = _Run(limit)
    child = run_.start(argv, cwd, clean_environment(os.environ) if env is None else env, stdin, enter)
    return await run_.finish(child, seconds)


class _Run:
    """The collecting side of `run`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._stdout = bytearray()
        self._stderr = bytearray()
        self._full = asyncio.Event()
        self._readers: list[PipeReader] = []

    def start(
        self, argv: Sequence[str], cwd: Path, env: Mapping[str, str], stdin: bytes, enter: Enter | None
    ) -> Child:
        out, out_end = os.pipe()
        err, err_end = os.pipe()
        begin = partial(start, argv, cwd=cwd, env=env, stdout=out_end, stderr=err_end, enter=enter)
        try:
            if stdin:
                # A file instead of a pipe: no writer that has to be fed while the output is read.
                with tempfile.TemporaryFile() as source:
                    source.write(stdin)
                    source.seek(0)
                    child = begin(stdin=source)
            else:
                child = begin()
        except BaseException:
            os.close(out)
            os.close(err)
            raise
        finally:
            os.close(out_end)
            os.close(err_end)
        self._readers = [PipeReader(out, self._take_stdout), PipeReader(err, self._take_stderr)]
        return child

    def _take_stdout(self, data: bytes) -> None:
        room = self._limit - len(self._stdout)
        self._stdout += data[:room]
        if len(data) > room:
            self._full.set()

    def _take_stderr(self, data: bytes) -> None:
        self._stderr += data[: _CHUNK - len(self._stderr)]

    async def finish(self, child: Child, seconds: float) -> Finished:
        ended = asyncio.ensure_future(child.wait())
        full = asyncio.ensure_future(self._full.wait())
        left = False
        try:
            await asyncio.wait({ended, full}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            timed_out = not ended.done() and not full.done()
            if not ended.done():
                await child.end()
            drained = await asyncio.gather(*(reader.drain() for reader in self._readers))
            left = not all(drained)
        except BaseException:
            child.kill()
            raise
        finally:
            ended.cancel()
            full.cancel()
            for reader in self._readers:
                reader.close()
        status = await child.wait()
        return Finished(
            status, bytes(self._stdout), bytes(self._stderr), timed_out, self._full.is_set(), left
        )
