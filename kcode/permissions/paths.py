"""Which paths are the workspace's own, which are protected or secret, and where a name really leads.

Names are compared case-folded and composed (NFC) on every platform, because some file systems do so.
"""

import itertools
import os
import re
import stat
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

from kcode.permissions.shell_script import names

Action = Literal["read", "edit"]

_PROTECTED_FOLDERS: Final = names(
    ".git .kcode .claude .vscode .idea .cursor .windsurf .zed .devcontainer .husky .codex .gemini .agents .ssh"
    " .gnupg .aws .kube .docker .config/git .config/gh .config/fish"
    " .config/systemd .config/autostart .github/workflows"
    " .github/actions .circleci"
    " library/launchagents library/launchdaemons"
)
_PROTECTED_FILES: Final = names(
    ".mcp.json .gitmodules .gitconfig .envrc .bashrc .bash_profile .bash_login .bash_logout .bash_aliases .profile"
    " .zshrc .zshenv .zprofile .zlogin .zlogout .kshrc .cshrc .tcshrc .login"
    " .inputrc .netrc .npmrc .pypirc .yarnrc .yarnrc.yml"
    " .tmux.conf .vimrc .exrc .nvimrc .emacs .pre-commit-config.yaml .gitlab-ci.yml .xinitrc .xprofile .condarc"
    " .git-credentials .pythonrc .ripgreprc .lldbinit .gdbinit"
)
_SECRET_FILES: Final = re.compile(
    r"\.env(\..+)?|.+\.env|\.envrc|id_(rsa|dsa|ecdsa|ed25519)(_sk)?|.+\.(pem|key|p12|pfx|jks|keystore|kdbx|ppk|asc|gpg)"
    r"|\.npmrc|\.pypirc|\.netrc|_netrc|\.git-credentials|\.htpasswd|\.pgpass|\.my\.cnf|\.dockercfg"
    r"|credentials(\.(json|ya?ml|toml|ini))?|secrets?\.(json|ya?ml|toml|ini|env)|service[-_]account.*\.json"
    r"|.+\.tfstate(\.backup)?|.+\.tfvars|\.boto|\.s3cfg|kubeconfig|token(s)?\.(json|txt)|\.vault-token"
)
_NOT_SECRET: Final = re.compile(r"\.env\.(example|sample|template|dist|defaults?|schema)|.+\.pub|.+\.example")
_PRIVATE_FOLDERS: Final = names(
    ".ssh .gnupg .aws .kube .azure .config/gcloud .config/gh .docker .password-store .kcode"
)
_PRIVATE_FILES: Final = names(".netrc .pgpass .git-credentials .npmrc .pypirc .my.cnf .vault-token")
_OPEN_SSH: Final = names("config known_hosts")
_FREE_DEVICES: Final = names("/dev/null /dev/stdout /dev/stderr")
_ALIAS_FOLDERS: Final = ("/proc", "/dev/fd", "/sys")
_HIDDEN_NAME: Final = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\x00-\x1f\x7f-\x9f]")
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]+:")
_LONGEST_NAME: Final = 255
_LONGEST_PATH: Final = 4096
_MOST_BYTES: Final = 4
"""What one character can take up in a file name."""


def folded(path: str) -> str:
    """A path for comparing names: composed, case-folded, without the dots and blanks some systems drop."""
    plain = unicodedata.normalize("NFC", path).casefold()
    return "/".join(piece.rstrip(". ") or piece for piece in plain.split("/"))


def inside(path: str, folder: str) -> bool:
    """Whether a path is a folder or lies below it, by whole names."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def link_count(path: str) -> int:
    """How many names the regular file at `path` has; 1 where there is none."""
    try:
        status = os.lstat(path)
    except (OSError, ValueError):
        return 1
    return status.st_nlink if stat.S_ISREG(status.st_mode) else 1


def plainly_below(path: str, root: str) -> bool:
    """Whether an existing folder below `root` belongs to the same repository: none begins on the way to it."""
    if not Path(path).is_dir() or not inside(path, root):
        return False
    while path != root:
        bare = all(os.path.lexists(f"{path}/{name}") for name in ("HEAD", "objects", "refs"))
        if bare or os.path.lexists(f"{path}/.git"):
            return False
        path = path.rpartition("/")[0]
    return True


class _Followed(dict[str, str]):
    """Where absolute paths lead, each looked up once, and the folder that several lie in once."""

    def __init__(self, resolve: Callable[[str], str]) -> None:
        super().__init__()
        self._resolve = resolve

    def __missing__(self, path: str) -> str:
        folder, _, name = path.rpartition("/")
        if self._resolve is not os.path.realpath or not folder or name in {"", ".", ".."}:
            found = self._resolve(path)
        else:
            # The same as resolving the whole path, without another look at all that leads to the folder.
            if folder not in self:
                self[folder] = os.path.realpath(folder)
            plain = f"{self[folder].rstrip('/')}/{name}"
            found = os.path.realpath(plain) if os.path.islink(plain) else plain  # noqa: PTH114 - a text, many times a verdict
        self[path] = found
        return found


@dataclass(frozen=True)
class Workspace:
    """The folders kcode works in, and how names are resolved.

    Attributes:
        root: the folder kcode was started in; absolute.
        home: the user's home directory; absolute.
        extra: added working directories; absolute.
        resolve: follows every link of an absolute path, also where its end does not exist.
        links: how many names a regular file has.
        same_repository: whether a resolved folder below a resolved working directory belongs to its repository.
        also_readable: absolute folders that may be read, and only read, without asking.
    """

    root: str
    home: str
    extra: tuple[str, ...] = ()
    resolve: Callable[[str], str] = field(default=os.path.realpath, compare=False)
    links: Callable[[str], int] = field(default=link_count, compare=False)
    also_readable: tuple[str, ...] = ()
    same_repository: Callable[[str, str], bool] = field(default=plainly_below, compare=False)

    @cached_property
    def folders(self) -> tuple[str, ...]:
        """The resolved working directories."""
        return tuple(self.resolve(folder) for folder in (self.root, *self.extra))

    @cached_property
    def real_home(self) -> str:
        """The resolved home directory."""
        return self.resolve(self.home)

    def remembering(self) -> "Workspace":
        """The same for as long as one verdict takes: what leads where is looked up once."""
        there = replace(self, resolve=_Followed(self.resolve).__getitem__)
        vars(there).update(folders=self.folders, real_home=self.real_home)
        return there

    def holds(self, resolved: str) -> bool:
        """Whether a resolved path lies in a working directory."""
        return any(inside(resolved, folder) for folder in self.folders)

    def readable(self, resolved: str) -> bool:
        """Whether a resolved path may be read without asking for its place."""
        return self.holds(resolved) or any(inside(resolved, self.resolve(f)) for f in self.also_readable)

    def absolute(self, text: str, cwd: str) -> str:
        """A name as a command or person writes it, made absolute; `..` stays for the resolver to follow."""
        if text == "~" or text.startswith("~/"):
            text = self.home + text[1:]
        return text if text.startswith("/") else f"{cwd.rstrip('/')}/{text}"


@dataclass(frozen=True, slots=True)
class Place:
    """A path as written (absolute), the same without `.` and `..`, and where it leads."""

    written: str
    plain: str
    resolved: str

    @property
    def both(self) -> tuple[str, ...]:
        """The different spellings of it."""
        return (self.plain,) if self.plain == self.resolved else (self.plain, self.resolved)


def locate(path: str, workspace: Workspace) -> Place:
    """Where an absolute path leads; an unresolvable one stays as it is."""
    try:
        resolved = workspace.resolve(path)
    except (OSError, ValueError):
        resolved = path
    return Place(path, os.path.normpath(path), resolved)


def impossible(path: str, action: Action) -> str:
    """Why no tool may ever open this path; empty where one may."""
    if not path or "\0" in path:
        return "the path is empty or holds a NUL character"
    if len(path) * _MOST_BYTES > _LONGEST_NAME and (
        len(os.fsencode(path)) > _LONGEST_PATH
        or any(len(os.fsencode(p)) > _LONGEST_NAME for p in path.split("/"))
    ):
        return "the path is too long for a file system"
    plain = os.path.normpath(path)
    device = inside(plain, "/dev") and not inside(plain, "/dev/fd") and not inside(plain, "/dev/shm")  # noqa: S108 - a name to compare, nothing is written there
    if device and not (action == "read" and plain == "/dev/null"):
        return f"'{path}' is a device, not a file"
    return ""


def private(place: Place, workspace: Workspace) -> str:
    """Why a path holds the user's own keys or kcode's own records; empty where it does not."""
    home = folded(workspace.real_home)
    for spelling in place.both:
        plain = folded(spelling)
        if not inside(plain, home) or inside(home, plain):
            continue
        below = plain[len(home.rstrip("/")) + 1 :]
        ssh = below.removeprefix(".ssh/")
        if ssh != below and (ssh in _OPEN_SSH or ssh.endswith(".pub")):
            continue
        if below in _PRIVATE_FILES or any(inside(below, folder) for folder in _PRIVATE_FOLDERS):
            return f"'{place.written}' may hold your keys"
    return ""


def own_records(place: Place, workspace: Workspace) -> bool:
    """Whether a path lies in kcode's own folder below the home directory, and is not being worked on there."""
    own = folded(workspace.real_home + "/.kcode")
    if any(inside(folded(folder), own) for folder in workspace.folders) and workspace.holds(place.resolved):
        return False
    return any(inside(folded(spelling), own) for spelling in place.both)


def protected(place: Place, workspace: Workspace) -> str:
    """The protected name a path goes through, such as `.git`; empty where there is none.

    Where the working directory itself lies below such a name, only the names further down count.
    """
    return next(
        (name for spelling in place.both if (name := _protected_name(_below(spelling, workspace)))), ""
    )


def _below(path: str, workspace: Workspace) -> str:
    for folder in (workspace.root, *workspace.folders):
        if inside(path, folder):
            return path[len(folder.rstrip("/")) :]
    return path


def _protected_name(path: str) -> str:
    pieces = [p for p in folded(path).split("/") if p]
    if pieces and pieces[-1] in _PROTECTED_FILES:
        return pieces[-1]
    pairs = [f"{a}/{b}" for a, b in itertools.pairwise(pieces)]
    return next((name for name in (*pieces, *pairs) if name in _PROTECTED_FOLDERS), "")


def secret(place: Place) -> bool:
    """Whether a path's name is one that usually holds a secret."""
    for spelling in place.both:
        name = folded(spelling).rpartition("/")[2]
        if _SECRET_FILES.fullmatch(name) and not _NOT_SECRET.fullmatch(name):
            return True
    return False


def alias(place: Place) -> bool:
    """Whether a path goes through a folder whose names lead elsewhere by who is asking, as /proc/self does."""
    return any(inside(place.plain, folder) for folder in _ALIAS_FOLDERS)


def misleading(place: Place, action: Action) -> str:
    """Why a person could take this name for another; empty where they could not."""
    relative = place.written
    if ":" in relative and any(_SCHEME.fullmatch(piece) for piece in relative.split("/")[:-1]):
        return "it looks like an address, not a file name"
    if action == "edit" and _HIDDEN_NAME.search(relative):
        return "its name holds hidden characters"
    return ""


def free_device(path: str) -> bool:
    """Whether writing to this path keeps nothing."""
    return path in _FREE_DEVICES
