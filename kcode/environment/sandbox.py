"""The fence around commands: what they may write and reach, whatever they are.

The full level is bubblewrap's: the file system is read-only but for the working folders and a private /tmp, keys of the
person are hidden, nothing is reachable by network unless that is allowed, and everything that a command started ends
with it. Git's configuration and hooks, and kcode's own files in the working folders, stay read-only in it.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from kcode.process.programs import find_program
from kcode.process.spawn import run

Level: TypeAlias = Literal["full", "none"]

_PROGRAMS = ("/usr/bin/bwrap", "/bin/bwrap", "/usr/local/bin/bwrap")
_PROBE_SECONDS = 5.0
_BASE = (
    # The session is new already, see `kcode.process.spawn`. Without a process of bubblewrap's own inside, nothing of a
    # command outlives the one that is waited for.
    *("--unshare-all", "--cap-drop", "ALL", "--die-with-parent", "--as-pid-1"),
    *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"),
)
_SOCKETS = ("/run/user", "/run/dbus", "/run/docker", "/run/containerd", "/run/podman", "/run/systemd/private")
_SOCKET_FILES = ("/run/docker.sock", "/run/containerd.sock", "/run/snapd.socket", "/run/crio.sock")
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
_PINNED = (
    *(".kcode", ".claude", ".vscode", ".idea", ".cursor", ".husky", ".devcontainer", ".github/workflows"),
    *(".mcp.json", ".envrc", ".gitmodules", ".pre-commit-config.yaml"),
)
_IN_GIT = ("config", "config.worktree", "hooks", "info/attributes", "commondir", "gitdir", "modules")


@dataclass(frozen=True, slots=True)
class Sandbox:
    """How far commands can be fenced on this machine; `program` is bubblewrap's path."""

    level: Level
    program: str = ""
    reason: str = ""

    @property
    def shown(self) -> str:
        """The level in words."""
        return "full (bwrap)" if self.level == "full" else f"none ({self.reason})"


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


async def probe(environ: Mapping[str, str], folders: Sequence[Path]) -> Sandbox:
    """Find out, by trying, how far commands can be fenced; takes some 10 ms.

    Args:
        environ: whose PATH is looked in after the usual places.
        folders: the working folders; a program in them is never taken.
    """
    program = _find(environ.get("PATH", ""), folders)
    if not program:
        return Sandbox("none", reason="bubblewrap is not installed")
    try:
        done = await run(
            [program, *_BASE, "--tmpfs", "/tmp", "--", "/bin/true"],  # noqa: S108 - inside of the fence
            cwd=Path("/"),
            seconds=_PROBE_SECONDS,
        )
    except OSError as error:
        return Sandbox("none", reason=f"{program}: {error.strerror or error}")
    if done.status != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        return Sandbox("none", reason=f"bubblewrap does not work here: {said[0] if said else done.status}")
    return Sandbox("full", program)


def wrap(sandbox: Sandbox, fence: Fence, argv: Sequence[str], cwd: Path) -> list[str]:
    """Return the command line that runs another one inside of a fence.

    Args:
        sandbox: of the level "full".
        fence: what it may do.
        argv: what to run.
        cwd: where.
    """
    line = [sandbox.program, *_BASE, "--setenv", "TMPDIR", "/tmp", "--setenv", "GOCACHE", "/tmp/go-build"]  # noqa: S108 - the command's own
    if fence.network:
        line.append("--share-net")
    temporary = fence.scratch / "tmp"
    temporary.mkdir(mode=0o700, exist_ok=True)
    line += ("--bind", str(temporary), "/tmp")  # noqa: S108 - as above
    mounts = [*_hidden(fence), *_writable(fence)]
    # What lies deeper is mounted later, so that it stands whatever lies around it.
    for mount in sorted(mounts, key=lambda mount: len(Path(mount[-1]).parts)):
        line += mount
    return [*line, "--chdir", str(cwd), "--", *argv]


def _find(path: str, folders: Sequence[Path]) -> str:
    known = next((place for place in _PROGRAMS if os.access(place, os.X_OK)), "")
    found = known or find_program("bwrap", f"{path}:/usr/sbin:/sbin", folders[0]) or ""
    real = Path(os.path.realpath(found))
    return "" if any(real.is_relative_to(folder) for folder in folders) else found


def _hidden(fence: Fence) -> Iterator[tuple[str, ...]]:
    """Hide the person's keys, kcode's own folder, and the sockets of programs that would act for a command."""
    named = [fence.home / name for name in _PRIVATE] if fence.home else []
    found = dict.fromkeys(Path(os.path.realpath(place)) for place in (*named, *fence.hidden))
    for place in found:
        if place.is_dir() and place != Path(place.anchor):
            yield ("--tmpfs", str(place))
        elif place.exists():
            yield ("--ro-bind", os.devnull, str(place))
    if not fence.network:
        yield ("--tmpfs", "/run")
        return
    for name in _SOCKETS:
        if Path(name).is_dir():
            yield ("--tmpfs", name)
    for name in _SOCKET_FILES:
        if Path(name).exists():
            yield ("--ro-bind", os.devnull, name)


def _writable(fence: Fence) -> Iterator[tuple[str, ...]]:
    for place in (fence.scratch, *fence.folders):
        yield ("--bind", str(place), str(place))
    for folder in fence.folders:
        for name in _PINNED:
            yield from _pin(folder, name)
        yield from _git(folder)


def _pin(folder: Path, name: str) -> Iterator[tuple[str, ...]]:
    """Make something read-only that exists; folders on the way become mounts, which cannot be renamed away."""
    place = folder / name
    if not place.exists() or place.is_symlink():
        return
    for parent in place.relative_to(folder).parents:
        if parent.parts:
            yield ("--bind", str(folder / parent), str(folder / parent))
    yield ("--ro-bind", str(place), str(place))


def _git(folder: Path) -> Iterator[tuple[str, ...]]:
    """Let git work, but leave what names programs as it is."""
    if (folder / ".git").is_file():
        yield ("--ro-bind", str(folder / ".git"), str(folder / ".git"))
    for git in _git_folders(folder):
        yield ("--bind", str(git), str(git))
        for name in _IN_GIT:
            yield from _pin(git, name)


def _git_folders(folder: Path) -> Sequence[Path]:
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
