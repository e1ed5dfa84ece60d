"""What the file tools say about a path."""

import errno
from typing import Literal

from kcode.screen.names import escape_name
from kcode.types.environment import Environment, FileChangedError, Files, FileStat, ResolvedPath
from kcode.types.errors import ToolError
from kcode.types.tool import PathNeed

_WORDS = {
    errno.ENOENT: "it does not exist (any more)",
    errno.EACCES: "permission denied; it may be read-only",
    errno.EPERM: "the system does not permit it; the file may be immutable",
    errno.EROFS: "the file system is read-only",
    errno.EISDIR: "it is a folder",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.EEXIST: "a part of the path is a file, not a folder",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file would be larger than allowed here",
    errno.ELOOP: "its links lead in a circle",
    errno.ENAMETOOLONG: "the name is too long",
    errno.EMFILE: "too many files are open; try again",
    errno.ENFILE: "too many files are open; try again",
    errno.EIO: "the disk reported an error",
}


def path_rule(tool: str, place: ResolvedPath) -> str:
    """Return the permission rule that names one file: relative to the root, or absolute with two slashes."""
    return f"{tool}({place.shown if not place.shown.startswith('/') else f'/{place.shown}'})"


def path_needs(action: Literal["read", "edit"], place: ResolvedPath) -> tuple[PathNeed, ...]:
    """Return what a call needs leave for: the name, and the file that it led to when it was resolved.

    What is then read or written is that file, so leave for wherever the name leads later would not do.
    """
    return tuple(PathNeed(action, path) for path in dict.fromkeys((place.path, place.real)))


async def look(files: Files, place: ResolvedPath) -> FileStat:
    """Say what is there; raises ToolError where the system does not tell."""
    try:
        return await files.stat(place.path)
    except OSError as error:
        raise ToolError(explain(error, place, "read")) from error


async def confirm(environment: Environment, place: ResolvedPath) -> None:
    """Make sure that a name still leads to the file for which leave was given.

    Raises:
        ToolError: a link was put in its place meanwhile.
    """
    now = await environment.resolve(str(place.path), must_exist=False)
    if now.real != place.real:
        raise ToolError(_moved(place))


def _moved(place: ResolvedPath) -> str:
    return f"{place.shown} leads to another file than a moment ago, so it was left alone. Look at it again."


def explain(error: OSError, place: ResolvedPath, action: str) -> str:
    """Say for the model why a file could not be read or written, and what became of it."""
    if isinstance(error, FileChangedError) and error.errno == errno.ELOOP:
        return _moved(place)
    words = _WORDS.get(error.errno or 0, escape_name(error.strerror or str(error)))
    outcome = "" if action == "read" else " Nothing was changed."
    return f"Could not {action} {place.shown}: {words}.{outcome}"


def folder_rule(place: ResolvedPath) -> str:
    """Return the permission rule for searching a folder: rules for reading files hold for searches too."""
    if place.shown == ".":
        return "Read"
    return path_rule("Read", place).removesuffix(")") + "/**)"


def spelled(place: ResolvedPath, text: str) -> str:
    """Tell the model under which name a path was found, if it was another than it wrote."""
    return f"[{place.shown}]\n{text}" if place.repair else text
