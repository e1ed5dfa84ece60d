"""Copies of a folder's files in a git repository of kcode's own, which lies outside the folder.

The folder need not be a repository; if it is one, nothing of it is touched or read but its list of ignored names.
Git runs hardened and without the person's configuration, so that no filter or hook changes what is kept or starts
anything. Files are kept byte for byte.
"""

import asyncio
import contextlib
import os
import re
import shutil
import stat
import sys
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kcode.process import git as hardening
from kcode.process.environ import clean_environment
from kcode.process.spawn import Finished, run
from kcode.session.born import born
from kcode.session.disk import private_folder
from kcode.session.modes import Modes
from kcode.session.trees import TreeChange, tree_changes

_CONFIG = """\
[core]
\trepositoryformatversion = 0
\tbare = false
\tfsync = none
\tlooseCompression = 1
\tautocrlf = false
\tpreloadIndex = true
[gc]
\tauto = 0
"""
_ATTRIBUTES = "* -text -eol -filter -ident -working-tree-encoding\n"
_GENERATED = (
    *("node_modules", ".venv", "__pycache__", ".tox", ".nox", ".mypy_cache", ".ruff_cache", ".pytest_cache"),
    *(".gradle", ".next", ".nuxt", ".terraform", ".direnv", ".hg", ".svn", ".jj"),
)
"""Folders that tools make anew; they are left out also where no ignore file names them."""
_SECONDS = 60.0
_DAMAGED = re.compile(
    r"invalid object|corrupt|bad (index|object|signature|tree)|unable to read|is empty|not a git repository"
)
_LISTING = 64_000_000
_INDEX = "index"
_COARSE = 5
"""Linux's CLOCK_REALTIME_COARSE, which Python has no name for: file systems take the time from it."""


@dataclass(frozen=True, slots=True)
class Caps:
    """What is kept at most: files altogether, their bytes altogether, and the bytes of a single one."""

    files: int = 30_000
    total: int = 300_000_000
    single: int = 10_000_000


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The id of what was kept, "" if nothing could be, and then why; paths that are left out, relative.

    `lasting` tells that it is of no use to try again; `taken` is the Unix time at which it was complete, by the clock
    that dates files.
    """

    tree: str
    problem: str = ""
    omitted: tuple[str, ...] = ()
    lasting: bool = False
    taken: float = 0.0


class ShadowError(Exception):
    """Git did not do what was asked; the text says why."""


class TooMuchError(ShadowError):
    """The folder is too large to be kept, or cannot be kept at all."""


class Shadow:
    """The copies of one folder.

    Args:
        folder: where they are kept; made when needed.
        root: the folder that is copied: absolute, links resolved.
        name: tells this process's index from others'.
        caps: what is kept at most.
        besides: folders that are never copied.
    """

    def __init__(
        self, folder: Path, root: Path, name: str, *, caps: Caps | None = None, besides: Collection[Path] = ()
    ) -> None:
        self.folder = folder
        self.top = _top(root)
        self._root = root
        self._index = folder / f"{_INDEX}.{name}"
        self._caps = caps or Caps()
        self._besides = tuple(besides)
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[Snapshot]] = set()
        self._tree = ""
        self._large: set[str] = set()
        self._modes = Modes(folder / "modes")
        self._ready = False

    async def snapshot(self, since: Snapshot | None = None) -> Snapshot:
        """Keep the files as they are now. Never raises for what git or the file system refuse.

        Who stops waiting does not stop it: git would leave a lock behind.

        Args:
            since: an earlier one, to be compared with. What came to light since, but was there before under a
                name that is not kept, is left out of this one: going back would delete it.
        """
        task = asyncio.ensure_future(self._one_at_a_time(since))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    async def changes(self, before: str, after: str) -> Sequence[TreeChange]:
        """Tell two trees apart; raises ShadowError where one is gone."""
        if before == after:
            return []
        done = await self._git(
            ["diff-tree", "-r", "-z", "--no-renames", "--raw", "--numstat", "--no-abbrev", before, after]
        )
        return tree_changes(done.stdout)

    async def read(self, blob: str) -> bytes | None:
        """Return the content of a kept file, None if it is gone."""
        try:
            return (await self._git(["cat-file", "blob", blob])).stdout
        except (ShadowError, OSError):
            return None

    def bits(self, path: Path) -> int | None:
        """Return the permission bits of a file that not everybody might read, None for any other."""
        return self._modes.of(os.path.relpath(path, self.top))

    def close(self) -> None:
        """Leave the index for the next session, which then need not look at every file anew."""
        with contextlib.suppress(OSError):
            self._index.replace(self.folder / _INDEX)

    async def _one_at_a_time(self, since: Snapshot | None) -> Snapshot:
        async with self._lock:
            try:
                try:
                    return await self._snapshot(since)
                except ShadowError as error:
                    self._ready, self._tree = False, ""
                    self._modes = Modes(self.folder / "modes")
                    if not (self.folder / "HEAD").exists():
                        # Somebody deleted the copies.
                        return await self._snapshot(None)
                    if not _DAMAGED.search(str(error)):
                        raise
                    # After a power cut, say. Old copies are lost with it, but not the ones to come.
                    await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)
                    return await self._snapshot(None)
            except ShadowError as error:
                return Snapshot("", str(error), lasting=isinstance(error, TooMuchError))
            except OSError as error:
                self._ready = False
                return Snapshot("", error.strerror or str(error))

    async def _snapshot(self, since: Snapshot | None) -> Snapshot:
        if not self._ready:
            self._prepare()
            self._ready = True
        listed = await self._git(
            [
                "ls-files",
                "-tz",
                "--others",
                "--modified",
                "--deleted",
                "--exclude-standard",
                "--",
                self._scope,
            ]
        )
        names = {line[2:]: line[:1] for line in listed.stdout.split(b"\0") if line}
        found = await asyncio.to_thread(self._sort, names) if len(names) > 200 else self._sort(names)
        if found.dropped:
            await self._update(["--force-remove"], found.dropped)
        if found.kept:
            await self._update(["--add", "--remove", "--replace"], found.kept)
        if found.kept or found.dropped or not self._tree:
            await self._write_tree()
        if since is not None and since.tree:
            await self._leave_out(since, [name for name in found.kept if names[name] == b"?"])
        self._touch()
        return Snapshot(self._tree, omitted=found.omitted, taken=_clock())

    async def _write_tree(self) -> None:
        self._tree = (await self._git(["write-tree"])).stdout.decode().strip()

    async def _leave_out(self, since: Snapshot, names: Sequence[bytes]) -> None:
        """Take what only came to light out again: moved from an ignored place, ignored no more, small enough now.

        What was moved from a place that is kept stays in: its content is gone from there.
        """
        older = (
            await asyncio.to_thread(self._older, names, since)
            if len(names) > 200
            else self._older(names, since)
        )
        if not older:
            return
        changes = await self.changes(since.tree, self._tree)
        gone = {change.before for change in changes if change.before != change.after}
        revealed = [
            os.fsencode(change.path)
            for change in changes
            if not change.before and change.path in older and change.after not in gone
        ]
        if revealed:
            await self._update(["--force-remove"], revealed)
            await self._write_tree()

    def _older(self, names: Collection[bytes], since: Snapshot) -> Collection[str]:
        """Return the files that were there when that was taken, under whatever name."""
        found = set(since.omitted)
        for name in names:
            with contextlib.suppress(OSError):
                if born(os.path.join(os.fsencode(self.top), name)) < since.taken:  # noqa: PTH118 - bytes
                    found.add(os.fsdecode(name))
        return found

    @property
    def _scope(self) -> str:
        return "." if self._root == self.top else os.path.relpath(self._root, self.top)

    def _sort(self, names: Collection[bytes]) -> "_Sorted":
        """Part what can be kept from what cannot; raises ShadowError where it is too much."""
        if len(names) > self._caps.files:
            raise TooMuchError(f"the folder has more than {self._caps.files:,} files")
        kept: list[bytes] = []
        omitted: list[bytes] = []
        total = 0
        for name in names:
            size = self._size(name)
            if size is None or size > self._caps.single:
                omitted.append(name)
            else:
                kept.append(name)
                total += size
        if total > self._caps.total:
            raise TooMuchError(f"the folder's files have more than {self._caps.total // 1_000_000:,} MB")
        self._modes.save()
        large = {os.fsdecode(name) for name in omitted}
        dropped = [os.fsencode(name) for name in large - self._large]
        self._large = large
        return _Sorted(kept, dropped, tuple(sorted(large)))

    def _size(self, name: bytes) -> int | None:
        """Return how many bytes a file has, 0 if it is gone; None for what cannot be kept. Notes unusual modes."""
        if name.endswith(b"/"):
            # A repository of its own.
            return None
        path = os.path.join(os.fsencode(self.top), name)  # noqa: PTH118 - bytes
        try:
            found = os.lstat(path)
        except OSError:
            return 0
        if stat.S_ISLNK(found.st_mode):
            return 0
        if not stat.S_ISREG(found.st_mode) or not os.access(path, os.R_OK):
            return None
        self._modes.note(name, found.st_mode)
        return found.st_size

    async def _update(self, options: Sequence[str], names: Iterable[bytes]) -> None:
        stdin = b"".join(name.rstrip(b"/") + b"\0" for name in names)
        await self._git(["update-index", *options, "-z", "--stdin"], stdin)

    async def _git(self, arguments: Sequence[str], stdin: bytes = b"") -> Finished:
        argv = hardening.command(arguments, allow=("diff.ignoreSubmodules",))
        try:
            done = await run(
                argv, cwd=self.top, env=self._environment(), stdin=stdin, seconds=_SECONDS, limit=_LISTING
            )
        except FileNotFoundError as error:
            raise TooMuchError("git is not installed") from error
        if done.timed_out or done.cut:
            raise TooMuchError(f"looking at the files took longer than {_SECONDS:g} s")
        if done.status != 0:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise ShadowError(f"git {arguments[0]} failed: {said[-1] if said else f'status {done.status}'}")
        return done

    def _environment(self) -> dict[str, str]:
        env = {k: v for k, v in clean_environment(os.environ).items() if not k.startswith("GIT_")}
        return env | {
            "GIT_DIR": str(self.folder),
            "GIT_WORK_TREE": str(self.top),
            "GIT_INDEX_FILE": str(self._index),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_LITERAL_PATHSPECS": "1",
            "LC_ALL": "C.UTF-8",
        }

    def _prepare(self) -> None:
        """Make the repository by hand, which takes no process, and take over the index of the last session."""
        for part in ("objects/info", "objects/pack", "refs/heads", "info"):
            private_folder(self.folder / part)
        _write(self.folder / "HEAD", "ref: refs/heads/checkpoints\n")
        _write(self.folder / "config", _CONFIG)
        _write(self.folder / "info" / "attributes", _ATTRIBUTES)
        _write(self.folder / "info" / "exclude", self._excluded())
        with contextlib.suppress(OSError):
            shutil.copyfile(self.folder / _INDEX, self._index)
        for lock in self.folder.glob(f"{self._index.name}.lock"):
            lock.unlink(missing_ok=True)

    def _excluded(self) -> str:
        own = [place for place in (self.folder, *self._besides) if place.is_relative_to(self.top)]
        lines = [f"{name}/" for name in _GENERATED]
        lines += [f"/{place.relative_to(self.top)}/" for place in own if place != self.top]
        with contextlib.suppress(OSError):
            more = (self.top / ".git" / "info" / "exclude").read_bytes()[:100_000]
            lines.append(more.decode(errors="surrogateescape"))
        return "\n".join(lines) + "\n"

    def _touch(self) -> None:
        """Mark the copies as used, for whoever deletes what is old."""
        with contextlib.suppress(OSError):
            os.utime(self.folder / "HEAD")


@dataclass(frozen=True, slots=True)
class _Sorted:
    kept: Sequence[bytes]
    dropped: Sequence[bytes]
    omitted: tuple[str, ...]


def _top(root: Path) -> Path:
    """Return the top of the repository around a folder, whose ignore files hold in it; the folder if there is none."""
    return next((place for place in (root, *root.parents) if os.path.lexists(place / ".git")), root)


def _clock() -> float:
    """Return the Unix time that a file made now would be given: Linux dates them by a clock that lags behind."""
    return time.clock_gettime(_COARSE) if sys.platform == "linux" else time.time()


def _write(path: Path, text: str) -> None:
    data = text.encode(errors="surrogateescape")
    with contextlib.suppress(OSError):
        if path.read_bytes() == data:
            return
    path.write_bytes(data)
