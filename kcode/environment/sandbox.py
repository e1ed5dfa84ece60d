"""The fence around commands: what they may write and reach, whatever they are.

The full level is bubblewrap's: the file system is read-only but for the working folders and a private /tmp, keys of the
person are hidden, nothing is reachable by network unless that is allowed, and everything that a command started ends
with it. Git's configuration and hooks, and kcode's own files in the working folders, stay read-only in it.
The partial level is what the kernel lets every process do to itself, see `kcode.environment.partial`.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from kcode.environment.fence import Confined, Fence, git_folders
from kcode.process.programs import find_program
from kcode.process.spawn import run

Level: TypeAlias = Literal["full", "partial", "none"]

_PROGRAMS = ("/usr/bin/bwrap", "/bin/bwrap", "/usr/local/bin/bwrap")
_PROBE_SECONDS = 5.0
_TMP = "/tmp"  # noqa: S108 - the command's own
_VARIABLES = {"TMPDIR": _TMP, "GOCACHE": f"{_TMP}/go-build"}
_BASE = (
    # The session is new already, see `kcode.process.spawn`. Without a process of bubblewrap's own inside, nothing of a
    # command outlives the one that is waited for.
    *("--unshare-all", "--cap-drop", "ALL", "--die-with-parent", "--as-pid-1"),
    *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"),
)
_SOCKETS = ("/run/user", "/run/dbus", "/run/docker", "/run/containerd", "/run/podman", "/run/systemd/private")
_SOCKET_FILES = ("/run/docker.sock", "/run/containerd.sock", "/run/snapd.socket", "/run/crio.sock")
_PINNED = (
    *(".kcode", ".claude", ".vscode", ".idea", ".cursor", ".husky", ".devcontainer", ".github/workflows"),
    *(".mcp.json", ".envrc", ".gitmodules", ".pre-commit-config.yaml"),
)
_IN_GIT = ("config", "config.worktree", "hooks", "info/attributes", "commondir", "gitdir", "modules")


@dataclass(frozen=True, slots=True)
class Sandbox:
    """How far commands can be fenced on this machine.

    Attributes:
        level: how far.
        program: bubblewrap's path, for the full level.
        reason: why it is not the full level.
        landlock: the version of Landlock, for the partial level.
    """

    level: Level
    program: str = ""
    reason: str = ""
    landlock: int = 0

    @property
    def shown(self) -> str:
        """The level in words."""
        if self.level == "none":
            return f"none ({self.reason})"
        return "full (bwrap)" if self.level == "full" else "partial (landlock: no protected paths)"

    @property
    def brief(self) -> str:
        """The level in few words."""
        return "full (bwrap)" if self.level == "full" else self.level


async def probe(environ: Mapping[str, str], folders: Sequence[Path]) -> Sandbox:
    """Find out, by trying, how far commands can be fenced: in full, else partially; takes some 10 ms.

    Args:
        environ: whose PATH is looked in after the usual places.
        folders: the working folders; a program in them is never taken.
    """
    full = await _probe_full(_find(environ.get("PATH", ""), folders))
    return full if full.level == "full" else await probe_partial(full.reason)


async def probe_partial(reason: str = "bubblewrap was not asked for") -> Sandbox:
    """Find out whether commands can be fenced partially, without bubblewrap.

    Args:
        reason: why it is not the full level.
    """
    from kcode.environment import partial  # noqa: PLC0415 - rarely wanted

    version = partial.version()
    if not version:
        return Sandbox("none", reason=f"{reason}, and this system has no Landlock")
    try:
        done = await run(["/bin/true"], cwd=Path("/"), seconds=_PROBE_SECONDS, enter=partial.trial(version))
    except OSError as error:
        return Sandbox("none", reason=f"{reason}, and Landlock does not work here: {error.strerror or error}")
    if done.status != 0:
        return Sandbox("none", reason=f"{reason}, and nothing starts under Landlock here: {done.status}")
    return Sandbox("partial", reason=reason, landlock=version)


def confine(sandbox: Sandbox, fence: Fence, argv: Sequence[str], cwd: Path) -> Confined:
    """Say how a command is run inside of a fence, as good as there is one here.

    Args:
        sandbox: not of the level "none".
        fence: what it may do.
        argv: what to run.
        cwd: where.
    """
    if sandbox.level == "full":
        return Confined(wrap(sandbox, fence, argv, cwd), _VARIABLES)
    from kcode.environment import partial  # noqa: PLC0415 - rarely wanted

    temporary = str(fence.temporary)
    variables = {name: value.replace(_TMP, temporary) for name, value in _VARIABLES.items()}
    return Confined(argv, variables, partial.surrender(fence, sandbox.landlock))


async def _probe_full(program: str) -> Sandbox:
    if not program:
        return Sandbox("none", reason="bubblewrap is not installed")
    try:
        done = await run(
            [program, *_BASE, "--tmpfs", _TMP, "--", "/bin/true"], cwd=Path("/"), seconds=_PROBE_SECONDS
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
    line = [sandbox.program, *_BASE]
    for name, value in _VARIABLES.items():
        line += ("--setenv", name, value)
    if fence.network:
        line.append("--share-net")
    line += ("--bind", str(fence.temporary), _TMP)
    mounts = [*_hidden(fence), *_writable(fence)]
    # What lies deeper is mounted later, so that it stands whatever lies around it.
    for mount in sorted(mounts, key=lambda mount: len(Path(mount[-1]).parts)):
        line += mount
    return [*line, "--chdir", str(cwd), "--", *argv]


def _find(path: str, folders: Sequence[Path]) -> str:
    known = next((place for place in _PROGRAMS if os.access(place, os.X_OK)), "")
    root = folders[0] if folders else Path("/")
    found = known or find_program("bwrap", f"{path}:/usr/sbin:/sbin", root) or ""
    real = Path(os.path.realpath(found))
    return "" if any(real.is_relative_to(folder) for folder in folders) else found


def _hidden(fence: Fence) -> Iterator[tuple[str, ...]]:
    """Hide the person's keys, kcode's own folder, and the sockets of programs that would act for a command."""
    for place in fence.secrets:
        if place.is_dir():
            yield ("--tmpfs", str(place))
        else:
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
    for git in git_folders(folder):
        yield ("--bind", str(git), str(git))
        for name in _IN_GIT:
            yield from _pin(git, name)
