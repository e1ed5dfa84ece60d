"""What a fence around a command is asked to let through and to hide, whatever puts it up."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_PRIVATE = (
    *(".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".password-store", ".kcode", ".claude"),
    *(
        ".config/gcloud",
        ".config/gh",
        ".config/op",
        ".local/share/keyrings",
        ".mozilla",
        ".config/google-chrome",
    ),
    *(
        ".netrc",
        ".pgpass",
        ".git-credentials",
        ".npmrc",
        ".pypirc",
        ".my.cnf",
        ".vault-token",
        ".claude.json",
    ),
)


@dataclass(frozen=True, slots=True)
class Fence:
    """What one command may do.

    Attributes:
        folders: absolute real paths that it may write to, the working folder first.
        home: the person's home folder, whose keys are hidden.
        hidden: further folders that are hidden.
        scratch: a private folder for its output and state; its `tmp` is what the command sees as /tmp.
        network: whether it may use the network.
    """

    folders: Sequence[Path]
    home: Path | None
    hidden: Sequence[Path]
    scratch: Path
    network: bool = False

    @property
    def secrets(self) -> Sequence[Path]:
        """The real paths of what is hidden, as far as it is there."""
        named = [self.home / name for name in _PRIVATE] if self.home else []
        # Asked of the system like this, a folder that may not be looked into is no error; and most are not there.
        there = (place for place in (*named, *self.hidden) if os.path.exists(place))  # noqa: PTH110 - as said
        found = dict.fromkeys(Path(os.path.realpath(place)) for place in there)
        return [place for place in found if place != Path(place.anchor)]

    @property
    def temporary(self) -> Path:
        """The folder that the command has in the place of /tmp; it is there."""
        folder = self.scratch / "tmp"
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder


@dataclass(frozen=True, slots=True)
class Confined:
    """How a command is run inside of a fence.

    Attributes:
        argv: the program and its arguments.
        env: variables that hold inside of the fence only.
        enter: gives up, on the thread that starts the command, what it must not have; None for nothing.
    """

    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    enter: Callable[[], None] | None = None


def git_folders(folder: Path) -> Sequence[Path]:
    """The repository's own folder; for a linked worktree that of the worktree and the one it shares with others.

    A file that points to a place which does not point back is no worktree: it could make any folder writable.
    """
    git = folder / ".git"
    if git.is_symlink():
        return ()
    if git.is_dir():
        return (git,)
    try:
        target = Path(git.read_text(encoding="utf-8").removeprefix("gitdir:").strip())
        own = Path(os.path.realpath(folder / target))
        back = Path((own / "gitdir").read_text(encoding="utf-8").strip())
        common = Path(os.path.realpath(own / (own / "commondir").read_text(encoding="utf-8").strip()))
    except (OSError, ValueError):
        return ()
    if Path(os.path.realpath(back)) != git or not own.is_relative_to(common / "worktrees"):
        return ()
    return (common, own)
