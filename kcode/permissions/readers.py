"""Commands that only read: which of their words are paths, and which forms need no approval at all.

The built-in list is short on purpose. What is not on it needs a rule or a person; git is not on it (but for its
version), because a repository's configuration can make even `git status` run a program.
"""

import itertools
import re
from dataclasses import dataclass
from typing import Final

from kcode.permissions.reader_checks import CHECKS, literal, unsafe
from kcode.permissions.shell_script import Word, names


@dataclass(frozen=True, slots=True)
class Reader:
    """How a reading command's words are to be taken.

    Attributes:
        skip: how many leading operands are patterns or programs, not paths.
        values: options whose next word is a plain value.
        texts: options whose value is the pattern itself, so that no operand is one.
        paths: options whose next word is a path to read.
        content: whether it shows what stands in the files.
        built_in: whether it needs no rule.
        checked: whether its words are known well enough to check its paths although a rule allows it.
    """

    skip: int = 0
    values: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()
    paths: frozenset[str] = frozenset()
    content: bool = True
    built_in: bool = True
    checked: bool = True


_GREP: Final = Reader(
    1,
    names(
        "-A -B -C -m -d -D --after-context --before-context --context --max-count --include --exclude"
        " --exclude-dir"
    ),
    names("-e --regexp"),
    names("-f --file --exclude-from"),
)
_RG: Final = Reader(
    1,
    names(
        "-A -B -C -m -g -t -T -M -j -r -E -d --glob --iglob --type --type-not"
        " --max-count --max-depth --replace --encoding"
        " --after-context --before-context --context --max-columns --threads"
        " --sort --sortr --color --colors --max-filesize"
    ),
    names("-e --regexp"),
    names("-f --file --ignore-file"),
)
_VALUES: Final = {
    "head": "-n -c --lines --bytes",
    "tail": "-n -c --lines --bytes",
    "sort": "-k -t -S --key --field-separator --buffer-size",
    "uniq": "-f -s -w",
    "cut": "-d -f -b -c --delimiter --fields --bytes --characters",
    "nl": "-b -d -f -h -i -l -n -s -v -w",
    "od": "-A -j -N -t",
    "fold": "-w --width",
    "paste": "-d --delimiters",
    "join": "-1 -2 -a -e -o -t -v",
    "column": "-s -o -c -N -E -R",
    "xxd": "-c -g -l -o -s",
    "diff": "-U -C -W --label --width --color",
    "base64": "-w",
    "pr": "-D -h -l -N -o -w -W",
    "shasum": "-a --algorithm",
}
"""Options whose next word is a value, by program: one too many here would let a path go unchecked."""
_NAMES: Final = {
    "ls": "-I -w -T",
    "tree": "-L -P -I",
    "stat": "-c --format --printf",
    "file": "-e -F -P",
    "du": "-d --max-depth -t -B",
    "df": "-t -x -B --type --exclude-type --block-size",
    "readlink": "",
    "realpath": "",
}
_UNVALUED: Final = names(
    "cat wc hexdump strings tac rev expand unexpand comm cmp fmt tsort cksum sum md5 md5sum b2sum"
    " sha1sum sha224sum sha256sum sha384sum sha512sum"
)
_PAGERS: Final = names("less more bat batcat view zcat zgrep bzcat xzcat zless hd")
_OPENERS: Final = names(
    "vi vim nvim nano emacs code source . open xdg-open gzip bzip2 xz zip split csplit cp mv ln dd"
    " tar unzip scp rsync install tee openssl gpg age pr iconv dos2unix python"
    " python3 node ruby perl php sh bash zsh curl wget"
)
_READERS: Final = {
    **dict.fromkeys(_PAGERS, Reader(built_in=False)),
    **dict.fromkeys(_OPENERS, Reader(built_in=False, checked=False)),
    **dict.fromkeys(_UNVALUED, Reader()),
    **{name: Reader(values=names(values)) for name, values in _VALUES.items()},
    **{name: Reader(values=names(values), content=False) for name, values in _NAMES.items()},
    **dict.fromkeys(names("grep egrep fgrep"), _GREP),
    "rg": _RG,
    "shuf": Reader(0, names("-n -i --head-count --input-range"), names(""), names("--random-source")),
    **dict.fromkeys(names("awk gawk mawk nawk"), Reader(1, names("-F -v"))),
    "sed": Reader(1, names("-l --line-length"), names("-e --expression"), names("-f --file")),
    "jq": Reader(
        1, names("--arg --argjson --indent"), names(""), names("-f --from-file --slurpfile --rawfile")
    ),
}
_READS_LITTLE: Final = names(
    "find ls tree stat file du df test [ [[ echo printf touch mkdir rm rmdir cd basename dirname"
)


def reader(name: str) -> Reader | None:
    """How a reading command takes its words; None for one that is not known to read files."""
    return _READERS.get(name)


def checked(name: str) -> bool:
    """Whether the paths of a command are checked although a rule allows it."""
    known = _READERS.get(name)
    return name == "find" or (known is not None and known.checked)


def looks_at_names_only(name: str) -> bool:
    """Whether a command never shows what stands in a file it is given."""
    return name in _READS_LITTLE


def paths_read(words: tuple[Word, ...], name: str) -> list[Word]:
    """The words of a reading command that name files or folders, options' values included."""
    if name == "find":
        return _find_starts(words)
    if name == "git":
        return _git_paths(words)
    known = _READERS.get(name)
    return _operands(words, known) if known else []


def _operands(words: tuple[Word, ...], known: Reader) -> list[Word]:
    found: list[Word] = []
    named = known.skip and any(_kind(w.text, known)[0] in {"text", "path"} for w in words[1:])
    skip = 0 if named else known.skip
    index = 1
    options = True
    while index < len(words):
        word = words[index]
        index += 1
        if not options or not word.text.startswith("-") or word.text == "-":
            if skip:
                skip -= 1
            elif word.text != "-":
                found.append(word)
        elif word.text == "--":
            options = False
        else:
            kind, joined = _kind(word.text, known)
            if joined:
                found += [Word(word.raw, joined, word.literal)] if kind in {"path", ""} else []
            elif kind:
                found += words[index : index + 1] if kind == "path" else ()
                index += 1
    return found


def _kind(text: str, known: Reader) -> tuple[str, str]:
    """What an option's value is ("path", "text", "value" or ""), and the value where it is joined to it."""
    if not text.startswith("-") or text in {"-", "--"}:
        return "", ""
    option, _, value = text.partition("=")
    if option.startswith("--"):
        abbreviated = len(option) > 3 and any(p.startswith(option) for p in known.paths)
        return _of(option, known) or ("path" if abbreviated else ""), value
    for place, letter in enumerate(text[1:], 2):
        if kind := _of("-" + letter, known):
            return kind, text[place:]
    path = _IN_OPTION.search(text[2:])
    return "", text[2 + path.start() :] if path else ""


def _of(option: str, known: Reader) -> str:
    if option in known.paths:
        return "path"
    if option in known.texts:
        return "text"
    return "value" if option in known.values else ""


_IN_OPTION: Final = re.compile(r"[/~]|\.\.")
_FIND_OPTIONS: Final = re.compile(r"--|-[EHLPXdsx]*[DEHLPXdsxf]|-O\d*")
_FIND_FILES: Final = re.compile(r"-[ac]?newer|-newer[aBcm][aBcm]|-samefile|-files0-from")


def _find_starts(words: tuple[Word, ...]) -> list[Word]:
    """Where a search begins, and the files that it compares with; BSD names a start behind `-f` as well."""
    found = [w for before, w in itertools.pairwise(words) if _FIND_FILES.fullmatch(before.text)]
    # No option of an expression has a path in its own word; the one that BSD knows does.
    found += [
        Word(w.raw, w.text[path.start() :], w.literal)
        for w in words[1:]
        if w.text.startswith("-") and (path := _IN_OPTION.search(w.text))
    ]
    for before, word in itertools.pairwise(words):
        if before.text == "-D" or _FIND_OPTIONS.fullmatch(word.text):
            continue
        if word.text.startswith(("-", "(", "!", ")")):
            break
        found.append(word)
    return found


def _git_paths(words: tuple[Word, ...]) -> list[Word]:
    """Only what is plainly a path: revisions such as `main..topic` hold dots as well."""
    found: list[Word] = []
    for word in words[2:]:
        text = word.text
        if not text.startswith("-"):
            plain = text.partition(":")[2] or text
            if text.startswith(("/", "~", "../")) or text == ".." or "/../" in text or "." in plain:
                revision = (
                    ".." in plain and not plain.startswith("../") and "/../" not in plain and plain != ".."
                )
                found += [] if revision else [Word(word.raw, plain, word.literal, word.glob, word.tilde)]
        elif text.startswith("-f") and len(text) > 2:
            found.append(Word(word.raw, text[2:], word.literal))
    return found


def built_in(words: tuple[Word, ...], name: str) -> str | None:
    """Why a command on the built-in list may not run by itself: "" where it may, None where it is not on the list.

    Its paths are checked elsewhere.
    """
    if check := CHECKS.get(name):
        return check(words)
    known = _READERS.get(name)
    if name != "find" and not (known and known.built_in):
        return None
    return literal(words) or unsafe(words, name)
