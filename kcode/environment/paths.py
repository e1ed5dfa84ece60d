"""From what a model writes as a path to the file that it means."""

import errno
import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

from kcode.environment.nearest import nearest_names
from kcode.screen.names import escape_name, unescape_name
from kcode.types.environment import ResolvedPath
from kcode.types.errors import ToolError
from kcode.types.messages import Repair

Spelling: TypeAlias = Callable[[str, Path], str]
"""Mends one kind of misspelling; returns the text unchanged where it is not of that kind."""

_QUOTES = {'"': '"', "'": "'", "`": "`", "\u201c": "\u201d", "\u2018": "\u2019", "<": ">"}
_LINE = re.compile(r"(?<=.):\d+(?:[:-]\d+)?:?$|(?<=.)#L\d+(?:-L?\d+)?$")
_SHELL = re.compile(r"""\\(?=[ ()\[\]{}&'"$!#*?;,=~])""")
_DIFF = re.compile(r"^[ab]/(?=.)")


def resolve_path(
    text: str, root: Path, folders: Sequence[Path] = (), *, must_exist: bool = True
) -> ResolvedPath:
    """Find the file that `text` means.

    As it is written comes first. Where nothing is there, each usual misspelling is mended and tried. For a file
    that may be new only those count that no real name would have.

    Args:
        text: what the model wrote.
        root: where relative paths begin; links resolved.
        folders: the working folders besides `root`.
        must_exist: whether the file has to be there.

    Raises:
        ToolError: there is no such file, or there can be none; the text offers the nearest names.
    """
    _refuse_impossible(text)
    plain = locate(text, root)
    if _there(plain):
        return _resolved(plain, root, folders, None)
    for kind, path in _respelled(text, root, new=not must_exist):
        if _there(path):
            shown = shown_path(path, root)
            return _resolved(
                path, root, folders, Repair(place="meaning", kind=kind, detail=f"{text} -> {shown}")
            )
    if must_exist:
        raise ToolError(_missing(text, plain, root))
    return _new(text, root, folders)


def stands(text: str, root: Path) -> bool:
    """Whether there is something under the path as it is written."""
    try:
        return bool(text) and _there(locate(text, root))
    except ValueError:
        # A NUL or half a character.
        return False


def locate(text: str, root: Path) -> Path:
    """Return the absolute path that `text` spells, "~" and ".." followed as the system would."""
    named = text if not text.startswith("~") or os.path.lexists(root / text) else os.path.expanduser(text)  # noqa: PTH111 - expanduser of Path raises for an unknown user
    path = root / named
    if ".." not in path.parts:
        return path
    done = Path(path.anchor)
    for part in path.parts[1:]:
        # Behind a link, ".." leads to the folder above the link's target.
        done = Path(os.path.realpath(done)).parent if part == ".." else done / part
    return done


def is_inside(path: Path, folders: Sequence[Path]) -> bool:
    """Whether a path whose links are resolved lies in one of the folders or is one."""
    return any(path.is_relative_to(folder) for folder in folders)


def shown_path(path: Path, root: Path) -> str:
    """Name a file as texts do: relative to the root where it lies below, awkward characters escaped."""
    return escape_name(str(path.relative_to(root) if path.is_relative_to(root) else path))


def _refuse_impossible(text: str) -> None:
    if not text.strip():
        raise ToolError(
            "The path is empty. Give the file's path, absolute or relative to the working folder."
        )
    if "\0" in text:
        raise ToolError("The path holds a NUL character, which no file name can. Give the plain path.")
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        raise ToolError(
            "The path holds half of a character. Write the name again, or escape its bytes."
        ) from None
    if len(text) > 4096:
        raise ToolError(
            f"The path has {len(text)} characters; no system takes more than 4096. Is it content?"
        )


def _there(path: Path) -> bool:
    try:
        path.lstat()
    except OSError as error:
        # What may not be looked at, or leads in a circle, is there; using it says what is wrong.
        return error.errno in {errno.EACCES, errno.EPERM, errno.ELOOP, errno.EIO, errno.ESTALE}
    return True


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - that of Path raises where looking is not allowed


def _resolved(path: Path, root: Path, folders: Sequence[Path], repair: Repair | None) -> ResolvedPath:
    real = Path(os.path.realpath(path))
    return ResolvedPath(path, real, shown_path(path, root), is_inside(real, (root, *folders)), repair)


def _new(text: str, root: Path, folders: Sequence[Path]) -> ResolvedPath:
    clean = text
    kinds: list[str] = []
    for kind, spelling in _UNLIKELY:
        mended = spelling(clean, root)
        if mended != clean:
            clean = mended
            kinds.append(kind)
    _refuse_impossible(clean)
    path = locate(clean, root)
    _refuse_elsewhere(path, root, folders)
    detail = f"{text} -> {shown_path(path, root)}"
    return _resolved(
        path, root, folders, Repair(place="meaning", kind="+".join(kinds), detail=detail) if kinds else None
    )


def _refuse_elsewhere(path: Path, root: Path, folders: Sequence[Path]) -> None:
    """Refuse a new file under a root that a model made up, whose end fits the working folder.

    A person would be asked about a place that nobody means, and where nobody can be asked the task would end.
    """
    if _there(path.parent) or is_inside(Path(os.path.realpath(path)), (root, *folders)):
        return
    ends = (Path(*path.parts[at:]) for at in range(1, len(path.parts)))
    meant = next((end for end in ends if _there(root / (end.parent if end.name != str(end) else end))), None)
    if meant is not None:
        raise ToolError(
            f"There is no folder {escape_name(str(path.parent))}. Did you mean {escape_name(str(meant))}? The working "
            f"folder is {escape_name(str(root))}. If it is to be outside, make its folder first."
        )


def _respelled(text: str, root: Path, *, new: bool) -> Iterator[tuple[str, Path]]:
    """Yield what else may be meant, the smallest change first; changes of wrapping add up."""
    clean = text
    kinds: list[str] = []
    for kind, spelling in _UNLIKELY:
        mended = spelling(clean, root)
        if mended != clean and mended.strip():
            clean = mended
            kinds.append(kind)
            yield "+".join(kinds), locate(clean, root)
    for kind, spelling in _PLACED[:1] if new else _PLACED:
        mended = spelling(clean, root)
        if mended != clean:
            yield "+".join((*kinds, kind)), locate(mended, root)
    if not new:
        for kind, start in (("", clean), ("diff_prefix", _DIFF.sub("", clean))):
            found = _other_case(locate(start, root))
            if found is not None:
                yield "+".join(filter(None, (*kinds, kind, "case"))), found


def _without_quotes(text: str, root: Path) -> str:
    del root
    text = text.strip()
    return text[1:-1].strip() if len(text) > 2 and _QUOTES.get(text[0]) == text[-1] else text


def _without_blanks(text: str, root: Path) -> str:
    del root
    return text.strip()


def _from_url(text: str, root: Path) -> str:
    del root
    if not text.lower().startswith("file:"):
        return text
    try:
        url = urlsplit(text)
    except ValueError:
        return text
    return unquote(url.path, errors="surrogateescape") if url.netloc in {"", "localhost"} else text


def _from_escapes(text: str, root: Path) -> str:
    name = unescape_name(text)
    return name if name != text and _there(locate(name, root)) else text


def _from_shell(text: str, root: Path) -> str:
    name = _SHELL.sub("", text)
    return name if name != text and _there(locate(name, root)) else text


def _with_slashes(text: str, root: Path) -> str:
    if "\\" not in text:
        return text
    slashed = text.replace("\\", "/")
    drive = re.match(r"^[A-Za-z]:/", slashed)
    # The drive of another system says nothing here; what follows may lie below the root.
    return _below(slashed[2:], root) if drive else slashed


def _undoubled(text: str, root: Path) -> str:
    start = f"{root}/"
    while text.startswith(start) and f"/{text.removeprefix(start)}".startswith(start):
        text = f"/{text.removeprefix(start)}"
    while text.startswith(start) and text.removeprefix(start).startswith(start):
        text = text.removeprefix(start)
    return text


def _below(text: str, root: Path) -> str:
    """Take what follows the root's own name, or the whole, as relative to the root."""
    parts = text.strip("/").split("/")
    for at in range(len(parts) - 1, 0, -1):
        if parts[at - 1] == root.name and _there(root.joinpath(*parts[at:])):
            return "/".join(parts[at:])
    return "/".join(parts) if text.startswith("/") else text


def _without_mention(text: str, root: Path) -> str:
    del root
    return text[1:] if text.startswith("@") and len(text) > 1 else text


_UNLIKELY: Sequence[tuple[str, Spelling]] = (
    ("blanks", _without_blanks),
    ("quotes", _without_quotes),
    ("file_url", _from_url),
    ("escapes", _from_escapes),
    ("shell_quoting", _from_shell),
    ("slashes", _with_slashes),
    ("doubled_root", _undoubled),
)
"""What hardly any real name has, so that it is mended in the name of a new file too."""

_PLACED: Sequence[tuple[str, Spelling]] = (
    ("diff_prefix", lambda text, _: _DIFF.sub("", text)),
    ("root", _below),
    ("mention", _without_mention),
    ("line_suffix", lambda text, _: _LINE.sub("", text)),
)


def _other_case(path: Path) -> Path | None:
    """Find the one path that differs in case, Unicode form or odd blanks only; None where there are several."""
    done = Path(path.anchor)
    for part in path.parts[1:]:
        step = done / part
        if not _there(step):
            try:
                names = [name for name in os.listdir(done) if _folded(name) == _folded(part)]  # noqa: PTH208 - names only
            except OSError:
                return None
            if len(names) != 1:
                return None
            step = done / names[0]
        done = step
    return done


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().replace("\u2019", "'").split())


def _missing(text: str, path: Path, root: Path) -> str:
    blocked = next((p for p in path.parents if _there(p) and not _is_folder(p)), None)
    if blocked is not None:
        return f"{shown_path(path, root)} cannot exist: {shown_path(blocked, root)} is a file, not a folder."
    names = nearest_names(path, root)
    if names:
        return f"There is no {escape_name(text)}. Did you mean {' or '.join(names)}?"
    return f"There is no {escape_name(text)}, nor anything of a similar name. Use Glob to see what there is."
