"""The files a command opens: rules against them, and redirections."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final

from kcode.permissions import paths, readers
from kcode.permissions.command_context import Context
from kcode.permissions.path_policy import decide_path, rule_on_path
from kcode.permissions.paths import locate
from kcode.permissions.rules import STRICT
from kcode.permissions.shell import Step
from kcode.permissions.shell_script import Word, names
from kcode.permissions.verdict import Verdict, by_rule, strictest
from kcode.permissions.wrapper_shapes import program


def forbidden_files(words: tuple[Word, ...], context: Context) -> list[Verdict]:
    """Deny and ask rules for files hold for commands that open them as well."""
    if not any(not r.everything for b in STRICT for r in context.rules.about_files(b)):
        return []
    name = program(words[0])
    if readers.looks_at_names_only(name) and name not in _CHANGES_FILES:
        return []
    found: list[Verdict] = []
    for word in _openable(words):
        if word.glob:
            found += _on_pattern(word, context)
        for path in context.spellings(word):
            found += _on_path(path, name, context)
    return found


def _on_pattern(word: Word, context: Context) -> list[Verdict]:
    """A shell pattern that could match a file which a rule names."""
    pattern = word.text.rpartition("/")[2]
    found: list[Verdict] = []
    for behaviour in STRICT:
        for rule in context.rules.about_files(behaviour):
            name = (rule.spec or "").rstrip("/").rpartition("/")[2]
            hidden = name.startswith(".") and not pattern.startswith(".")
            if name and "*" not in name and not hidden and fnmatchcase(name, pattern):
                found.append(by_rule(behaviour, rule, word.raw))
    return found


def _on_path(path: str, name: str, context: Context) -> list[Verdict]:
    place = locate(path, context.workspace)
    action: paths.Action = "edit" if name in _CHANGES_FILES else "read"
    verdict = rule_on_path(action, place, context.rules, context.workspace)
    if verdict and verdict.decision == "deny" and not (readers.reader(name) or name in _CHANGES_FILES):
        return [
            Verdict("ask", f"'{path}' is named, and {verdict.reason}", path, verdict.rule, verdict.source)
        ]
    return [verdict] if verdict else []


_CHANGES_FILES: Final = names("rm rmdir mv touch tee truncate mkdir ln chmod chown shred unlink install")


def _openable(words: tuple[Word, ...]) -> Iterable[Word]:
    for word in words[1:]:
        if not word.text.startswith("-"):
            value = (
                word.text.removeprefix("@").rpartition("=")[2]
                if "=" in word.text
                else word.text.removeprefix("@")
            )
            yield Word(word.raw, value, word.literal, word.glob, word.tilde)
        elif "=" in word.text:
            yield Word(word.raw, word.text.partition("=")[2], word.literal)
        elif len(word.text) > 2 and not word.text.startswith("--"):
            yield Word(word.raw, word.text[2:], word.literal)


def redirects(step: Step, context: Context) -> list[Verdict]:
    """What speaks against the files that a command's redirections open."""
    verdicts: list[Verdict] = []
    for redirect in step.command.redirects:
        target = redirect.target
        if redirect.writes and target.literal and paths.free_device(target.text):
            continue
        verdicts.append(_redirect(target, step.command.text, context, writes=redirect.writes))
    return [v for v in verdicts if v.decision != "allow"]


def _redirect(target: Word, text: str, context: Context, *, writes: bool) -> Verdict:
    verb = "output is redirected to" if writes else "input comes from"
    spellings = context.spellings(target) if not target.glob else []
    if not spellings:
        if context.free:
            return Verdict("allow", "this mode allows it")
        decision = "deny" if context.mode == "plan" else "ask"
        return Verdict(decision, f"{verb} '{target.raw}', which is only known when the command runs", text)
    verdicts = [
        decide_path(
            "edit" if writes else "read",
            p,
            "bypassPermissions" if context.free else context.mode,
            context.rules,
            context.workspace,
        )
        for p in spellings
    ]
    worst = strictest(verdicts)
    if worst.decision == "allow":
        return worst
    # A device or a key is refused to the file tools; a person may still want a command to open it.
    decision = worst.decision if worst.rule or context.mode == "plan" else "ask"
    return Verdict(decision, f"{verb} '{target.raw}': {worst.reason}", text, worst.rule, worst.source)
