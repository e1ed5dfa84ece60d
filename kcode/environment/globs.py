"""File patterns as ignore files write them, so that ripgrep respects what a project ignores.

ripgrep's own --glob overrides .gitignore: asked for "*.js" it would list node_modules. A pattern given as the
last of the ignore files does not.
"""

import re
from collections.abc import Sequence

MOST = 200
"""How many patterns one with braces may stand for."""


def ignore_rules(pattern: str) -> str:
    """Write an ignore file that leaves only what matches `pattern`, in ripgrep's meaning of a glob.

    "!" in front excludes what matches instead; several patterns may stand apart by blanks or commas.
    """
    wanted = [p for one in _split(pattern) for p in expand_braces(one) if not p.startswith("!")]
    excluded = [p[1:] for one in _split(pattern) for p in expand_braces(one) if p.startswith("!")]
    lines = ["*", "!*/", *(f"!{_anchored(p)}" for p in wanted)] if wanted else []
    return "\n".join([*lines, *(_anchored(p) for p in excluded), ""])


def matcher(pattern: str) -> re.Pattern[str]:
    """Return an expression for the paths that `ignore_rules` leaves, relative to the folder of the search.

    It rules out again what a project's own ignore files bring back with "!".
    """
    wanted = [_anchored(p) for one in _split(pattern) for p in expand_braces(one) if not p.startswith("!")]
    return re.compile("|".join(map(_expression, wanted)) or ".*", re.DOTALL)


_PIECE = re.compile(r"^\*\*/|/\*\*/|/\*\*$|\*+|\?|\[!?\]?[^\]]*\]|\\.|.", re.DOTALL)


def _expression(pattern: str) -> str:
    # Without a folder in it, a pattern is for names at any depth.
    start = "" if "/" in pattern.rstrip("/") else "(?:.*/)?"
    plain = re.sub(r"(\*\*/)+", "**/", pattern.removeprefix("/"))
    return start + "".join(map(_piece, _PIECE.findall(plain)))


def _piece(piece: str) -> str:
    fixed = {"**/": "(?:.*/)?", "/**/": "/(?:.*/)?", "/**": "/.*", "?": "[^/]"}
    if piece in fixed:
        return fixed[piece]
    if piece.startswith("*"):
        return "[^/]*"
    if piece.startswith("[") and len(piece) > 1:
        body = piece[1:-1].replace("\\", "\\\\").replace("[", "\\[")
        return f"[^{body[1:]}]" if body.startswith("!") else f"[{body}]"
    return re.escape(piece[-1])


def expand_braces(pattern: str) -> Sequence[str]:
    """Return the patterns that one with {a,b} stands for; ignore files know no braces."""
    done: list[str] = []
    waiting = [pattern]
    while waiting:
        one = waiting.pop(0)
        found = _innermost(one)
        if found is None or len(done) + len(waiting) > MOST:
            done.append(one)
            continue
        start, end = found
        waiting[:0] = [one[:start] + part + one[end + 1 :] for part in one[start + 1 : end].split(",")]
    return list(dict.fromkeys(done))


def _innermost(pattern: str) -> tuple[int, int] | None:
    start = -1
    for at, char in enumerate(pattern):
        if char == "{":
            start = at
        elif char == "}" and start >= 0:
            return start, at
    return None


def _split(pattern: str) -> Sequence[str]:
    """Cut a list of patterns at blanks and commas that stand outside braces and brackets."""
    parts = [""]
    depth = 0
    for char in pattern:
        depth += (char in "{[") - (char in "}]")
        if char == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += char
    return [part.strip() for part in parts if part.strip()]


def _anchored(pattern: str) -> str:
    pattern = pattern.removeprefix("./")
    # An ignore file would take a folder's name for all that lies in it: "src/" and "src/**" mean that too.
    return f"{pattern}**" if pattern.endswith("/") else pattern
