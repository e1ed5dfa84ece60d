"""Whether a folder's own settings, instructions and programs count.

Trust is given to a folder as it is now: its real path, and the content of everything that would count. When
one of these files changes, it is asked about again.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from kcode.config.files import read_object, replace_file
from kcode.config.home import Home
from kcode.config.items import Item, find_items
from kcode.types.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Standing:
    """How a folder stands: trusted as a whole, or the items that are new or changed since it was."""

    trusted: bool
    items: Sequence[Item]
    changed: Sequence[Item]
    known: bool
    """Whether it was trusted before."""

    @property
    def contents(self) -> Mapping[str, bytes | ConfigError]:
        """The project's settings files as they were read, by path."""
        return {item.path: item.data for item in self.items if item.data is not None}

    @property
    def hashes(self) -> Mapping[str, str]:
        """What a person who says yes accepts, by path."""
        return {item.path: item.sha256 for item in self.items}


class Trust:
    """The folders that a person trusts, kept in trust.json; without a place to keep it, for this run only.

    Args:
        home: kcode's own folder.
        accepted: what was accepted in this run, by the folder's real path: hashes by the items' paths.
    """

    def __init__(self, home: Home, accepted: Mapping[str, Mapping[str, str]] | None = None) -> None:
        self._path = home.path / "trust.json" if home.path else None
        self._writable = home.writable
        own = (home.path, home.user / ".claude" if home.user else None)
        self._own = {folder.resolve() for folder in own if folder}
        self._never = {Path("/"), *([home.user.resolve()] if home.user else [])}
        self._session: dict[str, Mapping[str, str]] = dict(accepted or {})

    def standing(self, root: Path, cwd: Path | None = None) -> Standing:
        """Say how a folder stands now; `cwd` is where kcode works in it.

        A folder without anything that would count is trusted: there is nothing to ask about.
        """
        items = find_items(root, cwd, skip=self._own)
        accepted = self._accepted(root)
        hashes = accepted or {}
        changed = [item for item in items if hashes.get(item.path) != item.sha256]
        return Standing(not changed, items, changed, accepted is not None)

    def accept(self, root: Path, items: Sequence[Item]) -> None:
        """Trust a folder as the person saw it. The home folder and `/` are trusted for this run only.

        Raises:
            ConfigError: trust.json cannot be written; the folder is trusted for this run.
        """
        key = str(root.resolve())
        self._session[key] = {**self._session.get(key, {}), **{item.path: item.sha256 for item in items}}
        if not self._writable or Path(key) in self._never:
            return
        self._save({**self._stored(), key: self._accepted(root) or {}})

    def renew(self, root: Path, path: Path, before: Mapping[str, str]) -> None:
        """Keep trusting a folder though kcode itself has just written one of its files.

        `before` are the hashes by path from `hashes`, taken before the writing: what anybody else changed
        meanwhile is not covered.
        """
        accepted = self._accepted(root)
        name = str(path.relative_to(root))
        if accepted is None or accepted.get(name) != before.get(name):
            return
        self.accept(root, [item for item in find_items(root) if item.path == name])

    def forget(self, root: Path) -> None:
        """Take trust back; raises ConfigError."""
        key = str(root.resolve())
        self._session.pop(key, None)
        if self._writable:
            self._save({name: hashes for name, hashes in self._stored().items() if name != key})

    def _accepted(self, root: Path) -> Mapping[str, str] | None:
        key = str(root.resolve())
        stored = None if Path(key) in self._never else self._stored().get(key)
        session = self._session.get(key)
        return stored if session is None else {**(stored or {}), **session}

    def _stored(self) -> dict[str, Mapping[str, str]]:
        if self._path is None:
            return {}
        try:
            found = read_object(self._path)
        except ConfigError:
            # A file that cannot be read trusts nobody.
            return {}
        folders: object = found[0].get("folders") if found else None
        if not isinstance(folders, dict):
            return {}
        entries = cast("dict[str, Any]", folders).items()
        return {name: cast("dict[str, str]", hashes) for name, hashes in entries if isinstance(hashes, dict)}

    def _save(self, folders: Mapping[str, Mapping[str, str]]) -> None:
        if self._path is None:
            return
        text = json.dumps({"folders": folders}, indent=1) + "\n"
        try:
            replace_file(self._path, text.encode(), mode=0o600)
        except OSError as error:
            raise ConfigError(f"{self._path}: cannot be written ({error.strerror}).") from error
