"""Options that make a reading command write, run a program or take its orders from a file.

A rule such as `Bash(find:*)` says that finding is fine, not that anything may be deleted: these words set a rule aside
unless the rule names them itself.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from kcode.permissions import git_words
from kcode.permissions.shell_script import Word, names

Unsafe = list[tuple[Word, str]]
RUNS: Final = "runs a program"
WRITES: Final = "writes a file"


@dataclass(frozen=True, slots=True)
class Flags:
    """A command's options that do more than read.

    Attributes:
        letters: short options of that kind.
        values: other short options whose value may follow in the same word.
        options: long options of that kind; abbreviations count.
        others: long options that look like an abbreviation but are not.
        words: whole words of that kind.
    """

    letters: str = ""
    values: str = ""
    options: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()


def _flags(
    letters: str = "", values: str = "", options: str = "", words: str = "", others: str = ""
) -> Flags:
    return Flags(letters, values, names(options), names(others), names(words))


_TABLE: Final = {
    "rg": _flags("z", "ABCEMTdefgjmrt", "--pre --hostname-bin --search-zip"),
    "sort": _flags("oT", "kSt", "--output --compress-program --temporary-directory --files0-from"),
    "find": _flags(words="-exec -execdir -ok -okdir -delete -fprint -fprint0 -fprintf -fls -files0-from"),
    "fd": _flags("xX", "tedEgcjS", "--exec --exec-batch"),
    "file": _flags("CmfzZ", "eFP", "--compile --magic-file"),
    "man": _flags("PHTX", "CRLmMSserp", "--pager --html --gxditview --troff-device"),
    "tar": _flags(
        "IF", "", "--checkpoint-action --use-compress-program --to-command --info-script --rsh-command"
    ),
    "date": _flags("s", "dfrI", "--set"),
    "tree": _flags("oR", "LPIHT", "--output"),
    "less": _flags("oOk", "bhjpPtTxyz", "--log-file --lesskey-file"),
    "tail": _flags("fF", "nc", "--follow --retry"),
    "xxd": _flags("r", "clogs", ""),
    "shuf": _flags("o", "in", "--output"),
    "yq": _flags("i", "", "--inplace"),
    "curl": _flags("oOKTD", "", "--output --remote-name --config --upload-file --dump-header"),
    "wget": _flags("Oo", "", "--use-askpass --output-document --execute --input-file"),
    "wc": _flags(options="--files0-from"),
    "du": _flags(options="--files0-from"),
    "gofmt": _flags("w"),
    "ssh": _flags("oFE", "", ""),
    "rsync": _flags("e", "", "--rsh --rsync-path"),
    "zip": _flags("T", "", "--unzip-command"),
    "split": _flags("", "", "--filter"),
    "hostname": _flags("Fb", "", "--file"),
}


def unsafe(words: tuple[Word, ...], name: str) -> Unsafe:
    """The words of a command (by its program's `name`) that set a rule aside, each with the reason."""
    if special := _SPECIAL.get(name):
        return special(words)
    table = _TABLE.get(name)
    return _by_table(words, table, name) if table else []


def watched(name: str) -> bool:
    """Whether an unknown argument of this command could be such an option."""
    return name in _TABLE or name in _SPECIAL


def _by_table(words: tuple[Word, ...], flags: Flags, name: str) -> Unsafe:
    found: Unsafe = []
    for word in words[1:]:
        text = word.text
        if text == "--" and name != "find":
            break
        option = text.partition("=")[0]
        if (
            text in flags.words
            or (option.startswith("--") and _abbreviates(option, flags))
            or (text.startswith("-") and not text.startswith("--") and _clustered(text[1:], flags))
        ):
            found.append((word, "does more than read"))
    return found


def _abbreviates(option: str, flags: Flags) -> bool:
    return len(option) > 2 and option not in flags.others and any(o.startswith(option) for o in flags.options)


def _clustered(letters: str, flags: Flags) -> bool:
    for letter in letters:
        if letter in flags.letters:
            return True
        if letter in flags.values:
            return False
    return False


# A delimiter inside a bracket expression does not end sed's pattern: a bracket that holds one is not plain.
_SED_SEARCH: Final = r"/(?:\\.|\[[^\]/\n\\]*\]|[^/\n\\\[])*/"
_SED_ADDRESS: Final = rf"(?:(?:\d+|\$|{_SED_SEARCH})(?:,(?:\d+|\$|\+\d+|{_SED_SEARCH}))?!?)?"
_SED_PIECE: Final = r"(?:\\.|\[(?:(?!\1)[^\]\n\\])*\]|(?!\1)[^\\\n\[])*"
_SED_PLAIN: Final = re.compile(
    rf"\s*{_SED_ADDRESS}\s*(?:[pdDPgGhHxnNq=]|s([/|#,:@!]){_SED_PIECE}\1(?:\\.|(?!\1)[^\\\n])*\1[gpiI0-9]*|"
    r"y/[^/\n\\]*/[^/\n\\]*/|[aic]\\?[^\n]*)?\s*"
)
_SED_LETTERS: Final = r"-[nErsuz]*"
_SED_OPTIONS: Final = names(
    "--quiet --silent --expression --regexp-extended --null-data --separate --unbuffered --debug --posix"
)


def sed_is_plain(script: str) -> bool:
    """Whether a sed script only edits text: no command that runs a program or opens a file."""
    if "\n" in script:
        return all(sed_is_plain(line) for line in script.split("\n"))
    if _SED_PLAIN.fullmatch(script):
        return True
    return ";" in script and all(_SED_PLAIN.fullmatch(piece) for piece in script.split(";"))


def sed_scripts(words: tuple[Word, ...]) -> list[Word]:
    """The script words of a sed command."""
    scripts: list[Word] = []
    operands: list[Word] = []
    taken = False
    for place, word in enumerate(words[1:], 1):
        text = word.text
        joined = re.fullmatch(rf"(?:{_SED_LETTERS}e|--expression=)(.+)", text, re.DOTALL)
        if taken:
            taken = False
        elif text == "--expression" or re.fullmatch(rf"{_SED_LETTERS}e", text):
            scripts += words[place + 1 : place + 2]
            taken = True
        elif joined:
            scripts.append(Word(word.raw, joined.group(1), word.literal))
        elif not text.startswith("-") or text == "-":
            operands.append(word)
    return scripts or operands[:1]


def _sed(words: tuple[Word, ...]) -> Unsafe:
    found: Unsafe = []
    for word in words[1:]:
        text = word.text
        known = text.partition("=")[0] in _SED_OPTIONS or re.fullmatch(
            rf"{_SED_LETTERS}(e.*)?", text, re.DOTALL
        )
        if text.startswith("-") and text != "-" and not known and text != "--":
            found.append((word, "changes files in place or reads its orders from a file"))
    found += [
        (script, "is a script that can run programs or write files")
        for script in sed_scripts(words)
        if not script.literal or not sed_is_plain(script.text)
    ]
    return found


def _awk(words: tuple[Word, ...]) -> Unsafe:
    running = re.compile(r"system\s*\(|\||getline|>|@load|@include|close\s*\(")
    return [
        (w, "an awk program can run commands or write files")
        for w in words[1:]
        if not w.literal
        or running.search(w.text)
        or w.text.startswith(("-f", "-l", "-i", "--file", "--load"))
    ]


def _second_operand_is_output(words: tuple[Word, ...]) -> Unsafe:
    values = _OUTPUT_VALUES[words[0].text.rpartition("/")[2]]
    operands = [
        w for i, w in enumerate(words) if i and not w.text.startswith("-") and words[i - 1].text not in values
    ]
    return [(operands[1], WRITES)] if len(operands) > 1 else []


_OUTPUT_VALUES: Final = {"uniq": names("-f -s -w"), "xxd": names("-c -g -l -o -s")}


def _xxd(words: tuple[Word, ...]) -> Unsafe:
    return _by_table(words, _TABLE["xxd"], "xxd") + _second_operand_is_output(words)


def _jq(words: tuple[Word, ...]) -> Unsafe:
    leaking = re.compile(r"\benv\b|\$ENV|\binclude\b|\bimport\b|\binput_filename\b")
    return [(w, "shows the environment or loads code") for w in words[1:] if leaking.search(w.text)]


def _printf(words: tuple[Word, ...]) -> Unsafe:
    return [
        (w, "sets a variable") for w in words[1:2] if w.text.startswith("-v") or "n" in _conversions(w.text)
    ]


def _conversions(template: str) -> list[str]:
    """The letters of a printf format's conversions; `%n` writes to a variable."""
    return re.findall(r"%[-+ #0-9.*']*([a-zA-Z(])", template.replace("%%", ""))


def _env_reading_test(words: tuple[Word, ...]) -> Unsafe:
    risky = re.compile(r"-[vR]|.*[`\[].*|-(?:eq|ne|lt|le|gt|ge)", re.DOTALL)
    plain_test = words[0].text != "[["
    return [
        (w, "a test can evaluate its text")
        for w in words[1:]
        if risky.fullmatch(w.text) and not (plain_test and re.fullmatch(r"-(?:eq|ne|lt|le|gt|ge)", w.text))
    ]


_SPECIAL: Final[dict[str, Callable[[tuple[Word, ...]], Unsafe]]] = {
    "git": git_words.unsafe,
    "sed": _sed,
    "gsed": _sed,
    "awk": _awk,
    "gawk": _awk,
    "mawk": _awk,
    "nawk": _awk,
    "uniq": _second_operand_is_output,
    "xxd": _xxd,
    "jq": _jq,
    "printf": _printf,
    "test": _env_reading_test,
    "[": _env_reading_test,
    "[[": _env_reading_test,
}
