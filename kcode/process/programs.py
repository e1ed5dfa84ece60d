"""Which program a bare name means: one of the machine's, never one that lies in the folder that is worked in.

A PATH may hold places in a project (`.`, `node_modules/.bin`, a virtual environment). What kcode starts by name for
itself, git above all, would then be whatever the project put there, before anybody trusted it.
"""

import errno
import os
from pathlib import Path


def find_program(name: str, path: str, cwd: Path) -> str | None:
    """Return the full path of a program, None if there is none outside of the project.

    Args:
        name: without a folder.
        path: the places to look in, as in PATH; those that are not absolute are passed over.
        cwd: the folder that is worked in; the project is the repository around it, or itself.
    """
    project = _project(cwd)
    for place in absolute_places(path):
        file = f"{place}/{name}"
        if not os.access(file, os.X_OK) or os.path.isdir(file):  # noqa: PTH112 - the path is a text
            continue
        if project is None or not (_lies_in(place, project) or _lies_in(file, project)):
            return file
    return None


def located(name: str, path: str, cwd: Path) -> str:
    """Return `name` if it names a folder too, else the program that it means; raises FileNotFoundError."""
    if os.sep in name:
        return name
    found = find_program(name, path, cwd)
    if found is None:
        raise FileNotFoundError(errno.ENOENT, "There is no such program outside of the project", name)
    return found


def absolute_places(path: str) -> list[str]:
    """Return the places of a PATH that are the same in every folder."""
    return [place for place in path.split(os.pathsep) if place.startswith(os.sep)]


def outside(path: str, cwd: Path) -> str:
    """Return a PATH without the places that lie in the project; what a folder holds that nobody trusts is not run."""
    project = _project(cwd)
    return os.pathsep.join(p for p in absolute_places(path) if project is None or not _lies_in(p, project))


def _project(cwd: Path) -> str | None:
    """The folder whose programs are not taken; None for the home folder and those above it, which hold no project."""
    here = Path(os.path.realpath(cwd))
    home = Path(os.path.realpath(os.path.expanduser("~")))  # noqa: PTH111 - that of Path raises without a home
    top = next((folder for folder in (here, *here.parents) if os.path.lexists(folder / ".git")), here)
    for folder in (top, here):
        if not home.is_relative_to(folder) and folder.parent != folder:
            return os.fspath(folder)
    return None


def _lies_in(path: str, folder: str) -> bool:
    real = os.path.realpath(path)
    return real == folder or real.startswith(f"{folder}/")
