"""How paths are spelled towards the editor: in the folder that it named, which may be a link to ours."""

from collections.abc import Sequence
from pathlib import Path


class Spelling:
    """Maps this machine's real paths to the editor's.

    Args:
        named: the folders as the editor named them, the session's own first; absolute.
    """

    def __init__(self, named: Sequence[Path]) -> None:
        self._pairs = [(folder.resolve(), folder) for folder in named]

    def shown(self, path: Path | str) -> str:
        """An absolute path, as the editor would write it."""
        absolute = Path(path) if Path(path).is_absolute() else self._pairs[0][0] / path
        for real, named in self._pairs:
            if real != named and absolute.is_relative_to(real):
                return str(named / absolute.relative_to(real))
        return str(absolute)

    def inside(self, path: Path) -> bool:
        """Whether a path lies in one of the folders."""
        return any(path.is_relative_to(real) or path.is_relative_to(named) for real, named in self._pairs)
