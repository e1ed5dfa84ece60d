"""Shared by the tests of fences: folders with keys in them, and the users who run commands there."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kcode.environment.sandbox import Sandbox

USERS = ["root", "nobody"] if sys.platform == "linux" and os.geteuid() == 0 else ["oneself"]
CLEAN = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
NOBODY = 65534


@dataclass
class Folders:
    """A working folder, a home and a private folder, for commands that `user` runs fenced in."""

    sandbox: Sandbox
    root: Path
    home: Path
    scratch: Path
    user: str


@contextmanager
def base_folder() -> Generator[Path, None, None]:
    """A folder outside of /tmp that every user may enter, with `work`, `home` and `scratch` in it."""
    base = Path(tempfile.mkdtemp(prefix="fenced-", dir="/var/tmp")).resolve()
    base.chmod(0o755)
    for name in ("work", "scratch/tmp", "home/.ssh", "home/own"):
        (base / name).mkdir(parents=True)
    for name, text in ((".ssh/id", "a key"), (".netrc", "a password"), ("plain", "plain")):
        (base / "home" / name).write_text(text)
    yield base
    shutil.rmtree(base)


def give_to(user: str, base: Path) -> None:
    """Make everything there the user's own."""
    if user == "nobody":
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", str(base)], check=True)
