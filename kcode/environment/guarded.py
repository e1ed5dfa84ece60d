"""What commands must not change unseen: files that make git, an editor or kcode itself run programs."""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from kcode.process.git_names import programs

_FILES = (
    *(".kcode/settings.json", ".kcode/settings.local.json", ".kcode/mcp.json", ".mcp.json", ".envrc"),
    *(".claude/settings.json", ".claude/settings.local.json", ".vscode/tasks.json", ".gitmodules"),
)
_FOLDERS = (".kcode/hooks", ".kcode/commands", ".kcode/skills", ".kcode/agents", ".husky")
_LARGEST = 1 << 20
_MOST = 500


def look(folders: Sequence[Path]) -> Mapping[str, str]:
    """Return the hash of each such file, by path; of git's configuration only what can name a program counts.

    Takes a fraction of a millisecond: few of these files exist.
    """
    found: dict[str, str] = {}
    for folder in folders:
        for path in _places(folder):
            if (digest := _digest(path)) is not None:
                found[str(path)] = digest
    return found


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> Sequence[str]:
    """The paths that differ."""
    return sorted(path for path in {*before, *after} if before.get(path) != after.get(path))


def _places(folder: Path) -> Iterator[Path]:
    yield from (folder / name for name in _FILES)
    for name in _FOLDERS:
        yield from _inside(folder / name)
    git = folder / ".git"
    yield git / "config"
    yield git / "config.worktree"
    yield from (hook for hook in _inside(git / "hooks") if hook.suffix != ".sample")
    if git.is_file():
        yield git


def _inside(folder: Path) -> Iterator[Path]:
    count = 0
    for place, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            count += 1
            if count > _MOST:
                return
            yield Path(place) / name


def _digest(path: Path) -> str | None:
    try:
        if path.is_symlink():
            return f"leads to {path.readlink()}"
        if not path.is_file():
            return None
        found = path.stat()
        if found.st_size > _LARGEST:
            return f"{found.st_size} {found.st_mtime_ns}"
        data = path.read_bytes()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if path.name in {"config", "config.worktree"}:
        data = "\n".join(programs(os.fsdecode(data))).encode(errors="surrogateescape")
    elif path.parent.name == "hooks":
        data += b"x" if os.access(path, os.X_OK) else b""
    return hashlib.sha256(data).hexdigest()
