"""Where kcode keeps what is its own, and whether it may."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Home:
    """The folder for settings, sessions and keys.

    `path` is None where there is none. `problem` says why nothing can be kept, in a sentence to be shown once; what
    is there may still be read. `user` is the person's own folder, None where there is none.
    """

    path: Path | None
    user: Path | None = None
    problem: str = ""

    @property
    def writable(self) -> bool:
        """Whether something can be kept there."""
        return self.path is not None and not self.problem

    def shown(self, path: Path) -> str:
        """Spell a path as a person would, with ~ for their own folder."""
        if self.user is not None and path.is_relative_to(self.user):
            return str(Path("~") / path.relative_to(self.user))
        return str(path)


def find_home(environ: Mapping[str, str]) -> Home:
    """Find kcode's folder: KCODE_HOME, or ~/.kcode if the home folder is there, this user's and writable.

    Only looks; makes nothing.
    """
    user, problem = _user_folder(environ)
    if named := environ.get("KCODE_HOME"):
        path = user / named[2:] if user and named.startswith("~/") else Path(named)
        return _checked(path.absolute(), user, "KCODE_HOME")
    if user is None:
        return Home(None, None, f"{problem} Nothing is saved; set KCODE_HOME to a folder that you can write.")
    return _checked(user / ".kcode", user, "~/.kcode")


def _user_folder(environ: Mapping[str, str]) -> tuple[Path | None, str]:
    named = environ.get("HOME", "")
    if not named:
        return None, "HOME is not set."
    path = Path(named)
    try:
        owner = path.stat().st_uid
    except OSError as error:
        return None, f"The home folder {named} cannot be used ({error.strerror})."
    if not path.is_dir():
        return None, f"The home folder {named} is no folder."
    if owner != os.geteuid():
        # Files of ours would be in the way of whoever owns it, after `sudo` above all.
        return None, f"The home folder {named} belongs to another user."
    return path, ""


def _checked(path: Path, user: Path | None, name: str) -> Home:
    nearest = path
    while not nearest.exists() and nearest.parent != nearest:
        nearest = nearest.parent
    if not nearest.is_dir():
        why = f"{nearest} is no folder."
    elif not os.access(nearest, os.W_OK | os.X_OK):
        why = f"{nearest} cannot be written."
    else:
        return Home(path, user)
    # What is there may still be read.
    readable = path if path.is_dir() else None
    return Home(
        readable, user, f"{name}: {why} Nothing is saved; set KCODE_HOME to a folder that you can write."
    )
