"""Read and Edit rules: gitignore patterns over paths.

`//x` is absolute, `~/x` below the home directory, `/x` relative to the folder whose settings hold the rule, anything
else relative to the working directory. A pattern for allowing matches only where it is anchored; the same pattern in
a deny or ask rule also matches deeper.
"""

import os
from functools import lru_cache
from typing import TYPE_CHECKING

from kcode.permissions.paths import Action, Place, Workspace
from kcode.permissions.rules import Rule

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec


def covers(rule: Rule, action: Action, place: Place, workspace: Workspace, *, eager: bool) -> bool:
    """Whether a Read or Edit rule covers an action on a place.

    An eager rule covers it when either spelling matches, a strict one only when both do.
    """
    if not _speaks_of(rule, action, eager=eager):
        return False
    if rule.everything:
        return True
    hits = [_matches(rule, spelling, workspace, eager=eager) for spelling in place.both]
    return any(hits) if eager else all(hits)


def _speaks_of(rule: Rule, action: Action, *, eager: bool) -> bool:
    if action == "edit":
        return rule.tool == "Edit"
    # Whoever may edit a file may read it; whoever may not edit it may still read it.
    return rule.tool == "Read" or (rule.tool == "Edit" and not eager)


def _matches(rule: Rule, path: str, workspace: Workspace, *, eager: bool) -> bool:
    anchor, pattern = _anchored(rule, workspace, eager=eager)
    for folder in dict.fromkeys((anchor, workspace.resolve(anchor))):
        relative = os.path.relpath(path, folder)
        if relative.startswith("..") and (relative == ".." or relative.startswith("../")):
            continue
        if compiled(pattern).match_file(relative):
            return True
    return False


def _anchored(rule: Rule, workspace: Workspace, *, eager: bool) -> tuple[str, str]:
    """The folder a rule's pattern is relative to, and the gitignore pattern below it."""
    spec = rule.spec or "**"
    if spec.startswith("//"):
        return "/", "/" + spec.lstrip("/")
    if spec == "~" or spec.startswith("~/"):
        return workspace.home, "/" + spec[1:].lstrip("/") if spec != "~" else "**"
    if spec.startswith("/"):
        return rule.project or workspace.root, spec
    dotted = spec.startswith("./")
    spec = spec.removeprefix("./")
    if eager:
        return workspace.root, spec if spec.startswith("**/") else f"**/{spec}"
    return workspace.root, f"/{spec}" if dotted or "/" in spec.rstrip("/") else spec


@lru_cache(maxsize=512)
def compiled(pattern: str) -> "GitIgnoreSpec":
    """A compiled gitignore pattern; one leading `#` or `!` is taken literally."""
    from pathspec import GitIgnoreSpec  # noqa: PLC0415 - 50 ms that only a path rule should cost

    return GitIgnoreSpec.from_lines(["\\" + pattern if pattern[:1] in {"#", "!"} else pattern])
