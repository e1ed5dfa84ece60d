"""What lets one program of a command run unasked: a rule, the built-in list, or the mode; and what sets those aside."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from kcode.permissions import flags, git_words, readers
from kcode.permissions.command_context import Context
from kcode.permissions.command_rules import allows, names_word
from kcode.permissions.paths import Action
from kcode.permissions.rules import Rule
from kcode.permissions.shell import Layer
from kcode.permissions.shell_script import Word, names
from kcode.permissions.verdict import Verdict, by_rule
from kcode.permissions.wrapper_shapes import trusted_program

_SECRET_NAME: Final = re.compile(
    r"(.*_)?(API_?KEY|KEY|TOKEN|SECRET|PASSPHRASE|CREDENTIALS?|PAT|AUTH|COOKIE|WEBHOOK|PRIVATE|BEARER)(_.*)?"
    r"|.*PASSW(OR)?D.*|.*_(PWD|PASS|DSN)|DATABASE_URL",
    re.IGNORECASE,
)
_FILE_COMMANDS: Final = names("mkdir touch rm rmdir mv cp sed tee ln")
_PLAIN_OPTIONS: Final = names("echo printf test [ [[ tail wc du date hostname")
"""Programs whose options do no harm when a file is named like one; those of a test are looked at by themselves."""
_TESTS: Final = names("test [ [[")
_SAYS: Final = names("echo printf basename dirname seq expr")
"""Programs that repeat what they are told."""
_GIT_READS: Final = "no rule covers it, and a repository's configuration can make git run programs"
_MORE_ARGUMENTS: Final = "further arguments are only known when it runs"


@dataclass(frozen=True, slots=True)
class Cover:
    """Whether a program is covered; where it is not, `problem` says why and `rule_helps` whether a rule could."""

    verdict: Verdict | None = None
    problem: str = ""
    rule_helps: bool = True


def cover(layer: Layer, context: Context, rules: Iterable[Rule]) -> Cover:
    """Looks for what lets one program run unasked: the mode, the built-in list, or one of these allow rules."""
    words = layer.words
    name = trusted_program(words[0])
    problem = ""
    # Plan mode reads; a rule made for work does not count there, but git's history is worth reading.
    git_read = context.mode == "plan" and name == "git" and git_words.reads_only(words)
    for rule in rules if context.mode != "plan" or git_read else ():
        if allows(rule, words):
            problem = _set_aside(layer, name, rule, context)
            if not problem:
                return Cover(by_rule("allow", rule, _text(words)))
    own = _built_in(layer, name, context)
    if own == "":
        return Cover(Verdict("allow", "it only reads", _text(words)))
    if (
        context.mode in {"acceptEdits", "auto"}
        and name in _FILE_COMMANDS
        and _edits_inside(layer, name, context)
    ):
        return Cover(Verdict("allow", "this mode accepts edits in the working directories", _text(words)))
    problem = problem or own or ""
    why = problem or (_GIT_READS if name == "git" and git_words.reads_only(words) else "")
    return Cover(problem=f"{_approval(words)}: {why}" if why else _approval(words), rule_helps=not problem)


def exact_rule(words: tuple[Word, ...], context: Context) -> Rule | None:
    """An allow rule that spells out a whole command."""
    for rule in context.rules.about("allow", words[0]):
        if rule.exact and allows(rule, words):
            return rule
    return None


def _text(words: tuple[Word, ...]) -> str:
    return " ".join(w.raw for w in words)


def _approval(words: tuple[Word, ...]) -> str:
    return f"{words[0].raw} in '{_text(words)}' needs approval"


def _set_aside(layer: Layer, name: str, rule: Rule, context: Context) -> str:
    """Why a matching rule does not count for this call; empty where it does."""
    words = layer.words
    all_of_git = rule.tokens == ("git", "*")
    for word, reason in flags.unsafe(words, name):
        if all_of_git and git_words.only_changes(reason):
            continue
        if not rule.exact and not names_word(rule, word):
            return f"'{word.raw}' {reason}"
    if name == "git" and not context.at_home:
        return "git runs in another folder, whose configuration can run programs"
    if rule.exact:
        return _MORE_ARGUMENTS if layer.appended else ""
    reading = readers.checked(name)
    if layer.appended and (reading or flags.watched(name)):
        return _MORE_ARGUMENTS
    if flags.watched(name) or reading:
        unknown = next((w for w in words[1:] if not w.literal or _could_be_option(w, name)), None)
        if unknown:
            return f"'{unknown.raw}' is only known when the command runs"
    leaked = _says_secret(words, name) or _unreadable(_shown(words, name), name, context)
    paths = (
        (w for w in readers.paths_read(words, name) if not names_word(rule, w))
        if reading or name == "git"
        else ()
    )
    return leaked or _unreadable(paths, name, context)


def _could_be_option(word: Word, name: str) -> bool:
    """A pattern that begins with a wildcard can match a file whose name is an option."""
    return word.glob and word.text[:1] in "*?[-" and flags.watched(name) and name not in _PLAIN_OPTIONS


def _says_secret(words: tuple[Word, ...], name: str) -> str:
    return leak(words) if name in _SAYS else ""


def leak(words: Iterable[Word]) -> str:
    """Why words must not be shown; empty where they may be."""
    shown = next((v for w in words for v in w.variables if _SECRET_NAME.fullmatch(v)), None)
    return f"'${shown}' may hold a secret" if shown else ""


def _shown(words: tuple[Word, ...], name: str) -> list[Word]:
    """The words by which a command that opens no file still shows which files there are."""
    if name in {"echo", "printf"}:
        return [w for w in words[1:] if w.glob or w.tilde]
    if name in _TESTS:
        return [w for w in words[1:] if w.glob or w.tilde or "/" in w.text]
    return []


def _built_in(layer: Layer, name: str, context: Context) -> str | None:
    """Why a command on the built-in list does not run by itself; "" where it does, None where it is not on it."""
    words = layer.words
    if name == "cd":
        return _cd(words, context)
    reason = readers.built_in(words, name)
    if reason is None or reason:
        return reason
    if layer.appended:
        return _MORE_ARGUMENTS
    if leaked := _says_secret(words, name):
        return leaked
    if unsure := next((w for w in words[1:] if _could_be_option(w, name)), None):
        return f"'{unsure.raw}' is only known when the command runs"
    known = name == "find" or readers.reader(name)
    shown = _shown(words, name) if name in _TESTS or known else [w for w in words[1:] if w.glob or w.tilde]
    return _unreadable(shown or readers.paths_read(words, name), name, context)


def _cd(words: tuple[Word, ...], context: Context) -> str:
    operands = [w for w in words[1:] if w.text not in {"-L", "-P", "--"}]
    if len(operands) != 1 or operands[0].text.startswith("-") or operands[0].glob:
        return "where it leads is only known when it runs"
    goals = context.spellings(operands[0])
    if not goals:
        return "where it leads is only known when it runs"
    workspace = context.workspace
    outside = any(not workspace.readable(workspace.resolve(goal)) for goal in goals)
    return f"'{operands[0].raw}' is outside the working directories" if outside else ""


def _unreadable(words: Iterable[Word], name: str, context: Context) -> str:
    """Why one of the paths a command reads may not be read; empty where all may."""
    for word in words:
        spellings = context.spellings(word)
        if not spellings:
            return f"'{word.raw}' is only known when the command runs"
        for path in spellings:
            if reason := _path_problem(path, word, name, context):
                return reason
    return ""


def _path_problem(path: str, word: Word, name: str, context: Context) -> str:
    if word.glob:
        if secret_pattern(word) and not readers.looks_at_names_only(name):
            return f"'{word.raw}' can match files that hold secrets"
        path = _fixed_part(path)
    verdict = context.path_verdict("read", path)
    if verdict.decision == "allow" or path == "/dev/null":
        return ""
    inside = context.workspace.holds(context.workspace.resolve(path))
    if inside and readers.looks_at_names_only(name) and not verdict.rule:
        return ""
    return verdict.reason


def secret_pattern(word: Word) -> bool:
    """Whether a file pattern is aimed at names that usually hold secrets."""
    pattern = word.text.rpartition("/")[2]
    return pattern.startswith((".*", ".e", ".?", ".[", ".n", "id_")) or pattern.endswith(
        (".pem", ".key", ".env", ".p12")
    )


def _means_parent(pattern: str) -> bool:
    return pattern.startswith(".") and pattern != ".." and fnmatchcase("..", pattern)


def _fixed_part(path: str) -> str:
    """The folder in which a pattern begins to vary; `..` behind a wildcard can lead anywhere.

    To a bash before 5.2, which macOS has, `.*` means `..` as well.
    """
    head = re.split(r"[*?\[]", path, maxsplit=1)[0]
    if "/.." in path[len(head) :] or any(_means_parent(piece) for piece in path.split("/")):
        return "/"
    return head.rpartition("/")[0] or "/"


def _edits_inside(layer: Layer, name: str, context: Context) -> bool:
    """Whether a file command changes only files that this mode may edit."""
    words = layer.words
    if layer.appended or any(not w.literal for w in words):
        return False
    options = [w.text for w in words[1:] if w.text.startswith("-")]
    operands = [w for w in words[1:] if not w.text.startswith("-")]
    if name == "sed":
        return _sed_inside(words, context)
    if name == "ln" or not operands or any(_beyond_plain(o, name) for o in options):
        return False
    if any(w.glob and w.text[:1] in ".*?[" for w in operands):
        return False
    return all(_may(action, w, context) for w in operands for action in _actions(name))


def _beyond_plain(option: str, name: str) -> bool:
    """Recursive removal, and options that name another target."""
    if name == "rm":
        return re.fullmatch(r"-[fiv]+|--force|--verbose", option) is None
    return re.fullmatch(r"-[a-zA-Z]+", option) is None or any(
        c in option for c in ("t", "S", "Z", "m", "l", "s")
    )


def _actions(name: str) -> tuple[Action, ...]:
    return ("edit",) if name in {"mkdir", "touch", "rm", "rmdir", "tee"} else ("read", "edit")


def _may(action: Action, word: Word, context: Context) -> bool:
    spellings = context.spellings(word)
    paths = [_fixed_part(p) if word.glob else p for p in spellings]
    return bool(paths) and all(context.path_verdict(action, p).decision == "allow" for p in paths)


def _sed_inside(words: tuple[Word, ...], context: Context) -> bool:
    place = next((i for i, w in enumerate(words) if w.text in {"-i", "--in-place"}), None)
    if place is None:
        return False
    rest = words[:place] + words[place + 1 :]
    if any(_could_be_option(w, "sed") for w in rest[1:]):
        return False
    files = readers.paths_read(rest, "sed")
    return not flags.unsafe(rest, "sed") and bool(files) and all(_may("edit", w, context) for w in files)
