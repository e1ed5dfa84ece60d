"""A bare name means a program of the machine, not one that lies in the folder that is worked in."""

import os
from pathlib import Path

import pytest

from kcode.process.environ import clean_environment
from kcode.process.programs import find_program
from kcode.process.spawn import run


def program(folder: Path, words: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tool"
    path.write_text(f"#!/bin/sh\necho {words}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    return program(tmp_path / "machine" / "bin", "machine")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for place in ("", "bin", "node_modules/.bin", ".venv/bin", "sub"):
        program(folder / place, "project")
    return folder


PLACES = [
    "",
    ".",
    "./bin",
    "bin",
    "..",
    "{P}",
    "{P}/bin",
    "{P}/node_modules/.bin",
    "{P}/.venv/bin",
    "{P}/sub/../bin",
]


@pytest.mark.parametrize("place", PLACES)
async def test_what_lies_in_the_project_is_not_taken(machine: Path, project: Path, place: str) -> None:
    path = f"{place.replace('{P}', str(project))}:{machine.parent}"
    assert find_program("tool", path, project) == str(machine)
    done = await run(["tool"], cwd=project, env={"PATH": path})
    assert done.stdout == b"machine\n"


async def test_what_only_the_project_has_is_not_found(project: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await run(["tool"], cwd=project, env={"PATH": f"{project}:."})


def test_the_whole_repository_is_the_project(machine: Path, project: Path) -> None:
    (project / ".git").mkdir()
    path = f"{project}/.venv/bin:{machine.parent}"
    assert find_program("tool", path, project / "sub") == str(machine)


def test_a_link_into_the_project_is_not_taken(machine: Path, project: Path, tmp_path: Path) -> None:
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "tool").symlink_to(project / "tool")
    (tmp_path / "folder").symlink_to(project / "bin")
    path = f"{tmp_path}/links:{tmp_path}/folder:{machine.parent}"
    assert find_program("tool", path, project) == str(machine)


def test_in_the_home_folder_a_persons_own_programs_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = program(tmp_path / "bin", "own")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".git").mkdir()
    assert find_program("tool", f"{tmp_path}/bin", tmp_path) == str(own)
    (tmp_path / "work").mkdir()
    assert find_program("tool", f"{tmp_path}/bin", tmp_path / "work") == str(own)


def test_folders_and_files_that_cannot_be_run_are_passed_over(machine: Path, tmp_path: Path) -> None:
    (tmp_path / "a" / "tool").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "tool").write_text("no program")
    path = f"{tmp_path}/a:{tmp_path}/b:{tmp_path}/none:{machine.parent}"
    assert find_program("tool", path, tmp_path / "work") == str(machine)


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        (".:/usr/bin", "/usr/bin"),
        (":/bin::/usr/bin:", "/bin:/usr/bin"),
        ("./a/bin", os.defpath),
        ("", os.defpath),
    ],
)
def test_commands_do_not_get_places_that_differ_in_every_folder(path: str, kept: str) -> None:
    assert clean_environment({"PATH": path})["PATH"] == kept


def test_an_activated_environment_of_the_project_stays_on_the_path_of_commands(project: Path) -> None:
    path = f"{project}/.venv/bin:/usr/bin"
    assert clean_environment({"PATH": path})["PATH"] == path
