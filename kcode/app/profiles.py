"""What endpoints taught, kept from one run to the next in `endpoints.json` of kcode's own folder."""

import contextlib
import json
from typing import Any, cast

from kcode.config.files import read_object, replace_file
from kcode.config.home import Home
from kcode.providers.profile import Profile
from kcode.types.errors import ConfigError
from kcode.types.model import JsonObject

FILE = "endpoints.json"
_MOST = 200
"""Entries that are kept; the oldest go first."""


class Profiles:
    """Profiles by endpoint and model. A file that cannot be read counts as empty: it holds nothing of anybody's."""

    def __init__(self, home: Home) -> None:
        self.path = home.path / FILE if home.path else None
        self._writable = home.writable

    def of(self, base_url: str, model: str) -> Profile:
        """What was learnt of a model at an endpoint."""
        found = self._all().get(_key(base_url, model))
        if not isinstance(found, dict):
            return Profile()
        entry = cast("dict[str, Any]", found)
        fields, window = entry.get("fields"), entry.get("window")
        return Profile(
            cast("JsonObject", fields) if isinstance(fields, dict) else {},
            window if isinstance(window, int) and window >= 1_024 else 0,
        )

    def keep(self, base_url: str, model: str, profile: Profile) -> None:
        """Keep what was learnt, in place of what was known; where nothing can be written, it holds for this run."""
        if self.path is None or not self._writable:
            return
        entries = self._all()
        entries.pop(_key(base_url, model), None)
        entries[_key(base_url, model)] = {"fields": profile.fields, "window": profile.window}
        kept = dict(list(entries.items())[-_MOST:])
        with contextlib.suppress(OSError):
            replace_file(self.path, (json.dumps(kept, indent=1) + "\n").encode(), mode=0o600)

    def _all(self) -> dict[str, Any]:
        if self.path is None:
            return {}
        try:
            found = read_object(self.path)
        except ConfigError:
            return {}
        return found[0] if found else {}


def _key(base_url: str, model: str) -> str:
    return f"{base_url.rstrip('/')} {model}"
