"""The one question this room answers: may this happen?"""

from pathlib import Path
from typing import Any, assert_never
from urllib.parse import urlsplit

from kcode.permissions import modes
from kcode.permissions.command_policy import decide_command
from kcode.permissions.command_rules import forbids
from kcode.permissions.path_policy import decide_path
from kcode.permissions.paths import Workspace
from kcode.permissions.rules import STRICT, Behaviour, RuleSet, matches_host, matches_named
from kcode.permissions.shell_script import Word
from kcode.permissions.verdict import Verdict, by_rule
from kcode.types.events import Mode
from kcode.types.tool import CommandNeed, NamedNeed, Need, PathNeed, UrlNeed

_BEHAVIOURS: tuple[Behaviour, ...] = (*STRICT, "allow")


def decide(
    need: Need, mode: Mode, rules: RuleSet, workspace: Workspace, *, sandboxed: bool = False
) -> Verdict:
    """Decides whether a call may run, from what it needs.

    Args:
        need: what the call would touch.
        mode: the permission mode.
        rules: all rules in force.
        workspace: the working directories.
        sandboxed: whether commands can neither write outside the workspace nor use the network.
    """
    match need:
        case CommandNeed():
            verdict = decide_command(need, mode, rules, workspace, sandboxed=sandboxed)
        case PathNeed():
            verdict = decide_path(need.action, str(need.path), mode, rules, workspace)
        case UrlNeed():
            verdict = _decide_url(need, mode, rules)
        case NamedNeed():
            verdict = _decide_named(need, mode, rules)
        case _:
            assert_never(need)
    return modes.finish(verdict, mode)


def explain(
    command: str, mode: Mode, rules: RuleSet, workspace: Workspace, *, cwd: str = "", sandboxed: bool = False
) -> dict[str, Any]:
    """The verdict on a shell command as plain data, for `kcode permissions check`.

    `parts` holds every part that asks or is denied; the other keys are those of the part that decided.
    """
    need = CommandNeed(command, Path(cwd or workspace.root))
    verdict = decide(need, mode, rules, workspace, sandboxed=sandboxed)
    return {
        "decision": verdict.decision,
        "reason": verdict.reason,
        "part": verdict.part,
        "rule": verdict.rule or None,
        "source": verdict.source,
        "parts": [_explained(each) for each in verdict.objections],
        "suggestions": list(verdict.suggestions),
    }


def _explained(objection: Verdict) -> dict[str, Any]:
    return {
        "decision": objection.decision,
        "part": objection.part,
        "reason": objection.reason,
        "rule": objection.rule or None,
        "source": objection.source,
    }


def _decide_url(need: UrlNeed, mode: Mode, rules: RuleSet) -> Verdict:
    host = _host(need.url)
    if not host:
        return Verdict("deny", "the address is not a plain http or https address", need.url)
    for behaviour in _BEHAVIOURS:
        for rule in getattr(rules, behaviour):
            if matches_host(rule, host, eager=behaviour != "allow"):
                return by_rule(behaviour, rule, need.url)
    if mode == "bypassPermissions":
        return Verdict("allow", "this mode allows it", need.url)
    return Verdict(
        "ask", f"fetching from '{host}' needs approval", need.url, suggestions=(f"WebFetch(domain:{host})",)
    )


def _host(url: str) -> str:
    """The host an address names; empty for anything whose host could be read in two ways."""
    if "\\" in url or any(c.isspace() or not c.isprintable() for c in url):
        return ""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        return (
            host.encode("idna").decode()
            if parts.scheme in {"http", "https"} and "@" not in parts.netloc
            else ""
        )
    except (ValueError, UnicodeError):
        return ""


def _as_command(need: NamedNeed, rules: RuleSet) -> Verdict | None:
    """A rule against `git push` as a command holds for the tool that runs git as well."""
    words = tuple(Word(w, w) for w in ("git", need.spec))
    for behaviour in STRICT:
        for rule in rules.of(behaviour, "Bash"):
            if not rule.everything and forbids(rule, words):
                return by_rule(behaviour, rule, " ".join(w.text for w in words))
    return None


def _decide_named(need: NamedNeed, mode: Mode, rules: RuleSet) -> Verdict:
    shown = f"{need.tool}({need.spec})" if need.spec else need.tool
    if need.tool == "Git" and (found := _as_command(need, rules)):
        return found
    for behaviour in _BEHAVIOURS:
        for rule in getattr(rules, behaviour):
            if matches_named(rule, need.tool, need.spec):
                return by_rule(behaviour, rule, shown)
    if need.safe:
        return Verdict("allow", "it changes nothing", shown)
    if mode == "bypassPermissions":
        return Verdict("allow", "this mode allows it", shown)
    if mode == "plan":
        return Verdict("deny", f"{shown} may change something; plan mode only reads", shown)
    return Verdict("ask", f"{shown} needs approval", shown, suggestions=(shown,))
