import os
from pathlib import Path

import pytest
from config_places import Places

from kcode.config.credentials import Credentials, system_keyring
from kcode.config.home import Home
from kcode.types.errors import ConfigError


class Ring:
    """A keyring in memory; a locked one raises whatever it is asked."""

    def __init__(self, *, locked: bool = False) -> None:
        self.secrets: dict[str, str] = {}
        self.locked = locked

    def _check(self) -> None:
        if self.locked:
            raise RuntimeError("locked")

    def get_password(self, service_name: str, username: str) -> str | None:
        self._check()
        return self.secrets.get(username)

    def set_password(self, service_name: str, username: str, password: str) -> None:
        self._check()
        self.secrets[username] = password

    def delete_password(self, service_name: str, username: str) -> None:
        self._check()
        del self.secrets[username]


def test_a_key_is_kept_in_a_file_for_its_owner_only(places: Places) -> None:
    where = Credentials(places.home).set("moonshot", " sk-1\n")
    path = places.user / ".kcode" / "credentials.json"
    assert where == str(path)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert Credentials(places.home).get("moonshot") == "sk-1"
    assert Credentials(places.home).get("openai") == ""


def test_keys_of_several_vendors_stand_side_by_side(places: Places) -> None:
    keys = Credentials(places.home)
    keys.set("moonshot", "one")
    keys.set("openai", "two")
    assert list(keys.stored()) == ["moonshot", "openai"]
    assert keys.delete("moonshot")
    assert not keys.delete("moonshot")
    assert (keys.get("moonshot"), keys.get("openai")) == ("", "two")


def test_a_keyring_is_used_where_there_is_one(places: Places) -> None:
    Credentials(places.home).set("moonshot", "in the file")
    ring = Ring()
    keys = Credentials(places.home, ring)
    assert keys.get("moonshot") == "in the file"
    assert keys.set("moonshot", "in the ring") == "the system's keyring"
    assert (keys.get("moonshot"), Credentials(places.home).get("moonshot")) == ("in the ring", "")
    assert keys.delete("moonshot")
    assert keys.get("moonshot") == ""


def test_a_locked_keyring_falls_back_to_the_file(places: Places) -> None:
    keys = Credentials(places.home, Ring(locked=True))
    keys.set("moonshot", "k")
    assert keys.get("moonshot") == "k"
    assert Credentials(places.home).get("moonshot") == "k"


def test_a_file_that_others_can_read_is_warned_of_and_mended_by_the_next_key(places: Places) -> None:
    path = places.put("user/.kcode/credentials.json", {"openai": {"apiKey": "k"}})
    path.chmod(0o644)
    keys = Credentials(places.home)
    assert "chmod 600" in keys.warning()
    keys.set("moonshot", "k")
    assert (keys.warning(), path.stat().st_mode & 0o777) == ("", 0o600)


def test_a_link_in_the_files_place_is_refused(places: Places, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_text('{"moonshot": {"apiKey": "k"}}')
    (places.user / ".kcode").mkdir(parents=True, exist_ok=True)
    (places.user / ".kcode" / "credentials.json").symlink_to(elsewhere)
    keys = Credentials(places.home)
    for act in (lambda: keys.get("moonshot"), lambda: keys.set("moonshot", "new")):
        with pytest.raises(ConfigError, match="is a link"):
            act()
    assert "new" not in elsewhere.read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(places: Places) -> None:
    path = places.put("user/.kcode/credentials.json", {"moonshot": {"apiKey": "k"}})
    os.chown(path, 65534, 65534)
    with pytest.raises(ConfigError, match="another user"):
        Credentials(places.home).get("moonshot")


def test_a_broken_file_is_named_and_not_overwritten(places: Places) -> None:
    path = places.put("user/.kcode/credentials.json", "{ broken")
    keys = Credentials(places.home)
    for act in (lambda: keys.get("moonshot"), lambda: keys.set("moonshot", "k")):
        with pytest.raises(ConfigError, match=r"credentials\.json:1:3"):
            act()
    assert path.read_text() == "{ broken"


def test_entries_of_an_unknown_form_count_as_no_key(places: Places) -> None:
    places.put("user/.kcode/credentials.json", {"moonshot": "bare", "openai": {"apiKey": 3}})
    keys = Credentials(places.home)
    assert (keys.get("moonshot"), keys.get("openai")) == ("", "")


def test_without_a_place_a_key_is_refused_with_what_to_do() -> None:
    keys = Credentials(Home(None))
    assert (keys.get("moonshot"), list(keys.stored()), keys.warning()) == ("", [], "")
    with pytest.raises(ConfigError, match="KCODE_HOME"):
        keys.set("moonshot", "k")


def test_a_failed_write_leaves_the_old_file_and_no_other(places: Places, tmp_path: Path) -> None:
    places.put("user/.kcode/credentials.json", {"moonshot": {"apiKey": "old"}})
    keys = Credentials(places.home)
    folder = places.user / ".kcode"
    (folder / "credentials.json").rename(tmp_path / "kept.json")
    (folder / "credentials.json").mkdir()
    with pytest.raises(ConfigError):
        keys.set("moonshot", "new")
    assert list(folder.iterdir()) == [folder / "credentials.json"]


def test_looking_for_the_systems_keyring_never_fails() -> None:
    ring = system_keyring()
    assert ring is None or hasattr(ring, "get_password")
