"""Folders to read settings from."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kcode.config.home import Home
from kcode.config.layers import Loaded, load_settings
from kcode.config.options import Options
from kcode.config.trust import Trust


class Places:
    """A home folder and a project, both empty."""

    def __init__(self, folder: Path) -> None:
        self.user = folder / "user"
        self.project = folder / "project"
        self.user.mkdir()
        self.project.mkdir()
        self.home = Home(self.user / ".kcode", self.user)

    def put(self, path: str, content: object) -> Path:
        """Write a file, as "user/..." or "project/..."; anything but text and bytes becomes JSON."""
        top, _, rest = path.partition("/")
        target = {"user": self.user, "project": self.project}[top] / rest
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            target.write_bytes(content)
        else:
            target.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return target

    def load(self, environ: Mapping[str, str] | None = None, *, trusted: bool = True, **flags: Any) -> Loaded:
        options = Options(cwd=self.project, **flags)
        standing = Trust(self.home).standing(self.project)
        return load_settings(
            options,
            home=self.home,
            environ=environ or {},
            root=self.project,
            project=standing.contents if trusted else None,
        )
