"""The programs that a repository's own configuration and hooks have git run, found without running git."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kcode.config.files import LARGEST, read_bytes
from kcode.process.git_names import programs
from kcode.types.errors import ConfigError

_INCLUDED = re.compile(r"include(?:if\..*)?\.path\s*=\s*\"?([^\"]*?)\"?\s*", re.IGNORECASE | re.DOTALL)
_HOOKS = re.compile(r"core\.hookspath\s*=\s*\"?([^\"]*?)\"?\s*", re.IGNORECASE)
_MOST = 1_000


@dataclass(frozen=True, slots=True)
class GitPrograms:
    """A file by which git runs programs; `data` is all of it that matters, `details` says it in words."""

    file: Path
    data: bytes
    details: tuple[str, ...]


def programs_of(cwd: Path) -> Sequence[GitPrograms]:
    """Return the files by which git in a folder runs programs; nothing where there is no repository around it."""
    top, places = _git_folders(cwd)
    found: list[GitPrograms] = []
    lines: list[str] = []
    for place in places:
        for name in ("config", "config.worktree"):
            found += _settings(place / name, lines, [])
    hooks = [place / "hooks" for place in places]
    hooks += [_at(top, match[1]) for line in lines if (match := _HOOKS.fullmatch(line))]
    for folder in dict.fromkeys(hooks):
        found += _hooks(folder)
    return found


def _git_folders(cwd: Path) -> tuple[Path, Sequence[Path]]:
    """Where the working tree begins, and git's own folders: its own, and one shared with other working trees."""
    for top in (cwd, *cwd.parents):
        git = top / ".git"
        if git.is_file():
            git = _at(top, _text(git).removeprefix("gitdir:").strip())
        elif not git.is_dir():
            git = top
        # A folder can be a repository without a working tree; git enters such a one too.
        if ((git / "HEAD").is_file() and (git / "objects").is_dir()) or (git / "commondir").is_file():
            shared = _text(git / "commondir").strip()
            return top, [git, _at(git, shared)] if shared else [git]
        if git != top:
            break
    return cwd, []


def _settings(file: Path, lines: list[str], seen: list[Path]) -> Iterator[GitPrograms]:
    """What a file of settings names, and what it includes; its lines are added to `lines`."""
    if file in seen or len(seen) >= _MOST:
        return
    seen.append(file)
    try:
        named = programs(os.fsdecode(read_bytes(file, LARGEST) or b""))
    except ConfigError as error:
        named = [f"cannot be read: {error}"]
    if named:
        lines += named
        yield GitPrograms(file, os.fsencode("\n".join(named)), tuple(named))
    for line in named:
        if match := _INCLUDED.fullmatch(line):
            yield from _settings(_at(file.parent, match[1]), lines, seen)


def _hooks(folder: Path) -> Iterator[GitPrograms]:
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if not entry.name.endswith(".sample"))
    except OSError:
        return
    for name in names[:_MOST]:
        file = folder / name
        if not file.is_file() or not os.access(file, os.X_OK):
            continue
        try:
            data = read_bytes(file, LARGEST) or b""
        except ConfigError as error:
            data = str(error).encode()
        yield GitPrograms(file, data, ("git runs this hook",))
    if rest := names[_MOST:]:
        yield GitPrograms(folder, "\n".join(rest).encode(errors="replace"), (f"{len(rest)} more files",))


def _at(folder: Path, name: str) -> Path:
    return Path(os.path.normpath(folder / os.path.expanduser(name)))  # noqa: PTH111 - that of Path raises without a home


def _text(file: Path) -> str:
    try:
        return os.fsdecode(read_bytes(file, LARGEST) or b"")
    except ConfigError:
        return ""
