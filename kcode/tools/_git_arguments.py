"""Arguments for git that would make it start a program, write elsewhere or wait for a person."""

import re
import shlex
from collections.abc import Mapping, Sequence

from kcode.types.errors import ToolError

READING = frozenset({"status", "diff", "log", "show", "blame"})
"""Commands that change nothing."""

_LONG: Mapping[str, str] = {
    "output": "would write a file",
    "output-directory": "would write files",
    "exec": "would start a program",
    "exec-path": "would start other programs",
    "ext-diff": "would start a program",
    "textconv": "would start a program",
    "open-files-in-pager": "would start a program",
    "upload-pack": "would start a program",
    "receive-pack": "would start a program",
    "show-signature": "would start a program",
    "gpg-sign": "would start a program",
    "git-dir": "leads to another repository",
    "work-tree": "leads to another folder",
    "config-env": "changes git's settings",
    "no-index": "reads files outside the repository",
    "contents": "reads a file that need not be in the repository",
    "ignore-revs-file": "reads a file that need not be in the repository",
    "pathspec-from-file": "reads a file that need not be in the repository",
    "file": "reads a file that need not be in the repository; give the message with -m",
    "template": "waits for an editor; give the message with -m",
    "edit": "waits for an editor; give the message with -m",
    "edit-description": "waits for an editor",
    "reedit-message": "waits for an editor; use -C or -m",
    "patch": "asks a person; name whole files instead",
    "interactive": "asks a person; name whole files instead",
}
_SHORT: Mapping[str, Mapping[str, str]] = {
    "diff": {"O": "reads a file that need not be in the repository"},
    "log": {"O": "reads a file that need not be in the repository"},
    "show": {"O": "reads a file that need not be in the repository"},
    "blame": {"S": "reads a file that need not be in the repository"},
    "add": {"p": _LONG["patch"], "i": _LONG["interactive"], "e": _LONG["edit"]},
    "restore": {"p": _LONG["patch"]},
    "commit": {
        "F": _LONG["file"],
        "t": _LONG["template"],
        "e": _LONG["edit"],
        "c": _LONG["reedit-message"],
        "p": _LONG["patch"],
        "S": _LONG["gpg-sign"],
    },
}
_FREE = frozenset({"patch"})
"""Harmless in commands that only show."""
_TAKES_VALUE: Mapping[str, str] = {
    "commit": "mCu",
    "diff": "UGSlX",
    "log": "nUGSLl",
    "show": "nUGSLl",
    "blame": "LC",
}
_UPWARDS = re.compile(r"(^|/)\.\.(/|$)")
_LISTING = re.compile(
    r"-[avr]+|--(list|all|remotes|verbose|show-current|column|no-column|no-color|ignore-case|color=never)"
    r"|--(sort|format|contains|no-contains|merged|no-merged|points-at|abbrev)(=.*)?"
)
_LIST_MODE = re.compile(r"-l|--(list|contains|no-contains|merged|no-merged|points-at)(=.*)?")
"""With one of these a name on the command line is looked for; without, it is a branch to be made."""
_VALUED: Mapping[str, re.Pattern[str]] = {
    "commit": re.compile(
        r"-[a-bd-zA-Z]*[mC]|--(message|reuse-message|author|date|fixup|squash|trailer|cleanup)"
    ),
    "restore": re.compile(r"-[a-zA-Z]*s|--(source|conflict)"),
    "log": re.compile(r"-[nSGLl]|--(since|until|after|before|author|grep|max-count|skip|format|pretty)"),
}
"""Options whose value is the next argument."""
_MESSAGE = re.compile(r"-[a-ln-zA-Z]*m.*|-C.*|--(message|reuse-message|fixup|squash)(=.*)?|--no-edit")


def tidy(command: str, arguments: Sequence[str]) -> Sequence[str]:
    """Leave out a repeated "git" or command, and split options that were written as one text."""
    rest = list(arguments)
    if rest[:1] == ["git"]:
        rest = rest[1:]
    if rest[:1] == [command]:
        rest = rest[1:]
    if command not in READING:
        return rest
    parts: list[str] = []
    for one in rest:
        try:
            parts += shlex.split(one) if re.match(r"-\S+\s+\S", one) else [one]
        except ValueError:
            parts.append(one)
    return parts


def is_safe(command: str, arguments: Sequence[str]) -> bool:
    """Whether a call changes nothing; listing branches does not, making one does."""
    if command in READING:
        return True
    if command != "branch":
        return False
    options = [one for one in arguments if one.startswith("-")]
    if not all(one == "-l" or _LISTING.fullmatch(one) for one in options):
        return False
    return len(options) == len(arguments) or any(map(_LIST_MODE.fullmatch, options))


def check(command: str, arguments: Sequence[str]) -> None:
    """Refuse what kcode's git does not do.

    Raises:
        ToolError: the text says which argument and what to do instead.
    """
    for one in arguments:
        if "\0" in one:
            raise ToolError("An argument holds a NUL character, which none can.")
    options, places = _sorted(command, arguments)
    for one in options:
        _check_option(command, one)
    for one in places:
        _check_place(command, one)
    if command == "commit" and not any(map(_MESSAGE.fullmatch, (a.replace("\n", " ") for a in arguments))):
        raise ToolError('git commit needs its message here, there is no editor: args ["-m", "what and why"].')


def named_paths(command: str, arguments: Sequence[str]) -> Sequence[str]:
    """Return what may be paths among the arguments; of "commit:path" the path."""
    _, places = _sorted(command, arguments)
    return [one.rpartition(":")[2] for one in places if one.rpartition(":")[2]]


def _sorted(command: str, arguments: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Tell options from what they are about; the values of options are neither."""
    options: list[str] = []
    places: list[str] = []
    rest = iter(arguments)
    for one in rest:
        if one == "--":
            places += rest
        elif one.startswith("-") and len(one) > 1:
            options.append(one)
            if command in _VALUED and _VALUED[command].fullmatch(one):
                next(rest, None)
        else:
            places.append(one)
    return options, places


def _check_option(command: str, one: str) -> None:
    if one.startswith("--"):
        name = one[2:].partition("=")[0]
        # git takes any beginning of an option's name that is clear.
        reasons = [
            why for long, why in _LONG.items() if long.startswith(name) and not _is_free(command, long)
        ]
        if reasons:
            raise ToolError(_refusal(one, reasons[0]))
        return
    for letter in one[1:]:
        why = _SHORT.get(command, {}).get(letter)
        if why:
            raise ToolError(_refusal(one, why))
        if letter in _TAKES_VALUE.get(command, ""):
            return
    if one == "-c" and command not in READING:
        raise ToolError(_refusal(one, "changes git's settings"))


def _is_free(command: str, long: str) -> bool:
    return long in _FREE and command in READING


def _check_place(command: str, one: str) -> None:
    if one.startswith("ext::"):
        raise ToolError(_refusal(one, "would start a program"))
    if command in READING | {"branch"}:
        return
    if _UPWARDS.search(one) or one.startswith(("/", "~", ":")):
        raise ToolError(
            f"{one!r} can lie outside the working folder. Nothing was changed. Name files relative to it."
        )


def _refusal(one: str, why: str) -> str:
    return f"git was not run: {one!r} {why}. Leave it out; what cannot be done without it may be asked for with Bash."
