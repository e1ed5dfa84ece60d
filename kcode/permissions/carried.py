"""Commands that a program's options carry as text: what `sort --compress-program` or `git -c alias.x=!...` would run.

Rules against commands look into them. What lets a program run unasked never does: there such options ask by themselves.
"""

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from kcode.permissions import git_words
from kcode.permissions.flags import sed_scripts
from kcode.permissions.sed_script import read_sed
from kcode.permissions.shell_script import Word, names


@dataclass(frozen=True, slots=True)
class Carried:
    """A command in an option; `known` is false where its text is made up only when it runs."""

    text: str
    known: bool = True


@dataclass(frozen=True, slots=True)
class _Options:
    """Options that carry a command: short letters, long names, and the letters whose value may follow them."""

    letters: str = ""
    options: frozenset[str] = frozenset()
    values: str = ""


_TABLE: Final = {
    "sort": _Options("", names("--compress-program"), "kStTo"),
    "tar": _Options(
        "IF",
        names(
            "--checkpoint-action --use-compress-program --to-command --info-script --new-volume-script"
            " --rsh-command --rmt-command"
        ),
        "fCbgHKLNTVX",
    ),
    "rg": _Options("", names("--pre --hostname-bin")),
    "man": _Options("PH", names("--pager --html")),
    "rsync": _Options("e", names("--rsh --rsync-path"), "fTBM"),
    "scp": _Options("S", frozenset(), "cFiJloPX"),
    "sftp": _Options("S", frozenset(), "BbcDFiJloPRsX"),
    "split": _Options("", names("--filter"), "abClnt"),
    "zip": _Options("", names("--unzip-command -TT")),
    "wget": _Options("", names("--use-askpass")),
    "npm": _Options("c", names("--script-shell --call")),
    "npx": _Options("c", names("--call --script-shell"), "p"),
    "go": _Options("", names("-exec -toolexec -vettool")),
}
_GIT: Final = names(
    "--exec --upload-pack --receive-pack --upload-archive --extcmd --open-files-in-pager --sendmail-cmd --to-cmd"
    " --cc-cmd --header-cmd"
)
_GIT_LETTERS: Final = {
    "rebase": ("x", "sCX"),
    "difftool": ("x", "tSGO"),
    "grep": ("O", "efABCm"),
    "clone": ("u", "objc"),
}
_RUN_BY_GIT: Final = re.compile(
    r"alias\..+|core\.(fsmonitor|pager|editor|sshcommand|askpass|gitproxy|alternaterefscommand)|pager\..+"
    r"|sequence\.editor|diff\.external|diff\..+\.(command|textconv)|filter\..+\.(clean|smudge|process)"
    r"|merge\..+\.driver|gpg\.(.+\.)?program|gpg\.ssh\.defaultkeycommand|credential\.(.+\.)?helper"
    r"|(diff|merge|gui)tool\..+\.(cmd|path)|(man|browser)\..+\.(cmd|path)|web\.browser|trailer\..+\.(command|cmd)"
    r"|remote\..+\.(uploadpack|receivepack|vcs)|uploadpack\.packobjectshook|interactive\.difffilter"
    r"|sendemail\..*(cmd|smtpserver)|submodule\..+\.update|instaweb\..+|tar\..+\.command|imap\.tunnel",
    re.IGNORECASE,
)
_MADE_UP: Final = re.compile(r"[$`]")


def carried(words: tuple[Word, ...], name: str) -> list[Carried]:
    """The commands in a command's options, by its program's `name`."""
    if special := _SPECIAL.get(name):
        return list(special(words))
    table = _TABLE.get(name)
    return list(_in_options(words, table)) if table else []


def carries(name: str) -> bool:
    """Whether a program can be told by its options to run another."""
    return name in _TABLE or name in _SPECIAL or name in {"find", "fd"}


def _of(word: Word, text: str) -> Carried:
    return Carried(text, word.literal and not _MADE_UP.search(text))


def _in_options(words: tuple[Word, ...], table: _Options) -> Iterator[Carried]:
    for place, word in enumerate(words[1:], 1):
        if not word.text.startswith("-") and word.text not in table.options:
            continue
        option, equals, value = word.text.partition("=")
        letters = re.match(r"-([^-].*)", word.text, re.DOTALL)
        if option in table.options or (
            option.startswith("--") and len(option) > 3 and any(o.startswith(option) for o in table.options)
        ):
            yield from _value(words, place, value if equals else "")
        elif letters and table.letters:
            found = re.match(
                rf"[^{table.letters}{table.values}]*[{table.letters}](.*)", letters.group(1), re.DOTALL
            )
            if found:
                yield from _value(words, place, found.group(1))


def _value(words: tuple[Word, ...], place: int, joined: str) -> Iterator[Carried]:
    if joined:
        yield _of(words[place], joined)
    elif place + 1 < len(words):
        yield _of(words[place + 1], words[place + 1].text)


def _tar(words: tuple[Word, ...]) -> Iterator[Carried]:
    """`tar cIf PROGRAM FILE`: the values follow the first word in the order of its letters."""
    if len(words) > 1 and re.match("[A-Za-z]", words[1].text) and re.search("[IF]", words[1].text):
        yield from (_of(w, w.text) for w in words[2:5])
    for each in _in_options(words, _TABLE["tar"]):
        yield Carried(each.text.removeprefix("exec="), each.known)


def _sed(words: tuple[Word, ...]) -> Iterator[Carried]:
    """Where a script could run something, what that is may come from the text it edits."""
    for script in sed_scripts(words):
        if not script.literal or read_sed(script.text).runs:
            yield Carried(script.text, known=False)


def _git(words: tuple[Word, ...]) -> Iterator[Carried]:
    options, rest = git_words.split(words)
    yield from _git_configuration(options)
    if not rest:
        return
    subcommand = rest[0].text
    letters, values = _GIT_LETTERS.get(subcommand, ("", ""))
    yield from _in_options(rest, _Options(letters, _GIT, values))
    yield from (_of(w, w.text.removeprefix("ext::")) for w in rest[1:] if w.text.startswith("ext::"))
    if subcommand == "clone":
        yield from _git_configuration(rest[1:])
    elif subcommand == "config":
        yield from _git_config(rest)
    else:
        yield from _git_runners(subcommand, rest)


def _git_runners(subcommand: str, rest: tuple[Word, ...]) -> Iterator[Carried]:
    if [subcommand, *(w.text for w in rest[1:2])] in (["bisect", "run"], ["submodule", "foreach"]):
        yield _joined(rest[2:])
    elif subcommand == "merge-index":
        yield _joined(tuple(w for w in rest[1:] if w.text not in {"-o", "-q"}))
    elif subcommand == "filter-branch":
        for place, word in enumerate(rest):
            if re.fullmatch(r"--[a-z]+-filter|--setup", word.text):
                yield from _value(rest, place, "")


def _joined(words: tuple[Word, ...]) -> Carried:
    kept = [w for w in words if not w.text.startswith("--")]
    return Carried(" ".join(w.text for w in kept), known=all(w.literal for w in kept))


def _git_configuration(words: tuple[Word, ...]) -> Iterator[Carried]:
    """`-c KEY=VALUE`, `--config KEY=VALUE` and `--config-env=KEY=VARIABLE`."""
    for place, word in enumerate(words):
        text = word.text
        if text.startswith("--config-env"):
            yield Carried(text, known=False)
        elif text in {"-c", "--config"} and place + 1 < len(words):
            key, _, value = words[place + 1].text.partition("=")
            yield from _setting(key, value, words[place + 1])
        elif text.startswith("--config=") or (text.startswith("-c") and len(text) > 2):
            key, _, value = text.removeprefix("--config=").removeprefix("-c").partition("=")
            yield from _setting(key, value, word)


def _git_config(rest: tuple[Word, ...]) -> Iterator[Carried]:
    operands = [w for w in rest[1:] if not w.text.startswith("-")]
    for key, value in itertools.pairwise(operands):
        yield from _setting(key.text, value.text, value)


def _setting(key: str, value: str, word: Word) -> Iterator[Carried]:
    if not word.literal:
        yield Carried(value, known=False)
    elif "ext::" in key + value:
        yield _of(word, f"{key}={value}".partition("ext::")[2].partition(".insteadOf")[0])
    elif _RUN_BY_GIT.fullmatch(key):
        command = value.removeprefix("!")
        if key.lower().startswith("alias.") and command == value:
            command = f"git {value}"
        yield _of(word, command)


_SPECIAL: Final[dict[str, Callable[[tuple[Word, ...]], Iterator[Carried]]]] = {
    "git": _git,
    "sed": _sed,
    "gsed": _sed,
    "tar": _tar,
    "gtar": _tar,
    "bsdtar": _tar,
}
