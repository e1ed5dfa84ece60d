"""A second working folder of the same repository, so that work there cannot disturb the first."""

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

from kcode.environment.git import LocalGit
from kcode.types.errors import ConfigError, ToolError

FOLDER = ".kcode/worktrees"
"""Where they lie below the repository's top; a .gitignore in it keeps git and searches out of them."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}")
_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Worktree:
    """A working folder `path` on its own branch; `cwd` is where in it one works.

    `start` is the commit that it was made from, "" where it stood there before.
    """

    top: Path
    path: Path
    cwd: Path
    branch: str
    start: str


async def open_worktree(folder: Path, name: str = "") -> Worktree:
    """Make a worktree of the repository that `folder` belongs to, or go back to the one of that name.

    Args:
        folder: where one is now.
        name: for the folder and, behind "kcode/", for the branch; without one the time is its name.

    Raises:
        ConfigError: there is no repository with a commit, or git refuses.
    """
    name = name or time.strftime("%m%d-%H%M%S")
    if not _NAME.fullmatch(name) or name.endswith((".lock", ".")) or ".." in name:
        raise ConfigError(
            f"{name!r} cannot name a worktree: use letters, digits, '-', '_' and '.'. A prompt goes before the flag: "
            'kcode "fix it" -w NAME.'
        )
    git = LocalGit(folder)
    here = Path(await _ask(git, "rev-parse", "--show-toplevel"))
    common = _real(folder / await _ask(git, "rev-parse", "--git-common-dir"))
    top = common.parent if common.name == ".git" else here
    path = top / FOLDER / name
    branch = f"kcode/{name}"
    start = ""
    if not (path / ".git").exists():
        start = await _make(git, top, path, branch)
    inside = path / _real(folder).relative_to(_real(here))
    return Worktree(top, path, inside if inside.is_dir() else path, branch, start)


async def _make(git: LocalGit, top: Path, path: Path, branch: str) -> str:
    start = await _ask(
        git, "rev-parse", "--verify", "--quiet", "HEAD", fault="there is no commit yet to start from"
    )
    try:
        (top / FOLDER).mkdir(parents=True, exist_ok=True)
        (top / FOLDER / ".gitignore").write_text("*\n")
    except OSError as error:
        raise ConfigError(
            f"No worktree was made: {top / FOLDER} cannot be written: {error.strerror}."
        ) from error
    known = await git.run(["rev-parse", "--verify", "--quiet", f"refs/heads/{branch}"])
    where = [str(path), branch] if known.status == 0 else ["-b", branch, str(path), start]
    await _ask(git, "worktree", "add", "--quiet", *where)
    return start if known.status else ""


async def leave_worktree(tree: Worktree) -> str:
    """Remove a worktree in which nothing came to be; else say where the work is.

    One that holds anything, even an ignored file, stays.
    """
    inside = LocalGit(tree.path)
    try:
        left = await _ask(inside, "status", "--porcelain", "--ignored")
        head = await _ask(inside, "rev-parse", "HEAD")
        if tree.start and not left and head == tree.start:
            git = LocalGit(tree.top)
            await _ask(git, "worktree", "remove", str(tree.path))
            await _ask(git, "branch", "--quiet", "-D", tree.branch)
            return ""
    except ConfigError:
        pass
    return (
        f"The worktree stays: {tree.path}, branch {tree.branch}. `kcode -w {tree.path.name}` goes on there, "
        f"`git merge {tree.branch}` brings its commits here, `git worktree remove` ends it."
    )


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


async def _ask(git: LocalGit, *arguments: str, fault: str = "") -> str:
    try:
        result = await git.run(arguments, seconds=_SECONDS)
    except ToolError as error:
        raise ConfigError(str(error)) from error
    if result.status != 0:
        raise ConfigError(
            f"No worktree can be made here: {(fault or result.error.strip() or 'git refused').rstrip('.')}."
        )
    return result.output.strip()
