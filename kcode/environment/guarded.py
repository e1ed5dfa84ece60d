"""What commands must not change unseen: files that make git, an editor or kcode itself run programs."""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_FILES = (
    *(".kcode/settings.json", ".kcode/settings.local.json", ".kcode/mcp.json", ".mcp.json", ".envrc"),
    *(".claude/settings.json", ".claude/settings.local.json", ".vscode/tasks.json", ".gitmodules"),
)
_FOLDERS = (".kcode/hooks", ".kcode/commands", ".kcode/skills", ".kcode/agents", ".husky")
_LARGEST = 1 << 20
_MOST = 500
_SECTION = re.compile(r"\[\s*([A-Za-z0-9.-]+)(?:\s+\"((?:[^\"\\]|\\.)*)\")?\s*\]")
_HARMLESS = re.compile(
    r"branch\..*|user\.(name|email|signingkey)|remote\.[^.]*\.?.*\.(url|pushurl|fetch|tagopt|prune|skipfetchall|mirror)"
    r"|core\.(bare|filemode|logallrefupdates|repositoryformatversion|ignorecase|precomposeunicode|symlinks"
    r"|autocrlf|eol|safecrlf|quotepath|longpaths|sparsecheckout.*)"
    r"|(pull|push|fetch|rebase|merge|init|color|advice|gc|maintenance|lfs|index|status|log|tag|commit|format)"
    r"\.[a-z]*(default|rebase|prune|ff|auto|autosetup.*|defaultbranch|ui|repositoryformatversion|stat|date)"
    r"|submodule\..*\.(url|active)|extensions\.(worktreeconfig|partialclone|objectformat)",
    re.IGNORECASE,
)


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
        data = _programs(data.decode(errors="surrogateescape")).encode(errors="surrogateescape")
    elif path.parent.name == "hooks":
        data += b"x" if os.access(path, os.X_OK) else b""
    return hashlib.sha256(data).hexdigest()


def _programs(text: str) -> str:
    """Leave of git's configuration what is not known to be harmless."""
    section = ""
    kept: list[str] = []
    for line in text.splitlines():
        bare = line.strip()
        if not bare or bare[0] in "#;":
            continue
        match = _SECTION.match(bare)
        if match:
            section = ".".join(part for part in match.groups() if part)
            bare = bare[match.end() :].strip()
        key = re.split(r"[\s=]", bare, maxsplit=1)[0]
        # A line that goes on below could hide anything.
        if bare and (bare.endswith("\\") or not _HARMLESS.fullmatch(f"{section}.{key}")):
            kept.append(f"{section}: {bare}")
    return "\n".join(kept)
