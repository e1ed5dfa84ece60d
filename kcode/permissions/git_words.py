"""How git's words are read: options before the sub-command, and the forms that write or run programs.

A repository's own configuration can name programs for many git commands; that is the environment's business, which
hardens every git it starts. Here only what the command line itself asks for counts.
"""

import itertools
import re
from typing import Final

from kcode.permissions.shell_script import Word, names

_GLOBAL_VALUES: Final = names(
    "-C -c --git-dir --work-tree --namespace --config-env --super-prefix --attr-source --exec-path --list-cmds"
)
_HARMLESS_GLOBALS: Final = names(
    "--no-pager -P --no-optional-locks --literal-pathspecs --no-replace-objects --no-lazy-fetch --version --help"
)
_FLAGGED: Final = {
    "--output": "writes a file",
    "--ext-diff": "runs an outside diff program",
    "--textconv": "runs a converter",
    "--no-index": "reads files outside the repository",
    "--open-files-in-pager": "opens a program",
    "--show-signature": "runs gpg",
    "--exec": "runs a program",
    "--upload-pack": "runs a program",
    "--receive-pack": "runs a program",
    "--upload-archive": "runs a program",
    "--remote": "reads another repository",
    "--config": "changes configuration",
    "--template": "copies files from elsewhere",
    "--ignore-revs-file": "reads another file",
    "--contents": "reads another file",
    "--separate-git-dir": "moves the repository",
}
_TAGS: Final = "changes tags"
_BRANCHES: Final = "changes branches"
_NEW_BRANCH: Final = "creates a branch"
_REPOSITORY: Final = "changes the repository"
_CONFIGURATION: Final = "changes configuration, which can name programs"
_RUNS_PROGRAMS: Final = names(
    "hook bisect difftool mergetool daemon instaweb submodule filter-branch credential send-email p4 svn gui citool"
    " web--browse upload-pack receive-pack upload-archive remote-ext remote-fd shell http-backend fast-import"
    " merge-index merge-one-file for-each-repo maintenance scheduler scalar fsmonitor--daemon imap-send cvsserver"
    " cvsimport cvsexportcommit archimport quiltimport interpret-trailers"
)
_OTHER_OPTIONS: Final = names(
    "--text --no --e --t --c --r --output-indicator-new --contains --color --remotes"
)
_SHORT: Final = (
    ({"grep"}, re.compile("-[^efABCm]*O"), "opens a program"),
    ({"clone"}, re.compile("-[^objr]*[uc]"), "runs a program or changes configuration"),
    ({"help"}, re.compile("-[a-z]*[wim]"), "opens a program"),
    ({"diff", "log", "show"}, re.compile("-O"), "reads another file"),
    ({"rebase", "difftool"}, re.compile("-[a-zA-Z]*x"), "runs a program"),
    ({"archive", "format-patch", "bugreport", "diagnose"}, re.compile("-o"), "writes a file"),
)
"""Short options of that kind, where they stand in a cluster too."""
READ_ONLY: Final = names(
    "status diff log show branch grep blame ls-files ls-tree rev-parse rev-list cat-file describe shortlog reflog"
    " remote tag show-ref for-each-ref merge-base name-rev diff-tree diff-files diff-index count-objects whatchanged"
    " check-ignore check-attr var version help config stash worktree notes cherry range-diff"
)
_BRANCH_READS: Final = names(
    "-a --all -r --remotes -v -vv --verbose --show-current -l --list --contains --no-contains --merged --no-merged"
    " --points-at --sort --format --column --no-column --color --no-color --abbrev --no-abbrev -i --ignore-case -q"
)
_LISTING: Final = names("-l --list --contains --no-contains --merged --no-merged --points-at")
_SUBCOMMAND_READS: Final = {
    "remote": names("-v --verbose show get-url"),
    "stash": names("list show"),
    "worktree": names("list"),
    "notes": names("list show"),
    "config": names("-l --list --get --get-all --get-regexp list get"),
    "reflog": names("show exists"),
}


def split(words: tuple[Word, ...]) -> tuple[tuple[Word, ...], tuple[Word, ...]]:
    """The options before git's sub-command, and the sub-command with all that follows."""
    index = 1
    while index < len(words) and words[index].text.startswith("-"):
        index += 2 if words[index].text in _GLOBAL_VALUES else 1
    return words[1:index], words[index:]


def without_options(words: tuple[Word, ...]) -> tuple[Word, ...]:
    """`git -C . push` as `git push`, for rules to see."""
    return (words[0], *split(words)[1])


def only_changes(reason: str) -> bool:
    """Whether a form merely changes the repository, which a rule for all of git covers."""
    return reason in {_TAGS, _REPOSITORY, _BRANCHES, _NEW_BRANCH}


def unsafe(words: tuple[Word, ...]) -> list[tuple[Word, str]]:
    """The words of a git command that write, run programs or reach another repository."""
    options, rest = split(words)
    found = [(w, "changes how git works") for w in options if w.text not in _HARMLESS_GLOBALS]
    if not rest:
        return found
    subcommand = rest[0].text
    if subcommand in _RUNS_PROGRAMS:
        found.append((rest[0], "can run other programs"))
    found += [(w, reason) for w in rest[1:] if (reason := _flagged(subcommand, w.text))]
    asked = itertools.pairwise(rest)
    found += [
        (w, "runs gpg") for before, w in asked if before.text in {"--format", "--pretty"} and "%G" in w.text
    ]
    return found + _writes(subcommand, rest)


def _flagged(subcommand: str, text: str) -> str:
    if not text.startswith("-") or text == "--":
        return ""
    option, _, value = text.partition("=")
    if option.startswith("--"):
        if "%G" in value:
            return "runs gpg"
        if len(option) < 4 or option in _OTHER_OPTIONS:
            return ""
        return next((why for flag, why in _FLAGGED.items() if flag.startswith(option)), "")
    return next(
        (why for subcommands, form, why in _SHORT if subcommand in subcommands and form.match(text)), ""
    )


def _writes(subcommand: str, rest: tuple[Word, ...]) -> list[tuple[Word, str]]:
    """Forms of otherwise reading sub-commands that change the repository."""
    texts = [w.text for w in rest[1:]]
    if subcommand == "branch":
        return _branch(rest)
    if subcommand == "tag":
        listing = not texts or any(t in _LISTING or t.startswith(("-n", "--sort", "--format")) for t in texts)
        return [] if listing and "-d" not in texts else [(rest[0], _TAGS)]
    reads = _SUBCOMMAND_READS.get(subcommand)
    if reads is None:
        return []
    allowed = not texts if subcommand in {"remote", "reflog", "notes"} else False
    return (
        []
        if allowed or (texts and texts[0] in reads)
        else [(rest[0], _CONFIGURATION if subcommand == "config" else _REPOSITORY)]
    )


def _branch(rest: tuple[Word, ...]) -> list[tuple[Word, str]]:
    listing = False
    for word in rest[1:]:
        option = word.text.partition("=")[0]
        if option in _LISTING:
            listing = True
        elif option.startswith("-") and option not in _BRANCH_READS:
            return [(word, _BRANCHES)]
        elif not option.startswith("-") and not listing and not _value_of_read(rest, word):
            return [(word, _NEW_BRANCH)]
    return []


def _value_of_read(rest: tuple[Word, ...], word: Word) -> bool:
    before = rest[rest.index(word) - 1].text
    return before in {"--sort", "--format", "--points-at"}


def reads_only(words: tuple[Word, ...]) -> bool:
    """Whether the command line asks for nothing but reading this repository."""
    _, rest = split(words)
    return bool(rest) and rest[0].text in READ_ONLY and not unsafe(words)


def loses_work(words: tuple[Word, ...]) -> str:
    """Why a git command throws away what is not committed anywhere, or history; empty where it does not."""
    _, rest = split(words)
    if not rest:
        return ""
    texts = [w.text for w in rest[1:]]
    return _LOSING[rest[0].text](texts) if rest[0].text in _LOSING else ""


def _clean(texts: list[str]) -> str:
    dry = any(t in {"-n", "--dry-run"} or (t[:1] == "-" and t[:2] != "--" and "n" in t) for t in texts)
    return "" if dry else "deletes untracked files"


def _reset(texts: list[str]) -> str:
    losing = any(len(t) > 4 and ("--hard".startswith(t) or "--merge".startswith(t)) for t in texts)
    return "discards uncommitted work" if losing else ""


def _checkout(texts: list[str]) -> str:
    forced = any(t in {"-f", "--force", "--", ".", "--ours", "--theirs", "-p"} for t in texts)
    return "discards uncommitted work" if forced else ""


def _restore(texts: list[str]) -> str:
    staged = any(t in {"--staged", "-S"} for t in texts) and not any(t in {"--worktree", "-W"} for t in texts)
    return "" if staged else "discards uncommitted work"


def _stash(texts: list[str]) -> str:
    return "deletes stashed work" if texts[:1] in (["drop"], ["clear"]) else ""


def _branch_loss(texts: list[str]) -> str:
    forced = any(t == "-D" or (t[:1] == "-" and t[:2] != "--" and "D" in t) for t in texts)
    both = any(t in {"-f", "--force"} for t in texts) and any(t in {"-d", "--delete"} for t in texts)
    return "deletes a branch that may not be merged" if forced or both else ""


def _push(texts: list[str]) -> str:
    forced = any(
        t.startswith(("--force", "--mirror", "--delete", "--prune", "+", ":"))
        or (t[:1] == "-" and t[:2] != "--" and ("f" in t or "d" in t))
        for t in texts
    )
    return "rewrites or deletes what others have" if forced else ""


def _reflog(texts: list[str]) -> str:
    return "deletes history" if texts[:1] in (["expire"], ["delete"]) else ""


def _history(_texts: list[str]) -> str:
    return "rewrites history"


def _worktree(texts: list[str]) -> str:
    forced = any(t in {"-f", "--force"} for t in texts)
    return "deletes a work tree" if texts[:1] == ["remove"] and forced else ""


_LOSING: Final = {
    "clean": _clean,
    "reset": _reset,
    "checkout": _checkout,
    "restore": _restore,
    "stash": _stash,
    "branch": _branch_loss,
    "push": _push,
    "reflog": _reflog,
    "filter-branch": _history,
    "filter-repo": _history,
    "worktree": _worktree,
}
