"""What a repository is, read with GitPython from the files alone."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any

from kcode.screen.names import escape_name

if TYPE_CHECKING:
    from git import Repo


@dataclass(frozen=True, slots=True)
class Repository:
    """What a folder's repository is.

    `branch` is empty where HEAD is detached or cannot be read; `empty` means no commit yet; `linked` a worktree
    besides the main one; `locked` the age in seconds of an index.lock that stands in the way, None without one.
    """

    top: Path | None
    git_dir: Path
    bare: bool
    branch: str
    detached: bool
    empty: bool
    linked: bool
    locked: float | None
    submodules: Sequence[str]


def discover(root: Path) -> Repository | None:
    """Describe the repository that a folder belongs to; None if there is none or it cannot be read.

    Starts no program. Blocks, the first time for 100 ms.
    """
    module = _gitpython()
    try:
        with _quiet_repo(module)(root, search_parent_directories=True, expand_vars=False) as repo:
            return _describe(repo, module)
    except (module.GitError, OSError, ValueError, KeyError, TypeError, IndexError):
        return None


def _gitpython() -> Any:
    """Import GitPython, which by itself would start git to see whether it is there."""
    asked = {"GIT_PYTHON_REFRESH": "quiet", "GIT_PYTHON_GIT_EXECUTABLE": os.devnull}
    before = {name: os.environ.get(name) for name in asked}
    os.environ.update(asked)
    try:
        import git
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    git.Git.GIT_PYTHON_GIT_EXECUTABLE = "git"
    return git


def _quiet_repo(module: Any) -> "type[Repo]":
    """Return GitPython's Repo, made so that it cannot start git: a repository could name what runs then."""

    class Quiet(module.Git):
        def execute(self, command: object, *_args: object, **_options: object) -> object:
            raise module.GitCommandError(command, "not to be run")

    class QuietRepo(module.Repo):
        GitCommandWrapperType = Quiet

    return QuietRepo


def _describe(repo: "Repo", module: Any) -> Repository:
    git_dir, common = Path(repo.git_dir), Path(repo.common_dir)
    detached = repo.head.is_detached
    try:
        module.SymbolicReference.dereference_recursive(repo, "HEAD")
        empty = False
    except ValueError:
        empty = True
    lock = git_dir / "index.lock"
    return Repository(
        top=Path(repo.working_tree_dir) if repo.working_tree_dir else None,
        git_dir=git_dir,
        bare=repo.bare,
        branch="" if detached else escape_name(repo.head.reference.path.removeprefix("refs/heads/")),
        detached=detached,
        empty=empty,
        linked=git_dir.resolve() != common.resolve(),
        locked=max(time() - lock.stat().st_mtime, 0) if lock.exists() else None,
        submodules=_submodules(repo, module),
    )


def _submodules(repo: "Repo", module: Any) -> Sequence[str]:
    listing = Path(repo.working_tree_dir or repo.git_dir) / ".gitmodules"
    if not listing.is_file():
        return ()
    with module.GitConfigParser(str(listing), read_only=True, merge_includes=False) as parser:
        return [escape_name(parser.get(section, "path")) for section in parser.sections()]
