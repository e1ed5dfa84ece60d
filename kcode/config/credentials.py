"""API keys by vendor: in the system's keyring where there is one, else in a file for its owner only."""

import importlib
import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, cast

from kcode.config.files import read_object, replace_file
from kcode.config.home import Home
from kcode.types.errors import ConfigError

_SERVICE = "kcode"


class Keyring(Protocol):
    """What the `keyring` package offers."""

    def get_password(self, service_name: str, username: str) -> str | None:
        """Return a secret, None if there is none."""
        ...

    def set_password(self, service_name: str, username: str, password: str) -> None:
        """Keep a secret."""
        ...

    def delete_password(self, service_name: str, username: str) -> None:
        """Remove a secret."""
        ...


def system_keyring() -> Keyring | None:
    """Return the system's keyring, None where the `keyring` package or a place for secrets is missing."""
    try:
        keyring: Any = importlib.import_module("keyring")
        fail: Any = importlib.import_module("keyring.backends.fail")
    except ImportError:
        return None
    backend: Any = keyring.get_keyring()
    return None if isinstance(backend, fail.Keyring) else cast("Keyring", backend)


class Credentials:
    """Keys by vendor name ("moonshot"). The newest one stands in the keyring, if there is one, or in the file."""

    def __init__(self, home: Home, keyring: Keyring | None = None) -> None:
        self.path: Path | None = home.path / "credentials.json" if home.path else None
        self._writable = home.writable
        self._keyring = keyring

    def get(self, vendor: str) -> str:
        """Return a vendor's key, "" if none is stored.

        Raises:
            ConfigError: the file is broken; the text names the place.
        """
        if key := self._in_keyring(vendor):
            return key
        entry = self._read().get(vendor)
        key = cast("dict[str, Any]", entry).get("apiKey") if isinstance(entry, dict) else None
        return key if isinstance(key, str) else ""

    def place(self, vendor: str) -> str:
        """Say where a vendor's stored key stands, in words."""
        return "the system's keyring" if self._in_keyring(vendor) else str(self.path)

    def _in_keyring(self, vendor: str) -> str:
        if self._keyring is None:
            return ""
        try:
            return self._keyring.get_password(_SERVICE, vendor) or ""
        except Exception:  # noqa: BLE001 - a locked or broken keyring counts as empty
            return ""

    def set(self, vendor: str, key: str) -> str:
        """Keep a vendor's key and return where it is kept, in words.

        Raises:
            ConfigError: there is no place for it.
        """
        key = key.strip()
        if self._keyring is not None:
            try:
                self._keyring.set_password(_SERVICE, vendor, key)
            except Exception:  # noqa: BLE001, S110 - then it goes to the file
                pass
            else:
                if vendor in self._read():
                    self._write({name: entry for name, entry in self._read().items() if name != vendor})
                return "the system's keyring"
        self._write({**self._read(), vendor: {"apiKey": key}})
        return str(self.path)

    def delete(self, vendor: str) -> bool:
        """Forget a vendor's key; whether there was one. Raises ConfigError."""
        found = False
        if self._keyring is not None:
            try:
                self._keyring.delete_password(_SERVICE, vendor)
                found = True
            except Exception:  # noqa: BLE001, S110 - keyrings raise their own errors for what is not there
                pass
        stored = self._read()
        if vendor in stored:
            self._write({name: entry for name, entry in stored.items() if name != vendor})
            found = True
        return found

    def stored(self) -> Sequence[str]:
        """Name the vendors in the file."""
        return sorted(self._read())

    def warning(self) -> str:
        """Say what is unsafe about the file, "" if nothing is."""
        try:
            mode = self.path.stat().st_mode if self.path else 0
        except OSError:
            return ""
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            return f"{self.path} can be read by others. Run: chmod 600 {self.path}"
        return ""

    def _read(self) -> dict[str, Any]:
        if self.path is None:
            return {}
        self._refuse_foreign(self.path)
        found = read_object(self.path)
        return found[0] if found else {}

    def _refuse_foreign(self, path: Path) -> None:
        try:
            found = path.lstat()
        except OSError:
            return
        if stat.S_ISLNK(found.st_mode):
            raise ConfigError(
                f"{path} is a link, so no key is taken from it or kept in it. Put the file itself there."
            )
        if found.st_uid not in {os.geteuid(), 0}:
            raise ConfigError(f"{path} belongs to another user, so no key is taken from it. Remove it.")

    def _write(self, data: dict[str, Any]) -> None:
        if self.path is None or not self._writable:
            raise ConfigError(
                "There is no place to keep a key: set KCODE_HOME to a folder that you can write."
            )
        try:
            if self.path.exists():
                self.path.chmod(0o600)
            replace_file(self.path, (json.dumps(data, indent=2) + "\n").encode(), mode=0o600)
        except OSError as error:
            raise ConfigError(f"{self.path}: cannot be written ({error.strerror}).") from error
