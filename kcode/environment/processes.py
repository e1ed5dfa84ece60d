"""Shell commands on this machine."""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

from kcode.environment.fence import Confined
from kcode.process.environ import clean_environment
from kcode.process.job import Job
from kcode.process.limits import Limits, process_limit
from kcode.process.output import LIMIT, Output, Spill
from kcode.process.scratch import OUTPUT, Scratch
from kcode.process.shell import MAX_ARGUMENT, Left, State, command_line, find_shell, taint
from kcode.process.tree import lives
from kcode.screen.sanitise import Sanitiser, sanitise
from kcode.screen.secrets import Pieces, Secrets
from kcode.types.environment import BackgroundOutput, CommandResult, OnOutput


class Fencing(Protocol):
    """Decides which commands are fenced in, and how."""

    def fences(self, command: str) -> bool:
        """Whether a command has to be fenced in."""
        ...

    def confine(self, command: str, argv: Sequence[str], cwd: Path, scratch: Path) -> Confined:
        """Given a command, the arguments that run it, where, and a private folder: how it is run, fenced or not."""
        ...


MoreVariables: TypeAlias = Callable[[Path, Mapping[str, str]], Awaitable[Mapping[str, str]]]
"""Given where a command is to run and its environment: variables for this one command."""

_CANCEL_WAIT = 0.3
"""Seconds that cancelling waits for a command's end; what takes longer ends behind it."""
_KEPT = 100
"""Finished background commands whose output can still be asked for."""


class LocalProcesses:
    """Runs each command in a fresh shell; the working folder and exported variables carry over.

    Implements `kcode.types.environment.Processes`.
    """

    def __init__(
        self,
        root: Path,
        *,
        folders: Callable[[], Sequence[Path]] | None = None,
        env: Mapping[str, str] | None = None,
        pass_env: Collection[str] = (),
        scratch: Path | None = None,
        limits: Limits | None = None,
        output_limit: int = LIMIT,
    ) -> None:
        """Make it; nothing is started or written yet.

        Args:
            root: where the first command runs: absolute, links resolved.
            folders: says which folders a command may leave as the working folder; only `root` if None.
            env: what commands' environment is made of; this process's own if None. Secrets are stripped.
            pass_env: names of variables that commands get although they look like secrets.
            scratch: a folder in which this makes one of its own for output that is too long to show, so that
                it outlives the session; None for one that `close` deletes.
            limits: what one command may take of the machine.
            output_limit: bytes of output that a result shows.
        """
        self.fencing: Fencing | None = None
        """Puts a fence around commands; None for none."""
        self.secrets = Secrets()
        """What is taken out of output that is kept in files."""
        self.more: MoreVariables | None = None
        """Asked before each command for variables that it gets beside the others."""
        self._root = root
        self._folders = folders or (lambda: (root,))
        self._base = clean_environment(os.environ if env is None else env, pass_env)
        self._env: Mapping[str, str] = dict(self._base)
        self._cwd = root
        self._kept = scratch
        self._scratch: Scratch | None = None
        self._limits = limits or Limits()
        self._output_limit = output_limit
        self._shell = find_shell(self._base.get("PATH", os.defpath), root)
        self._count = 0
        self._running: dict[str, Job] = {}
        self._background: dict[str, Job] = {}
        self._tasks: set[asyncio.Task[object]] = set()

    @property
    def cwd(self) -> Path:
        """Where the next command runs."""
        return self._cwd

    @property
    def env(self) -> Mapping[str, str]:
        """The variables that the next command gets."""
        return self._env

    def go_on(self, cwd: Path, env: Mapping[str, str]) -> None:
        """Run the next command where a shell that ran elsewhere left off."""
        self._cwd, self._env = cwd, env

    def fences(self, command: str) -> bool:
        """Whether a command would run inside of a fence."""
        return self.fencing is not None and self.fencing.fences(command)

    @property
    def tainted(self) -> str:
        """The variable that changed how commands are found, empty if none did."""
        return taint(self._base, self._env)

    @property
    def scratch(self) -> Path | None:
        """The folder with output that was too long to show, None while there is none."""
        return self._scratch.path if self._scratch else None

    async def run(
        self, command: str, on_output: OnOutput, *, seconds: float, background: bool = False
    ) -> CommandResult:
        """Run a shell command; for at most `seconds`, unless in the background.

        Cancelling ends it and everything it started.

        Raises:
            OSError: the shell cannot be started, e.g. for too large an environment or a missing root.
            ValueError: the command holds a NUL or an unpaired surrogate.
        """
        notes: list[str] = []
        if not self._cwd.is_dir():
            notes.append(self._to_root("no longer exists"))
        more: Mapping[str, str] = {} if self.more is None else await self.more(self._cwd, self._env)
        job, left = self._start(command, None if background else on_output, more)
        if background:
            self._to_background(job)
            return CommandResult(None, "", job.cwd, background=job.id)
        self._running[job.id] = job
        try:
            end, why = await job.watch(seconds, self._limits)
            if why:
                notes.append(f"The command was ended: {why}.")
            if end in {"timed out", "too much"}:
                await self._end(job, notes)
            if end == "detached":
                self._to_background(job)
                output = job.take_output()
                return self._result(output, None, notes, background=job.id)
            await self._settle(job, notes)
        except BaseException:
            await self._abandon(job)
            raise
        finally:
            self._running.pop(job.id, None)
        if end != "timed out":
            self._carry_over(left.read(self._env), notes)
        left.file.unlink(missing_ok=True)
        status = None if end == "timed out" else job.child.status
        return self._result(job.take_output(), status, notes, timed_out=end == "timed out")

    def detach(self, process: str | None = None) -> Sequence[str]:
        """Move running commands to the background: this one, or all that are waited for.

        Returns:
            The ids of those that were moved. Each one's `run` returns with what it printed so far.
        """
        moved = [
            job for job in self._running.values() if process in {None, job.id} and not job.detached.is_set()
        ]
        for job in moved:
            job.detach()
        return [job.id for job in moved]

    async def output(self, process: str) -> BackgroundOutput:
        """Return what a background command printed since the last call; raises KeyError if unknown."""
        job = self._background[process]
        # The status first: what is printed between the two is then not lost but shown next time.
        running = self._lives(job)
        output = job.take_output()
        text = _shown(output) + (f"\n[The whole of it: {output.spill}]" if output.spill else "")
        return BackgroundOutput(job.id, job.command, running, job.child.poll(), text)

    async def kill(self, process: str) -> bool:
        """End a background command and everything it started; whether any of it was still running.

        Raises:
            KeyError: there is no such command.
        """
        job = self._background[process]
        running = self._lives(job)
        await job.child.end(alone=self._alone(job))
        await job.settle()
        job.close()
        return running

    def background(self) -> Sequence[str]:
        """The ids of the commands that run in the background."""
        return [job.id for job in self._background.values() if self._lives(job)]

    async def close(self) -> None:
        """End everything that still runs."""
        jobs = [*self._running.values(), *self._background.values()]
        alone = len(jobs) <= 1
        await asyncio.gather(*(job.child.end(alone=alone) for job in jobs))
        for job in jobs:
            job.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._background.clear()
        if self._scratch is not None:
            self._scratch.close()
            self._scratch = None

    def _start(self, command: str, on_output: OnOutput | None, more: Mapping[str, str]) -> tuple[Job, Left]:
        self._count += 1
        id_ = f"bash_{self._count}"
        folder = self._folder()
        state = folder / f"{id_}.state"
        if len(command.encode()) > MAX_ARGUMENT:
            script = folder / f"{id_}.sh"
            script.write_text(command, encoding="utf-8")
            script.chmod(0o600)
            argument = f". '{script}'"
        else:
            argument = command
        sanitiser = Sanitiser()

        async def show(data: bytes) -> None:
            text = sanitiser.feed(data)
            if on_output is not None and text:
                await on_output(text)

        argv = command_line(self._shell, argument, state, processes=process_limit(self._limits))
        how = (
            Confined(argv) if self.fencing is None else self.fencing.confine(command, argv, self._cwd, folder)
        )
        given = {**more, **how.env}
        job = Job(
            id_,
            command,
            argv=how.argv,
            cwd=self._cwd,
            env={**self._env, **given},
            spill=Spill(folder / f"{id_}{OUTPUT}", hide=Pieces(self.secrets)),
            limit=self._output_limit,
            on_bytes=show if on_output is not None else None,
            enter=how.enter,
        )
        return job, Left(state, given)

    def _folder(self) -> Path:
        if self._scratch is None or not self._scratch.path.is_dir():
            self._scratch = Scratch(self._kept)
        return self._scratch.path

    async def _end(self, job: Job, notes: list[str]) -> None:
        if not await job.child.end(alone=self._alone(job)):
            notes.append("Some of its processes could not be ended; they hang in the system.")

    async def _settle(self, job: Job, notes: list[str]) -> None:
        """Collect the rest of a command's output; what it left running becomes a background command."""
        silent = await job.settle()
        alone = self._alone(job)
        if silent and not lives(job.child.family, alone=alone):
            job.close()
            return
        self._background[job.id] = job
        left = job.left(alone=alone)
        names = ", ".join(f"{sanitise(process.name)} (process {process.pid})" for process in left[:5])
        more = f" and {len(left) - 5} more" if len(left) > 5 else ""
        notes.append(
            f"Still running in the background as {job.id}: {names or 'a process that holds its output open'}{more}. "
            "It will be ended with the session."
        )

    async def _abandon(self, job: Job) -> None:
        """End a command whose caller is gone, at once for the caller and to the end behind it."""
        task: asyncio.Task[object] = asyncio.ensure_future(job.child.end(alone=self._alone(job)))
        self._keep(task)
        try:
            # Showing may be what failed.
            with contextlib.suppress(Exception):
                await job.show_rest()
        finally:
            job.close()
        await asyncio.wait({task}, timeout=_CANCEL_WAIT)

    def _to_background(self, job: Job) -> None:
        finished = [id_ for id_, other in self._background.items() if not self._lives(other)]
        for id_ in finished[: max(len(finished) - _KEPT, 0)]:
            del self._background[id_]
        self._background[job.id] = job
        self._keep(asyncio.ensure_future(self._mind(job)))

    async def _mind(self, job: Job) -> None:
        _, why = await job.watch(None, self._limits)
        if why:
            await job.child.end(alone=self._alone(job))
            job.output.feed(f"\n[The command was ended: {why}.]\n".encode())
        if await job.settle():
            job.close()

    def _keep(self, task: "asyncio.Task[object] | asyncio.Task[None]") -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _alone(self, job: Job) -> bool:
        others = {
            *self._running,
            *(id_ for id_, other in self._background.items() if other.child.poll() is None),
        }
        return others <= {job.id}

    def _lives(self, job: Job) -> bool:
        return job.child.poll() is None or lives(job.child.family)

    def _carry_over(self, state: State | None, notes: list[str]) -> None:
        if state is None:
            return
        self._env = state.env
        if state.cwd is None:
            notes.append(self._to_root("no longer exists"))
            return
        allowed = (self._root, *self._folders())
        self._cwd = state.cwd
        if not any(state.cwd == folder or folder in state.cwd.parents for folder in allowed):
            notes.append(self._to_root("is outside the working folders"))

    def _to_root(self, why: str) -> str:
        gone, self._cwd = self._cwd, self._root
        return f"The working folder {sanitise(str(gone))} {why}; commands run in {self._root} again."

    def _result(
        self,
        output: Output,
        status: int | None,
        notes: Sequence[str],
        *,
        timed_out: bool = False,
        background: str | None = None,
    ) -> CommandResult:
        problem = (f"Not all output was kept: {output.problem}.",) if output.problem else ()
        return CommandResult(
            status=status,
            output=_shown(output),
            cwd=self._cwd,
            timed_out=timed_out,
            total_bytes=output.total,
            spill=output.spill,
            notes=(*notes, *problem),
            background=background,
        )


def _shown(output: Output) -> str:
    return sanitise(output.text())
