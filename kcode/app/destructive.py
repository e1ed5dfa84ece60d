"""Commands that throw away what is in files: a guess, to warn of them, never to allow anything."""

import re
from collections.abc import Sequence

_GIT = re.compile(
    r"reset|checkout|restore|clean|stash|rebase|switch|rm|mv|merge|pull|cherry-pick|revert|am|apply"
)
_ALWAYS = frozenset(
    {"rm", "rmdir", "unlink", "shred", "truncate", "dd", "mv", "cp", "install", "rsync", "tee", "patch", "ed"}
)
_IN_PLACE = {
    "sed": re.compile(r"-[A-Za-z]*i.*|--in-place.*"),
    "perl": re.compile(r"-[A-Za-z]*i.*"),
    "find": re.compile(r"-delete|-exec(dir)?|-ok(dir)?|-fprint.*"),
    "ruff": re.compile(r"format|--fix"),
    "prettier": re.compile(r"-w|--write"),
    "eslint": re.compile(r"--fix"),
    "gofmt": re.compile(r"-w"),
    "clang-format": re.compile(r"-i"),
}
_FORMATTERS = frozenset({"black", "isort", "rustfmt", "autopep8", "yapf", "stylua"})


def destructive(command: str) -> str:
    """Name the first part of a shell command that may throw away what is in files; empty if there is none."""
    from kcode.permissions.shell import rough_commands  # noqa: PLC0415 - that room loads with the first call

    return next((" ".join(words[:3]) for words in rough_commands(command) if _loses(words)), "")


def _loses(words: Sequence[str]) -> bool:
    name, rest = words[0].rpartition("/")[2], words[1:]
    if name in _ALWAYS or name in _FORMATTERS:
        return True
    if name == "git":
        verb = next((word for word in rest if not word.startswith("-")), "")
        return _GIT.fullmatch(verb) is not None
    pattern = _IN_PLACE.get(name)
    if pattern is not None and any(pattern.fullmatch(word) for word in rest):
        return True
    return any(word.startswith(">") and not word.startswith(">>") for word in words)
