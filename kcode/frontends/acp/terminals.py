"""Commands in terminals of the editor, where a person can watch them.

What has to be fenced in does not run there: nothing that this process gives up is given up by the editor's, and
the editor's variables would be in the fence. It runs on this machine, as where an editor has no terminals.
"""

import asyncio
import os
import shlex
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from kcode.engine.settle import uninterrupted
from kcode.environment.local import LocalEnvironment
from kcode.environment.processes import LocalProcesses
from kcode.frontends.acp.editor import Editor, EditorError
from kcode.process.output import Output, Spill
from kcode.process.scratch import OUTPUT, Scratch
from kcode.process.shell import Left, State, command_line, find_shell, taint
from kcode.screen.sanitise import sanitise
from kcode.screen.secrets import Pieces
from kcode.types.environment import BackgroundOutput, CommandResult, OnOutput

_PIECE = 1 << 14
KEPT = 4 << 20
"""Bytes of output that the editor is asked to keep."""
END_SECONDS = 5.0
"""Seconds to wait for a killed program, and for an editor that is asked to give a terminal back."""

OnTerminal: TypeAlias = Callable[[str, str], Awaitable[None]]
"""Told of a command and the id of the terminal that it runs in, before anything is waited for."""


@dataclass(slots=True)
class _Background:
    command: str
    terminal: str
    shown: int = 0


class EditorTerminals:
    """Implements `kcode.types.environment.Processes`.

    A command runs in the same kind of fresh shell as on this machine, and leaves its folder and variables to the
    next one, wherever that runs. Where the editor cannot start a terminal, commands run on this machine from then on.
    """

    def __init__(
        self,
        local: LocalEnvironment,
        editor: Editor,
        session: str,
        *,
        scratch: Path | None,
        on_terminal: OnTerminal,
    ) -> None:
        """Make it; nothing is started yet.

        Args:
            local: this machine.
            editor: who has the terminals.
            session: whose they are.
            scratch: a folder for output that is too long to show; None for a temporary one.
            on_terminal: told of each command's terminal.
        """
        self._place = local
        self._editor = editor
        self._session = session
        self._on_terminal = on_terminal
        self._base = self._env = local.processes.env
        self._cwd = local.root
        self._shell = find_shell(self._base.get("PATH", os.defpath), local.root)
        self._kept = scratch
        self._scratch: Scratch | None = None
        self._count = 0
        self._background: dict[str, _Background] = {}
        self._running: dict[str, asyncio.Event] = {}
        self._usable = True

    @property
    def _local(self) -> LocalProcesses:
        return self._place.processes

    @property
    def cwd(self) -> Path:
        """Where the next command runs."""
        return self._cwd

    @property
    def tainted(self) -> str:
        """The variable that changed how commands are found, empty if none did."""
        return taint(self._base, self._env)

    async def run(
        self, command: str, on_output: OnOutput, *, seconds: float, background: bool = False
    ) -> CommandResult:
        """Run a shell command in a terminal of the editor, for at most `seconds`; cancelling kills it."""
        if not self._usable or self._local.fences(command):
            return await self._here(command, on_output, seconds=seconds, background=background)
        self._count += 1
        more = await self._place.more_variables(self._cwd, self._env)
        left = Left(self._folder() / f"{self._count}.state", more)
        starting = asyncio.ensure_future(self._start(command, left))
        try:
            terminal = await asyncio.shield(starting)
        except asyncio.CancelledError:
            await uninterrupted(self._give_up(starting))
            raise
        except EditorError:
            self._usable = False
            return await self._here(command, on_output, seconds=seconds, background=background)
        await self._on_terminal(command, terminal)
        key = f"terminal_{self._count}"
        job = _Background(command, terminal)
        if background:
            self._background[key] = job
            return CommandResult(None, "", self._cwd, background=key)
        detached = self._running[key] = asyncio.Event()
        try:
            if not await self._wait(terminal, seconds, detached):
                return await self._end(terminal, left, timed_out=True)
            if detached.is_set():
                self._background[key] = job
                return CommandResult(None, (await self.output(key)).output, self._cwd, background=key)
            return await self._end(terminal, left, timed_out=False)
        except EditorError as error:
            words = f"The editor lost this command: {error}. Whether it ran to its end is unknown."
            return CommandResult(None, "", self._cwd, notes=(words,))
        except asyncio.CancelledError:
            await uninterrupted(self._abandon(terminal))
            raise
        finally:
            del self._running[key]
            if key not in self._background:
                await uninterrupted(self._release(terminal))

    async def output(self, process: str) -> BackgroundOutput:
        """Return what a background command printed since the last call; raises KeyError if unknown."""
        job = self._background.get(process)
        if job is None:
            return await self._local.output(process)
        try:
            found = await self._editor.terminal_output(self._session, job.terminal)
        except EditorError:
            return BackgroundOutput(process, job.command, running=False, status=None, output="")
        text, job.shown = found.output[job.shown :], len(found.output)
        ended = found.exit_status
        status = _status(ended.exit_code, ended.signal) if ended else None
        return BackgroundOutput(process, job.command, ended is None, status, sanitise(text))

    async def kill(self, process: str) -> bool:
        """End a background command; whether it was still running."""
        job = self._background.get(process)
        if job is None:
            return await self._local.kill(process)
        running = (await self.output(process)).running
        await self._editor.terminal_end(self._session, job.terminal, release=False)
        return running

    def detach(self) -> Sequence[str]:
        """Let the running commands go on in the background; returns their ids. Each `run` returns at once."""
        moved = list(self._running)
        for detached in self._running.values():
            detached.set()
        return [*moved, *self._local.detach()]

    def background(self) -> Sequence[str]:
        """The ids of the commands that were started in the background."""
        return [*self._background, *self._local.background()]

    async def close(self) -> None:
        """End everything that still runs and give its terminals back."""
        jobs, self._background = list(self._background.values()), {}
        ends = [self._editor.terminal_end(self._session, job.terminal, release=True) for job in jobs]
        if ends:
            await asyncio.wait([asyncio.ensure_future(end) for end in ends], timeout=END_SECONDS)
        if self._scratch is not None:
            self._scratch.close()

    async def _here(
        self, command: str, on_output: OnOutput, *, seconds: float, background: bool
    ) -> CommandResult:
        """Run a command on this machine, from where the last one left off to where the next one goes on."""
        self._local.go_on(self._cwd, self._env)
        result = await self._local.run(command, on_output, seconds=seconds, background=background)
        self._cwd, self._env = self._local.cwd, self._local.env
        return result

    async def _start(self, command: str, left: Left) -> str:
        shell, _, script, _, argument = command_line(self._shell, command, left.file)
        file = left.file.with_suffix(".sh")
        hidden = [name for name in os.environ if name not in self._base]
        names = " ".join(shlex.quote(name) for name in hidden if name.isidentifier())
        # The editor's own variables would be there too; and nobody is there to answer a program's questions.
        head = f"exec </dev/null\n{f'unset {names}' if names else ':'} 2>/dev/null\n"
        file.write_text(head + script + "\n", encoding="utf-8")
        file.chmod(0o600)
        env = {**self._env, **left.given}
        changed = {name: value for name, value in env.items() if os.environ.get(name) != value}
        return await self._editor.terminal(
            self._session, [shell, str(file), argument], str(self._cwd), changed, KEPT
        )

    async def _wait(self, terminal: str, seconds: float, detached: asyncio.Event) -> bool:
        """Wait for a terminal's program, or for it to be let go; False where it took too long and was killed."""
        ended = asyncio.ensure_future(self._editor.terminal_exit(self._session, terminal))
        left = asyncio.ensure_future(detached.wait())
        try:
            done, _ = await asyncio.wait({ended, left}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                await self._editor.terminal_end(self._session, terminal, release=False)
                await asyncio.wait({ended}, timeout=END_SECONDS)
            elif ended in done:
                # Raises where the editor lost it.
                ended.result()
            return bool(done)
        finally:
            ended.cancel()
            left.cancel()

    async def _end(self, terminal: str, left: Left, *, timed_out: bool) -> CommandResult:
        """Collect what a terminal's program printed and left behind."""
        found = await self._editor.terminal_output(self._session, terminal)
        notes = [] if timed_out else self._carry_over(left.read(self._env))
        ended = found.exit_status
        status = None if timed_out or ended is None else _status(ended.exit_code, ended.signal)
        return self._result(found.output, status, notes, cut=found.truncated, timed_out=timed_out)

    async def _give_up(self, starting: "asyncio.Future[str]") -> None:
        """Nobody waits any more for a terminal that may be there in a moment."""
        await asyncio.wait({starting}, timeout=END_SECONDS)
        if starting.done() and starting.exception() is None:
            await self._abandon(starting.result())
            await self._release(starting.result())

    async def _abandon(self, terminal: str) -> None:
        end = self._editor.terminal_end(self._session, terminal, release=False)
        await asyncio.wait({asyncio.ensure_future(end)}, timeout=END_SECONDS)

    async def _release(self, terminal: str) -> None:
        end = self._editor.terminal_end(self._session, terminal, release=True)
        await asyncio.wait({asyncio.ensure_future(end)}, timeout=END_SECONDS)

    def _carry_over(self, state: State | None) -> list[str]:
        if state is None:
            return []
        self._env = state.env
        root = self._place.root
        self._cwd = state.cwd or root
        if state.cwd is None or any(state.cwd.is_relative_to(folder) for folder in self._place.folders):
            return []
        self._cwd = root
        left = sanitise(str(state.cwd))
        return [f"The working folder {left} is outside the working folders; commands run in {root} again."]

    def _result(
        self, text: str, status: int | None, notes: list[str], *, cut: bool, timed_out: bool
    ) -> CommandResult:
        spill = Spill(self._folder() / f"{self._count}{OUTPUT}", hide=Pieces(self._local.secrets))
        output = Output(spill=spill)
        data = text.replace("\r\n", "\n").encode("utf-8", "replace")
        for start in range(0, len(data), _PIECE):
            output.feed(data[start : start + _PIECE])
        spill.close()
        if cut:
            notes.append("The editor kept only the end of the output.")
        return CommandResult(
            status=status,
            output=sanitise(output.text()),
            cwd=self._cwd,
            timed_out=timed_out,
            total_bytes=output.total,
            spill=output.spill,
            notes=tuple(notes),
        )

    def _folder(self) -> Path:
        if self._scratch is None or not self._scratch.path.is_dir():
            self._scratch = Scratch(self._kept)
        return self._scratch.path


def _status(code: int | None, signal: str | None) -> int:
    """An exit status as the system counts it: negative for a signal."""
    if signal:
        number = signal.removeprefix("SIG")
        known = {"HUP": 1, "INT": 2, "QUIT": 3, "ABRT": 6, "KILL": 9, "SEGV": 11, "PIPE": 13, "TERM": 15}
        return -(int(number) if number.isdecimal() else known.get(number.upper(), 15))
    return code or 0
