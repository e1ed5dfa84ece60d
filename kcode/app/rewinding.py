"""Going back to an earlier prompt: the conversation, the files, or both."""

from collections.abc import Callable, Sequence
from pathlib import Path

from kcode.app.destructive import destructive
from kcode.app.recorder import Recorder
from kcode.engine.agent import Agent
from kcode.engine.guards import PlainHooks
from kcode.session.checkpoints import Checkpoints, Plan
from kcode.session.timeline import Change, Point, Trees
from kcode.types.command import RewindPoint, Rewound
from kcode.types.environment import Files
from kcode.types.errors import SessionError
from kcode.types.events import Notice, Redone, Restored, Undone
from kcode.types.frontend import PermissionRequest
from kcode.types.messages import UserMessage
from kcode.types.state import State
from kcode.types.tool import CommandNeed, Invocation

_NAMED = 20
"""Files that are named for each prompt."""


class CheckpointHooks(PlainHooks):
    """Has the folder kept around the calls of a response that may change something; one for each agent."""

    def __init__(self, rewinding: "Rewinding") -> None:
        self._rewinding = rewinding
        self._open = False

    async def before_effects(self, request: PermissionRequest) -> None:
        """Keep the folder before the first of them, and say so where a command cannot be taken back."""
        if self._rewinding.only_reads(request.invocation):
            return
        if not self._open:
            self._open = True
            await self._rewinding.checkpoints.before()
        await self._rewinding.warn(request.invocation)

    async def after_effects(self) -> None:
        """Keep it again, behind what comes next."""
        if self._open:
            self._open = False
            self._rewinding.checkpoints.after()


class Rewinding:
    """What a conversation can be taken back to, and how.

    Args:
        checkpoints: the kept files.
        recorder: stores events and knows what changed when.
        files: writes files; not one that keeps what it writes.
        root: the working folder.
        only_reads: whether a call surely changes nothing, so that nothing need be kept for it.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        recorder: Recorder,
        files: Files,
        root: Path,
        only_reads: Callable[[Invocation], bool],
    ) -> None:
        self.only_reads = only_reads
        self.checkpoints = checkpoints
        self._recorder = recorder
        self._files = files
        self._root = root
        self._failed: set[str] = set()
        self._told: set[int] = set()
        """Calls, by identity, whose loss the person was told of when asked."""

    def begin(self) -> None:
        """Keep the folder for the first time, behind what the model is asked."""
        self.checkpoints.begin()

    async def close(self) -> None:
        """Finish what is being kept."""
        await self.checkpoints.close()

    async def keep(self, path: Path, data: bytes) -> None:
        """Keep what is in a file that a tool changes; where that fails the person is told, once for each reason."""
        trouble = self.checkpoints.keep(data)
        if trouble and trouble not in self._failed:
            text = f"/rewind cannot bring back {self._shown(path)} as it is now: no copy can be kept ({trouble})."
            await self._recorder(Notice(level="warning", text=text, code="no_checkpoint"))
        self._failed = {trouble} if trouble else set()

    def caution(self, invocation: Invocation) -> str:
        """Say, for who is asked about a call, that what it throws away cannot be brought back; empty if it can."""
        if not self._lost(invocation):
            return ""
        self._told.add(id(invocation))
        return f"/rewind could not bring back what it overwrites or deletes: {self.checkpoints.problem}"

    async def warn(self, invocation: Invocation) -> None:
        """Tell the person of a command that cannot be taken back, unless they were asked about it."""
        told = id(invocation) in self._told
        self._told.clear()
        if not told and (part := self._lost(invocation)):
            text = (
                f"/rewind cannot bring back what `{part}` overwrites or deletes: {self.checkpoints.problem}."
            )
            await self._recorder(Notice(level="warning", text=text, code="no_checkpoint"))

    def _lost(self, invocation: Invocation) -> str:
        """Name the part of a call's command whose losses are not kept; empty if there is none."""
        if not self.checkpoints.problem:
            return ""
        commands = [need.command for need in invocation.needs if isinstance(need, CommandNeed)]
        return next((found for command in commands if (found := destructive(command))), "")

    async def points(self, state: State) -> Sequence[RewindPoint]:
        """The prompts of a conversation, the oldest first."""
        await self.checkpoints.settled()
        return [
            self._described(number, point)
            for number, (_, point) in enumerate(self._recorder.timeline.points(state.transcript), start=1)
        ]

    async def go(self, agent: Agent, number: int, *, conversation: bool, files: bool, look: bool) -> Rewound:
        """Go back to before a prompt, or only look what that would do."""
        await self.checkpoints.settled()
        timeline = self._recorder.timeline
        points = timeline.points(agent.state.transcript)
        if not 1 <= number <= len(points):
            raise SessionError(f"There is no prompt {number} to go back to; there are {len(points)}.")
        position, point = points[number - 1]
        done = Rewound()
        if files:
            changes = list(timeline.since(point))
            plan = await self.checkpoints.plan(changes)
            done = await self._put_back(
                plan, conversation=conversation, look=look, notes=self._notes(changes)
            )
        if conversation and not look:
            await agent.emit(Undone(agent=agent.name, upto=position))
        draft = point.message.text if isinstance(point.message, UserMessage) else ""
        return Rewound(done.restored, done.kept, done.notes, draft if conversation else "", conversation)

    def redoable(self, state: State) -> bool:
        """Whether the last going back can be taken back."""
        restored, cut = self._back(state)
        return restored is not None or cut

    async def redo(self, agent: Agent) -> Rewound | None:
        """Take the last going back back."""
        restored, cut = self._back(agent.state)
        if restored is None and not cut:
            return None
        if cut:
            await agent.emit(Redone(agent=agent.name))
        if restored is None:
            return Rewound(conversation=True)
        plan = await self.checkpoints.plan([restored])
        done = await self._put_back(plan, conversation=cut, look=False, notes=(), redo=True)
        return Rewound(done.restored, done.kept, conversation=cut)

    def _back(self, state: State) -> tuple[Restored | None, bool]:
        restored, cut = self._recorder.timeline.last_back
        return restored, cut and state.redoable

    async def _put_back(
        self, plan: Plan, *, conversation: bool, look: bool, notes: Sequence[str], redo: bool = False
    ) -> Rewound:
        kept = list(plan.kept)
        if look:
            restored = [file.path for file in plan.ready]
        else:
            event, failed = await self.checkpoints.restore(
                plan, self._write, conversation=conversation, redo=redo
            )
            restored = [Path(file.path) for file in event.files]
            kept += failed
        return Rewound(
            [self._shown(path) for path in restored],
            [(self._shown(path), reason) for path, reason in kept],
            notes,
        )

    async def _write(self, path: Path, data: bytes, expect: str) -> None:
        await self._files.write(path, data, expect=expect)

    def _notes(self, changes: Sequence[Change]) -> Sequence[str]:
        notes: list[str] = []
        if self.checkpoints.problem:
            notes.append(
                f"What commands changed is not known ({self.checkpoints.problem}); "
                "only files that tools edited come back."
            )
        omitted = sorted({path for change in changes if isinstance(change, Trees) for path in change.omitted})
        if omitted:
            more = f" and {len(omitted) - 5} more" if len(omitted) > 5 else ""
            notes.append(
                f"Never kept, because too large or a repository of their own: {', '.join(omitted[:5])}{more}."
            )
        if self._recorder.timeline.interrupted:
            notes.append("kcode ended once while commands ran; what those changed is not known.")
        return notes

    def _described(self, number: int, point: Point) -> RewindPoint:
        text = point.message.text if isinstance(point.message, UserMessage) else ""
        lines = [(self._shown(Path(path)), *counts) for path, counts in point.lines.items()]
        more = point.more + max(len(lines) - _NAMED, 0)
        return RewindPoint(number, text, point.at, lines[:_NAMED], more)

    def _shown(self, path: Path) -> str:
        return str(path.relative_to(self._root)) if path.is_relative_to(self._root) else str(path)
