import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kcode.config.home import Home, find_home

NOBODY = 65534


def test_kcodes_folder_lies_in_the_home_folder_and_looking_makes_nothing(tmp_path: Path) -> None:
    assert find_home({"HOME": str(tmp_path)}) == Home(tmp_path / ".kcode", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_another_folder_can_be_named(tmp_path: Path) -> None:
    named = tmp_path / "deep" / "kc"
    assert find_home({"HOME": str(tmp_path), "KCODE_HOME": str(named)}).path == named
    assert find_home({"HOME": str(tmp_path), "KCODE_HOME": "~/kc"}).path == tmp_path / "kc"
    assert find_home({"KCODE_HOME": str(named)}) == Home(named, None)


@pytest.mark.parametrize("home", [None, "", "/nonexistent/home", "/dev/null"])
def test_without_a_home_folder_nothing_is_saved_and_the_reason_is_told(home: str | None) -> None:
    found = find_home({} if home is None else {"HOME": home})
    assert found.path is None
    assert "KCODE_HOME" in found.problem
    assert (home or "HOME") in found.problem


def test_another_users_home_folder_is_left_alone() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = folder
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
        else:
            home = "/"
        found = find_home({"HOME": home})
        assert (found.path, found.user, found.writable) == (None, None, False)
        assert "another user" in found.problem
        assert list(Path(folder).iterdir()) == []


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


_AS_NOBODY = """
import os, sys
from kcode.config.home import find_home

if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
home = find_home({"HOME": sys.argv[1]})
print(home.path)
print(home.problem)
"""


def test_a_home_folder_that_cannot_be_written_is_told_and_still_read(open_folder: Path) -> None:
    home = open_folder / "home"
    (home / ".kcode").mkdir(parents=True)
    if os.geteuid() == 0:
        # Root may write everywhere: the question is asked as somebody else.
        os.chown(home, NOBODY, NOBODY)
        os.chown(home / ".kcode", NOBODY, NOBODY)
    (home / ".kcode").chmod(0o555)
    done = subprocess.run(
        [sys.executable, "-c", _AS_NOBODY, str(home)],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    path, problem = done.stdout.splitlines()
    assert path == str(home / ".kcode")
    assert "cannot be written" in problem


def test_paths_are_shown_as_a_person_writes_them(tmp_path: Path) -> None:
    home = Home(tmp_path / ".kcode", tmp_path)
    assert home.shown(tmp_path / ".kcode" / "x") == "~/.kcode/x"
    assert home.shown(Path("/etc/x")) == "/etc/x"
