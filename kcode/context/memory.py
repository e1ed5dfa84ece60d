"""Instruction files: AGENTS.md and CLAUDE.md of the user and of the project, and what they import."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

NAMES = ("AGENTS.md", "CLAUDE.md")
LOCAL = "CLAUDE.local.md"
LARGEST = 64_000
"""Bytes of one file that are read."""
TOGETHER = 64_000
"""Characters of all files together that the model gets."""
DEPTH = 4
"""How deep files may import one another."""

_IMPORT = re.compile(
    r"(?<![\w`@/.])@((?:~/|\.{0,2}/)?[\w][\w./ \\-]*?\.[\w]+|(?:~/|\.{0,2}/)[\w./-]+)(?=[\s,;:)]|\.?$|\.\s)"
)
_CODE = re.compile(r"```.*?```|~~~.*?~~~|`[^`\n]*`", re.DOTALL)


@dataclass(frozen=True, slots=True)
class MemoryFile:
    """An instruction file."""

    path: Path
    scope: str
    text: str


@dataclass(frozen=True, slots=True)
class Places:
    """Where instruction files may lie.

    Attributes:
        root: the working folder.
        home: kcode's own folder, with the user's AGENTS.md.
        user_home: the user's home, for ~/.claude/CLAUDE.md.
        trusted: whether the project may give instructions.
        deep: whether the person said so: only then do imports of project files and nested files count, since a
            folder without instruction files at its top is trusted without a question.
    """

    root: Path
    home: Path | None
    user_home: Path | None
    trusted: bool
    deep: bool = False

    @property
    def top(self) -> Path:
        """The repository's own folder; the working folder outside of a repository."""
        return _project_folders(self.root)[-1]


def load(root: Path, *, home: Path | None, user_home: Path | None, trusted: bool) -> Sequence[MemoryFile]:
    """Read the instruction files that count in a folder, without those of deeper folders; see `load_all`."""
    return load_all(Places(root, home, user_home, trusted, deep=trusted))


def load_all(places: Places) -> Sequence[MemoryFile]:
    """Read the instruction files that count: the user's, then the project's, the nearest last.

    The same content counts once; what a file imports follows it. Together they are cut at `TOGETHER` characters.
    """
    found: list[MemoryFile] = []
    for path, scope, area in _candidates(places):
        _take(path, scope, area, found, 0)
    return _within(found)


def nested(places: Places, folder: Path) -> Sequence[MemoryFile]:
    """Read the instruction files of one deeper folder, which count once a file below it is touched."""
    if not (places.trusted and places.deep):
        return []
    found: list[MemoryFile] = []
    for name in (*NAMES, LOCAL):
        _take(folder / name, f"instructions for {folder}", places.top, found, 0)
    return _within(found)


def between(root: Path, path: Path) -> Sequence[Path]:
    """The folders below `root` that a file lies in, the outermost first."""
    if root not in path.parents:
        return []
    return [folder for folder in reversed(path.parents) if root in folder.parents]


def signature(files: Iterable[Path]) -> tuple[tuple[str, int, int], ...]:
    """Tell whether files are still the same, without reading them."""
    found: list[tuple[str, int, int]] = []
    for path in files:
        try:
            stat = path.stat()
        except OSError:
            continue
        found.append((str(path), stat.st_mtime_ns, stat.st_size))
    return tuple(found)


def candidates(places: Places) -> Sequence[Path]:
    """Every place where an instruction file would count, whether there is one or not."""
    return [path for path, _, _ in _candidates(places)]


def _candidates(places: Places) -> Iterator[tuple[Path, str, Path | None]]:
    """Paths with their scope and the folder that their imports must stay in, None where there may be none."""
    own = "the user's own instructions for every project"
    if places.home is not None:
        yield places.home / "AGENTS.md", own, places.user_home or places.home
    if places.user_home is not None:
        yield places.user_home / ".claude" / "CLAUDE.md", own, places.user_home
    if not places.trusted:
        return
    area = places.top if places.deep else None
    for folder in reversed(_project_folders(places.root)):
        for name in NAMES:
            yield folder / name, "project instructions, checked in", area
        yield folder / LOCAL, "the user's own instructions for this project", area


def _take(path: Path, scope: str, area: Path | None, found: list[MemoryFile], depth: int) -> None:
    """Add a file and what it imports."""
    text = _read(path)
    same = text.strip()
    if not same or any(known.path == path or known.text.strip() == same for known in found):
        return
    found.append(MemoryFile(path, scope, text))
    if area is None or depth >= DEPTH:
        return
    for name in _imports(text):
        target = _target(path, name, area)
        if target is not None:
            _take(target, f"imported by {path}", area, found, depth + 1)


def _imports(text: str) -> Sequence[str]:
    """The paths that a text imports: words that begin with @, outside of code."""
    return list(dict.fromkeys(match.strip() for match in _IMPORT.findall(_CODE.sub(" ", text))))


def _target(path: Path, name: str, area: Path) -> Path | None:
    """Find an imported file; None where it lies outside of what may be imported."""
    target = Path(name).expanduser() if name.startswith("~") else path.parent / name
    try:
        resolved = target.resolve()
        return resolved if resolved.is_relative_to(area.resolve()) else None
    except (OSError, RuntimeError):
        return None


def _within(files: Sequence[MemoryFile]) -> Sequence[MemoryFile]:
    """Cut what is more than all files may have together; the nearest ones, at the end, are spared longest."""
    left = TOGETHER
    kept: list[MemoryFile] = []
    for file in reversed(files):
        if len(file.text) <= left:
            kept.append(file)
        elif left > 200:
            note = (
                f"\n[cut: all instruction files may have {TOGETHER:,} characters; {file.path} has the rest]"
            )
            kept.append(replace(file, text=file.text[:left] + note))
        left = max(0, left - len(file.text))
    return kept[::-1]


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
    if b"\0" in data:
        return ""
    text = data[:LARGEST].decode("utf-8", errors="replace").removeprefix("\ufeff")
    return text if len(data) <= LARGEST else f"{text}\n[cut at {LARGEST:,} bytes]"
