"""Names that models misspell: an exact spelling-blind match may be taken, anything else is only suggested."""

import difflib
import re
from collections.abc import Iterable

_K2_HEADER = re.compile(r"(?:functions?[.:])?(.*?)(?::\d+)*", re.DOTALL)
_LIKELY = 0.6
_MEANINGS: dict[str, tuple[str, ...]] = {
    "bash": (
        "shell",
        "terminal",
        "execute",
        "exec",
        "run",
        "runcommand",
        "executecommand",
        "cmd",
        "powershell",
    ),
    "edit": ("strreplace", "strreplaceeditor", "applypatch", "replace", "patch", "modify", "update"),
    "read": ("cat", "view", "open", "viewfile", "openfile", "showfile"),
    "write": ("create", "createfile", "save", "savefile"),
    "grep": ("search", "ripgrep", "rg", "codesearch", "searchfiles"),
    "glob": ("find", "ls", "listdir", "listfiles", "list", "findfiles"),
    "todowrite": ("todo", "todos", "updatetodos", "plan", "updateplan"),
    "webfetch": ("fetch", "browse", "curl", "openurl", "visit"),
    "agent": ("task", "subagent", "delegate"),
}


def folded(name: str) -> str:
    """Return a name without case, spaces, dots, dashes and underscores."""
    return re.sub(r"[\s._-]+", "", name).casefold()


def without_header(name: str) -> str:
    """Return a name without what K2's header puts around it.

    >>> without_header("functions.Bash:0")
    'Bash'
    """
    header = _K2_HEADER.fullmatch(name)
    return header.group(1) if header is not None else name


def resolve(name: str, offered: Iterable[str]) -> str | None:
    """Return the offered name that is meant, if the spelling differs only in case, separators or K2's header.

    >>> resolve(" functions.Bash:0", ["bash", "read"])
    'bash'
    """
    names = list(offered)
    stripped = name.strip().strip("\"'`").strip()
    bare = without_header(stripped).strip()
    for candidate in (stripped, bare):
        if candidate in names:
            return candidate
    matches = [other for other in names if folded(other) == folded(bare)]
    return matches[0] if len(matches) == 1 else None


def nearest(name: str, candidates: Iterable[str], limit: int = 3) -> tuple[str, ...]:
    """Return the candidates that may be meant, the likeliest first, for a did-you-mean."""
    wanted = folded(name)
    scored = [(_likeness(wanted, folded(candidate)), candidate) for candidate in candidates]
    likely = [(score, candidate) for score, candidate in scored if score >= _LIKELY]
    return tuple(candidate for _, candidate in sorted(likely, key=lambda pair: -pair[0])[:limit])


def _likeness(wanted: str, candidate: str) -> float:
    if not wanted or not candidate:
        return 0.0
    if wanted == candidate:
        return 1.0
    if wanted in _MEANINGS.get(candidate, ()):
        return 0.95
    score = difflib.SequenceMatcher(None, wanted, candidate).ratio()
    short, long = sorted((wanted, candidate), key=len)
    if len(short) >= 3 and short in long:
        score = max(score, 0.7 + 0.2 * len(short) / len(long))
    return score
