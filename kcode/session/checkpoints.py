"""Keeping what files were, and bringing it back: every file that a tool changes, and the whole folder around commands.

File tools' contents are kept under their SHA-256. Around the calls of a response that may change anything else, the
whole folder is kept in a git repository of kcode's own. Which was when is told by the session's events.
"""

import asyncio
import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kcode.session.blobs import Blobs
from kcode.session.restore import ABSENT, LINK, Now, Ready, Version, Wanted, Write, look, put_back
from kcode.session.shadow import Caps, Shadow, ShadowError, Snapshot
from kcode.session.timeline import Change, Trees
from kcode.types.events import Checkpointed, Event, FileChange, FileLines, Notice, Restored

_LISTED = 100
"""Changed files that an event names."""
_LEFT_OUT = 50
_PATIENCE = 1.0
"""Seconds of keeping files after which the person is told what is being waited for."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What going back would do: files to put back, and those that stay as they are, with the reason."""

    ready: Sequence[Ready]
    kept: Sequence[tuple[Path, str]]


class Checkpoints:
    """The kept files of one working folder.

    Args:
        home: kcode's own folder; None to keep everything in a temporary one.
        root: the working folder: absolute, links resolved.
        emit: records and shows an event.
        user_home: the person's home folder, which is never kept as a whole.
        caps: how much is kept of the folder at most.
        whole: whether the folder is kept around commands.
    """

    def __init__(
        self,
        home: Path | None,
        root: Path,
        emit: Callable[[Event], Awaitable[None]],
        *,
        user_home: Path | None = None,
        caps: Caps | None = None,
        whole: bool = True,
    ) -> None:
        self._home = home
        self._root = root
        self._emit = emit
        self._caps = caps
        self._temporary: Path | None = None
        self._shadow: Shadow | None = None
        self._blobs: Blobs | None = None
        self._depth = 0
        self._last: Snapshot | None = None
        self._task: asyncio.Task[None] | None = None
        self.problem = _unfit(root, user_home) if whole else "it is switched off in the settings"
        """Why the folder is not kept as a whole; empty while it is."""
        self._hopeless = bool(self.problem)

    def keep(self, data: bytes) -> str:
        """Keep the content of a file that a tool is about to change or has just made; says what went wrong, or ""."""
        try:
            self._store().put(data)
        except OSError as error:
            return error.strerror or str(error)
        return ""

    def begin(self) -> None:
        """Keep the folder for the first time, in the background; later ones take a fraction of that."""
        if not self.problem and self._shadow is None and self._task is None:
            self._task = asyncio.create_task(self._first())

    async def before(self) -> None:
        """Keep the folder before calls that may change it; nothing is done for calls within calls."""
        self._depth += 1
        if self._depth > 1 or self._hopeless:
            return
        if self._task is not None and (await asyncio.wait({self._task}, timeout=_PATIENCE))[1]:
            await self._emit(Notice(text="Keeping a copy of this folder's files first.", code="checkpoint"))
            await self.settled()
        if self._hopeless:
            return
        found = await self._snapshot()
        self._last = found if found.tree else None
        await self._emit(self._event("before", found))

    def after(self) -> None:
        """Keep the folder after those calls, in the background."""
        self._depth = max(self._depth - 1, 0)
        if self._depth == 0 and self._last:
            before, self._last = self._last, None
            self._task = asyncio.create_task(self._after(before, self._task))

    async def settled(self) -> None:
        """Wait for what is done in the background."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def plan(self, changes: Sequence[Change]) -> Plan:
        """Say what putting everything back to the state before these changes would do."""
        wanted, kept = await self._wanted(changes)
        ready: list[Ready] = []
        for file in wanted:
            try:
                now = look(file.path)
                if now.is_(file.target) and not _bits_only(now, file):
                    continue
                if file.others or not now.is_(file.left):
                    kept.append((file.path, "somebody else changed it"))
                    continue
                bits = self._copies().bits(file.path) if now.data is None else None
                ready.append(Ready(file.path, now, await self._content(file.target), bits))
            except OSError as error:
                kept.append((file.path, error.strerror or str(error)))
        return Plan(ready, kept)

    async def restore(
        self, plan: Plan, write: Write, *, conversation: bool, redo: bool = False
    ) -> tuple[Restored, Sequence[tuple[Path, str]]]:
        """Put files back and record it; returns that, and what could not be put back."""
        for file in plan.ready:
            for state in (file.now, file.then):
                if state.data is not None:
                    self.keep(state.data)
        done, failed = await put_back(plan.ready, write, self._root)
        event = Restored(files=tuple(done), conversation=conversation, redo=redo)
        if done or conversation or redo:
            await self._emit(event)
        return event, failed

    async def close(self) -> None:
        """Finish, and delete what is not to be kept."""
        await self.settled()
        if self._shadow is not None:
            self._shadow.close()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def _folder(self) -> Path:
        if self._home is not None:
            name = hashlib.sha256(os.fsencode(self._root)).hexdigest()[:24]
            return self._home / "checkpoints" / name
        if self._temporary is None:
            self._temporary = Path(tempfile.mkdtemp(prefix="kcode-"))
        return self._temporary

    def _store(self) -> Blobs:
        if self._blobs is None:
            self._blobs = Blobs(self._folder() / "blobs")
        return self._blobs

    def _copies(self) -> Shadow:
        if self._shadow is None:
            besides = [self._home] if self._home else []
            name = f"{os.getpid()}-{os.urandom(4).hex()}"
            self._shadow = Shadow(self._folder() / "git", self._root, name, caps=self._caps, besides=besides)
        return self._shadow

    async def _first(self) -> None:
        await self._snapshot()

    async def _snapshot(self, since: Snapshot | None = None) -> Snapshot:
        found = await self._copies().snapshot(since)
        self.problem, self._hopeless = found.problem, found.lasting
        return found

    async def _after(self, before: Snapshot, earlier: "asyncio.Task[None] | None") -> None:
        if earlier is not None:
            await asyncio.wait({earlier})
        found = await self._snapshot(before)
        event = self._event("after", found)
        if found.tree and found.tree != before.tree:
            shadow = self._copies()
            with contextlib.suppress(ShadowError, OSError):
                changed = await shadow.changes(before.tree, found.tree)
                lines = [
                    FileLines(path=str(shadow.top / c.path), added=c.added, removed=c.removed)
                    for c in changed[:_LISTED]
                ]
                event = event.model_copy(update={"changed": tuple(lines), "more": len(changed) - len(lines)})
        await self._emit(event)

    def _event(self, moment: str, found: Snapshot) -> Checkpointed:
        return Checkpointed(
            moment="before" if moment == "before" else "after",
            top=str(self._copies().top),
            tree=found.tree,
            problem=found.problem,
            omitted=found.omitted[:_LEFT_OUT],
        )

    async def _wanted(self, changes: Sequence[Change]) -> tuple[list[Wanted], list[tuple[Path, str]]]:
        """Chain the changes of each file: what it was before the first, what it is after the last."""
        chains: dict[Path, Wanted] = {}
        kept: list[tuple[Path, str]] = []
        for change in changes:
            for path, before, after in await self._versions(change, kept):
                first = chains.get(path)
                if first is None:
                    chains[path] = Wanted(path, before, after)
                else:
                    others = first.others or _differ(first.left, before)
                    chains[path] = Wanted(path, first.target, after, others)
        return list(chains.values()), kept

    async def _versions(
        self, change: Change, kept: list[tuple[Path, str]]
    ) -> Sequence[tuple[Path, Version, Version]]:
        match change:
            case FileChange():
                return [_by_tool(change)]
            case Restored():
                return [
                    (Path(f.path), _hashed(f.before, f.before_mode), _hashed(f.after, f.after_mode))
                    for f in change.files
                ]
            case Trees():
                return await self._between(change, kept)

    async def _between(
        self, change: Trees, kept: list[tuple[Path, str]]
    ) -> Sequence[tuple[Path, Version, Version]]:
        """What trees tell holds; of file tools only what lies outside of them."""
        top = Path(change.top)
        found: dict[Path, tuple[Path, Version, Version]] = {}
        for file in change.files:
            path, before, after = _by_tool(file)
            found[path] = (path, found[path][1] if path in found else before, after)
        try:
            different = await self._copies().changes(change.before, change.after)
        except (ShadowError, OSError) as error:
            kept.append((top, f"what commands changed is not known any more ({error})"))
            return list(found.values())
        for one in different:
            path = top / one.path
            found[path] = (path, _in_git(one.before, one.before_mode), _in_git(one.after, one.after_mode))
        return list(found.values())

    async def _content(self, version: Version) -> Now:
        """Return a kept state; raises OSError if it is gone."""
        if version.kind == "absent":
            return Now(None)
        store = self._store()
        data = store.get(version.id) if version.kind == "sha256" else await self._copies().read(version.id)
        if data is None:
            raise OSError(0, "what it was is not kept")
        return Now(data, version.mode)


def _unfit(root: Path, user_home: Path | None) -> str:
    if root == Path(root.anchor) or (user_home is not None and root == user_home.resolve()):
        return "this is a home folder or the root of the disk; start kcode in a project's folder"
    return "" if shutil.which("git") else "git is not installed"


def _by_tool(change: FileChange) -> tuple[Path, Version, Version]:
    return Path(change.path), _hashed(change.before), _hashed(change.after)


def _hashed(sha256: str | None, mode: str = "") -> Version:
    return ABSENT if sha256 is None else Version("sha256", sha256, mode)


def _in_git(blob: str, mode: str) -> Version:
    return Version("git", blob, mode) if blob else ABSENT


def _bits_only(now: Now, file: Wanted) -> bool:
    """Whether the agent changed who may run a file, and it still is like that."""
    then, left = file.target.mode, file.left.mode
    return bool(then and left) and then != left == now.mode


def _differ(left: Version, before: Version) -> bool:
    """Whether a file was surely changed between the state it was left in and the one it was found in."""
    if left.kind == before.kind:
        return left.id != before.id or (left.mode == LINK) != (before.mode == LINK)
    return "absent" in {left.kind, before.kind}
