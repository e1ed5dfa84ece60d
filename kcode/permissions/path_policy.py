"""Whether a file may be read or edited."""

from kcode.permissions import paths
from kcode.permissions.modes import edits_freely
from kcode.permissions.path_rules import covers
from kcode.permissions.paths import Action, Place, Workspace
from kcode.permissions.rules import STRICT, Behaviour, Rule, RuleSet
from kcode.permissions.verdict import Verdict, by_rule
from kcode.types.events import Mode

_VERB = {"read": "reading", "edit": "editing"}


def decide_path(action: Action, path: str, mode: Mode, rules: RuleSet, workspace: Workspace) -> Verdict:
    """Decides about one absolute path; links are followed by the workspace's resolver."""
    if reason := paths.impossible(path, action):
        return Verdict("deny", reason, path)
    place = paths.locate(path, workspace)
    allowing = _rule("allow", action, place, rules, workspace)
    verdict = (
        _forbidden(action, place, rules, workspace, allowing)
        or _guarded(action, place, mode, workspace, allowing)
        or _permitted(action, place, mode, workspace, allowing)
    )
    if verdict:
        return verdict
    where = "" if workspace.holds(place.resolved) else ", which is outside the working directories,"
    reason = f"{_VERB[action]} '{_shown(place)}'{where} needs approval"
    return Verdict("ask", reason, path, suggestions=_suggestion(action, place, workspace))


def rule_on_path(action: Action, place: Place, rules: RuleSet, workspace: Workspace) -> Verdict | None:
    """What a deny or ask rule alone says about a place."""
    for behaviour in STRICT:
        if rule := _rule(behaviour, action, place, rules, workspace):
            return by_rule(behaviour, rule, place.written)
    return None


def _rule(
    behaviour: Behaviour, action: Action, place: Place, rules: RuleSet, workspace: Workspace
) -> Rule | None:
    candidates = rules.about_files(behaviour)
    if not candidates:
        return None
    eager = behaviour != "allow"
    return next((r for r in candidates if covers(r, action, place, workspace, eager=eager)), None)


def _forbidden(
    action: Action, place: Place, rules: RuleSet, workspace: Workspace, allowing: Rule | None
) -> Verdict | None:
    if found := rule_on_path(action, place, rules, workspace):
        return found
    if action == "edit" and paths.own_records(place, workspace):
        return Verdict("deny", "kcode's own settings and records are never changed by a tool", place.written)
    named = allowing is not None and not allowing.everything
    listed = any(paths.inside(place.resolved, workspace.resolve(f)) for f in workspace.also_readable)
    if action == "read" and not named and not listed and not workspace.holds(place.resolved):
        reason = paths.private(place, workspace)
        return Verdict("deny", reason, place.written) if reason else None
    return None


def _guarded(
    action: Action, place: Place, mode: Mode, workspace: Workspace, allowing: Rule | None
) -> Verdict | None:
    """What asks although the place or the mode would allow it."""
    if action == "edit" and mode == "plan":
        return Verdict("deny", f"'{_shown(place)}' cannot be changed in plan mode", place.written)
    reason = _edit_guard(place, workspace) if action == "edit" else ""
    if not reason:
        reason = paths.misleading(place, action)
    if not reason and paths.alias(place):
        reason = "it leads to different files for different programs"
    named = allowing is not None and not allowing.everything
    if not reason and action == "read" and paths.secret(place) and not named and mode != "bypassPermissions":
        reason = "such files often hold secrets"
    return (
        Verdict("ask", f"{_VERB[action]} '{_shown(place)}' needs approval: {reason}", place.written)
        if reason
        else None
    )


def _edit_guard(place: Place, workspace: Workspace) -> str:
    if name := paths.protected(place, workspace):
        return f"'{name}' is protected in every mode"
    if workspace.holds(place.resolved) and workspace.links(place.resolved) > 1:
        return "the file has further names (hard links), which may lie outside"
    return ""


def _permitted(
    action: Action, place: Place, mode: Mode, workspace: Workspace, allowing: Rule | None
) -> Verdict | None:
    if allowing:
        return by_rule("allow", allowing, place.written)
    if mode == "bypassPermissions":
        return Verdict("allow", "this mode allows it", place.written)
    if action == "read" and workspace.readable(place.resolved):
        return Verdict("allow", "it lies in the working directories", place.written)
    if action == "edit" and edits_freely(mode) and workspace.holds(place.resolved):
        return Verdict("allow", "this mode accepts edits in the working directories", place.written)
    return None


def _shown(place: Place) -> str:
    """The name a person reads: escapes and hidden characters made visible."""
    shown = place.written if place.written.isprintable() else ascii(place.written)[1:-1]
    return (
        shown
        if place.resolved in {place.written, ""} or len(place.both) == 1
        else f"{shown}' -> '{place.resolved}"
    )


def _suggestion(action: Action, place: Place, workspace: Workspace) -> tuple[str, ...]:
    tool = "Edit" if action == "edit" else "Read"
    folder = place.resolved.rpartition("/")[0]
    if workspace.holds(place.resolved):
        return ()
    if folder.count("/") < 2 or any(c in folder for c in "*?[]!#\\() "):
        return ()
    return (f"{tool}(/{folder}/**)",)
