"""Instruction files: AGENTS.md and CLAUDE.md of the user and of the project."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

NAMES = ("AGENTS.md", "CLAUDE.md")
LOCAL = "CLAUDE.local.md"
LARGEST = 64_000
"""Bytes of one file that are read."""


@dataclass(frozen=True, slots=True)
class MemoryFile:
    """An instruction file."""

    path: Path
    scope: str
    text: str


def load(root: Path, *, home: Path | None, user_home: Path | None, trusted: bool) -> Sequence[MemoryFile]:
    """Read the instruction files that count in a folder: the user's, then the project's, the nearest last.

    The same content counts once. Files of the project are read only where its folder is trusted.

    Args:
        root: the working folder.
        home: kcode's own folder, with the user's AGENTS.md.
        user_home: the user's home, for ~/.claude/CLAUDE.md.
        trusted: whether the project may give instructions.
    """
    found: list[MemoryFile] = []
    for path, scope in _candidates(root, home, user_home, trusted=trusted):
        text = _read(path)
        if text.strip() and all(text.strip() != known.text.strip() for known in found):
            found.append(MemoryFile(path, scope, text))
    return found


def _candidates(
    root: Path, home: Path | None, user_home: Path | None, *, trusted: bool
) -> Iterator[tuple[Path, str]]:
    if home is not None:
        yield home / "AGENTS.md", "the user's own instructions for every project"
    if user_home is not None:
        yield user_home / ".claude" / "CLAUDE.md", "the user's own instructions for every project"
    if not trusted:
        return
    for folder in reversed(_project_folders(root)):
        for name in NAMES:
            yield folder / name, "project instructions, checked in"
        yield folder / LOCAL, "the user's own instructions for this project"


def _project_folders(root: Path) -> list[Path]:
    """Return the folder and its parents up to the repository's root; the folder alone outside a repository."""
    folders = [root, *root.parents]
    for position, folder in enumerate(folders):
        if (folder / ".git").exists():
            return folders[: position + 1]
    return [root]


def _read(path: Path) -> str:
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError:
        return ""
    text = data[:LARGEST].decode("utf-8", errors="replace").removeprefix("\ufeff")
    return text if len(data) <= LARGEST else f"{text}\n[cut at {LARGEST:,} bytes]"
