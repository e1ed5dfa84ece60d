"""Where the agent works: small protocols for files, processes, git and search.

Tools reach the world only through these, so that local, editor-hosted and worktree runs are one code.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from kcode.types.messages import Repair
from kcode.types.syntax import Syntax

OnOutput: TypeAlias = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class FileStat:
    """What a path is; `size` in bytes. `special` covers devices, pipes and sockets."""

    kind: Literal["file", "directory", "special", "missing"]
    size: int = 0
    mtime: float = 0.0


class Files(Protocol):
    """Files by absolute path. Every method raises OSError as the system does.

    What is read or listed is named with all links resolved: leave is given for a file, and a link that was put in
    since would lead to another one.
    """

    async def stat(self, path: Path) -> FileStat:
        """Say what is there, following links; never blocks on a device."""
        ...

    async def read(self, path: Path, *, limit: int | None = None, offset: int = 0) -> bytes:
        """Return at most `limit` bytes from byte `offset` on; refuses what is not a regular file.

        Raises:
            FileChangedError: a part of the path is a link.
        """
        ...

    async def write(self, path: Path, data: bytes, *, expect: str | None = None) -> None:
        """Replace the file, or make it with its folders; atomic, keeping mode, owner and links.

        Args:
            path: where.
            data: the new content.
            expect: SHA-256 that the file must still have; "" if it must not exist yet.

        Raises:
            FileChangedError: it is not what was expected; nothing was written.
        """
        ...

    async def list(self, path: Path) -> Sequence[tuple[str, FileStat]]:
        """Return a folder's entries, sorted by name; raises FileChangedError where a part of the path is a link."""
        ...


@dataclass(frozen=True, slots=True)
class ResolvedPath:
    """The file that a model meant.

    `path` is absolute and spelled as it was named, `real` has every link resolved, `shown` is how texts name it:
    relative to the root where it lies below. `inside` says whether `real` lies in a working folder. `repair`
    tells how the spelling had to be mended, None where it was right.
    """

    path: Path
    real: Path
    shown: str
    inside: bool
    repair: Repair | None = None


class FileChangedError(OSError):
    """A file is no longer what the caller saw."""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a shell command ended.

    `output` is what the model is shown: head and tail of both streams as they came, without terminal control
    sequences; `spill` is the file with the whole of it, if it was cut. `status` is None where the command was
    killed for time or runs in the background; negative for a signal.
    """

    status: int | None
    output: str
    cwd: Path
    timed_out: bool = False
    total_bytes: int = 0
    spill: Path | None = None
    notes: tuple[str, ...] = ()
    background: str | None = None


@dataclass(frozen=True, slots=True)
class BackgroundOutput:
    """What a background command printed since it was last asked."""

    id: str
    command: str
    running: bool
    status: int | None
    output: str


class Processes(Protocol):
    """Shell commands; the working folder and exported variables carry over between calls."""

    @property
    def cwd(self) -> Path:
        """Where the next command runs."""
        ...

    @property
    def tainted(self) -> str:
        """The variable that changed how commands are found (PATH, LD_*, ...), empty if none did."""
        ...

    async def run(
        self, command: str, on_output: OnOutput, *, seconds: float, background: bool = False
    ) -> CommandResult:
        """Run a shell command; for at most `seconds`. Cancelling kills it and everything it started."""
        ...

    async def output(self, process: str) -> BackgroundOutput:
        """Return what a background command printed since the last call; raises KeyError if unknown."""
        ...

    async def kill(self, process: str) -> bool:
        """End a background command; whether it was still running."""
        ...

    def detach(self) -> Sequence[str]:
        """Let the running commands go on in the background; returns their ids. Each `run` returns at once."""
        ...

    def background(self) -> Sequence[str]:
        """The ids of the commands that run in the background."""
        ...

    async def close(self) -> None:
        """End everything that still runs."""
        ...


@dataclass(frozen=True, slots=True)
class GrepQuery:
    """A search for a regular expression, in ripgrep's words."""

    pattern: str
    path: Path
    glob: str = ""
    type: str = ""
    ignore_case: bool = False
    multiline: bool = False
    mode: Literal["content", "files_with_matches", "count"] = "files_with_matches"
    before: int = 0
    after: int = 0
    line_numbers: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """Lines of a search, the newest file first; `partial` if time or size ended it early."""

    lines: Sequence[str]
    partial: str = ""


class Search(Protocol):
    """Finding files and text, respecting ignore files."""

    async def grep(self, query: GrepQuery) -> Found:
        """Search text; raises ToolError for a bad pattern."""
        ...

    async def glob(self, pattern: str, path: Path) -> Found:
        """List files whose path relative to `path` matches, the newest first."""
        ...


@dataclass(frozen=True, slots=True)
class GitResult:
    """What a git command printed."""

    status: int
    output: str
    error: str


class Git(Protocol):
    """Git, run so that no program named by the repository starts."""

    async def run(self, arguments: Sequence[str], *, seconds: float = 30.0) -> GitResult:
        """Run `git` with these arguments in the working folder; raises ToolError where git is missing."""
        ...

    async def status_line(self) -> str:
        """Name the branch and its state in a few words, "" outside a repository, within 200 ms."""
        ...


class Environment(Protocol):
    """Everything outside the agent."""

    @property
    def root(self) -> Path:
        """The folder that the agent works in: absolute, links resolved."""
        ...

    @property
    def folders(self) -> Sequence[Path]:
        """The root and every added working folder."""
        ...

    @property
    def files(self) -> Files:
        """Files."""
        ...

    @property
    def processes(self) -> Processes:
        """Shell commands."""
        ...

    @property
    def search(self) -> Search:
        """Finding files and text."""
        ...

    @property
    def git(self) -> Git:
        """Git."""
        ...

    @property
    def syntax(self) -> Syntax:
        """Code by its grammar."""
        ...

    @property
    def facts(self) -> Mapping[str, str]:
        """What the system prompt says of this place: platform, shell, date, git."""
        ...

    async def resolve(self, text: str, *, must_exist: bool = True) -> ResolvedPath:
        """Find the file that a model meant by `text`, mending how it is spelled.

        Raises:
            ToolError: nothing like it is there, though it must be, or no file can have that name; the text
                offers the nearest names.
        """
        ...

    async def close(self) -> None:
        """Release everything."""
        ...
