"""Keeping what a person allowed for good: in the project's local settings, which are nobody else's."""

from collections.abc import Sequence
from pathlib import Path

from kcode.config.home import Home
from kcode.config.items import find_items
from kcode.config.trust import Trust
from kcode.config.writer import add_rule
from kcode.types.errors import ConfigError


class Remembered:
    """Writes "always allow" rules to a project's .kcode/settings.local.json.

    A folder that is not trusted keeps none: its settings would not count, and kcode must not make them count by
    the way. There, and where the file cannot be written, a rule holds for the session.
    """

    def __init__(self, root: Path, cwd: Path, home: Home) -> None:
        self._root = root
        self._cwd = cwd
        self._home = home

    def keep(self, rules: Sequence[str]) -> str:
        """Store allow rules; returns what kept them from being stored, "" if nothing did."""
        if self._root in {Path("/"), self._home.user} or not self._home.writable:
            return "These rules hold for this session: this folder has no settings of its own."
        trust = Trust(self._home)
        if not trust.standing(self._root, self._cwd).trusted:
            return "These rules hold for this session: this folder is not trusted."
        path = self._root / ".kcode" / "settings.local.json"
        try:
            _ignore(path.parent)
            for rule in rules:
                add_rule(path, "allow", rule)
            # This file was trusted before, and what is new was written here; of the others nothing is known now.
            name = str(path.relative_to(self._root))
            trust.accept(self._root, [item for item in find_items(self._root) if item.path == name])
        except (ConfigError, OSError) as error:
            return f"These rules hold for this session; they could not be stored: {error}"
        return ""


def _ignore(folder: Path) -> None:
    """Keep the local settings out of commits where kcode itself makes them."""
    folder.mkdir(exist_ok=True)
    ignored = folder / ".gitignore"
    if not ignored.exists() and not (folder / "settings.local.json").exists():
        ignored.write_text("settings.local.json\n.gitignore\n", encoding="utf-8")
