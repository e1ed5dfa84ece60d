"""Options that make a reading command write, run a program or take its orders from a file.

A rule such as `Bash(find:*)` says that finding is fine, not that anything may be deleted: these words set a rule aside
unless the rule names them itself.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from kcode.permissions import git_words
from kcode.permissions.sed_script import read_sed
from kcode.permissions.shell_script import Word, names
from kcode.permissions.wrapper_shapes import harmless_variable

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
    "rg": _flags("zL", "ABCEMTdefgjmrt", "--pre --hostname-bin --search-zip --follow"),
    "sort": _flags("oT", "kSt", "--output --compress-program --temporary-directory --files0-from"),
    "find": _flags(words="-exec -execdir -ok -okdir -delete -fprint -fprint0 -fprintf -fls -files0-from"),
    "fd": _flags("xX", "tedEgcjS", "--exec --exec-batch"),
    "file": _flags(
        "CMmfpzZ",
        "eFP",
        "--compile --magic-file --files-from --preserve-date --uncompress --uncompress-noreport",
    ),
    "base64": _flags("o", "wib", "--output"),
    "man": _flags("PHTX", "CRLmMSserp", "--pager --html --gxditview --troff-device"),
    "tar": _flags(
        "IFT",
        "",
        "--checkpoint-action --use-compress-program --to-command --info-script --new-volume-script --rsh-command"
        " --rmt-command --files-from",
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
    if name.startswith("python") and len(words) > 4 and [w.text for w in words[1:3]] == ["-m", "json.tool"]:
        operands = [w for w in words[3:] if not w.text.startswith("-")]
        return [(w, WRITES) for w in operands[1:2]]
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


_SED_LETTERS: Final = r"-[nErsuz]*"
_SED_SCRIPT: Final = re.compile(rf"{_SED_LETTERS}e|--e[a-z]*")
_SED_JOINED: Final = re.compile(rf"(?:{_SED_LETTERS}e|--e[a-z]*=)(.+)", re.DOTALL)
_SED_CLUSTER: Final = re.compile(rf"{_SED_LETTERS}(e.*)?", re.DOTALL)
_SED_OPTIONS: Final = names(
    "--quiet --silent --expression --regexp-extended --null-data --separate --unbuffered --debug --posix"
)


def sed_scripts(words: tuple[Word, ...]) -> list[Word]:
    """The script words of a sed command."""
    scripts: list[Word] = []
    operands: list[Word] = []
    taken = False
    for place, word in enumerate(words[1:], 1):
        text = word.text
        if taken:
            taken = False
        elif not text.startswith("-") or text == "-":
            operands.append(word)
        elif _SED_SCRIPT.fullmatch(text):
            scripts += words[place + 1 : place + 2]
            taken = True
        elif joined := _SED_JOINED.fullmatch(text):
            scripts.append(Word(word.raw, joined.group(1), word.literal))
    return scripts or operands[:1]


def _sed(words: tuple[Word, ...]) -> Unsafe:
    found: Unsafe = []
    for word in words[1:]:
        text = word.text
        if not text.startswith("-") or text in {"-", "--"}:
            continue
        if text.partition("=")[0] not in _SED_OPTIONS and not _SED_CLUSTER.fullmatch(text):
            found.append((word, "changes files in place or reads its orders from a file"))
    found += [
        (script, "is a script that can run programs or write files")
        for script in sed_scripts(words)
        if not script.literal or not read_sed(script.text).plain
    ]
    return found


_AWK_RUNS: Final = re.compile(r"system|(?<!\|)\|(?!\|)|getline|@|close|ARG[VC]|ENVIRON|PROCINFO|SYMTAB")
_AWK_WRITES: Final = re.compile(r"(?:print|\\\n).*>(?!=)", re.DOTALL)
"""Only what is printed can go into a file; elsewhere the same sign compares."""


def _awk(words: tuple[Word, ...]) -> Unsafe:
    """Only `-F`, `-v` and the program itself are known; a value or a file is data."""
    reason = "an awk program can run commands or write files"
    index = 1
    while index < len(words) and words[index].text.startswith("-") and words[index].text != "-":
        word = words[index]
        index += 1
        if word.text == "--":
            break
        if re.match(r"-[Fv]", word.text) is None or not word.literal:
            return [(word, reason)]
        index += len(word.text) == len("-F")
    unknown = next((w for w in words[1:] if not w.literal), None)
    program = words[index : index + 1]
    if unknown or not program or _AWK_RUNS.search(program[0].text) or _AWK_WRITES.search(program[0].text):
        return [(unknown or (program or words)[0], reason)]
    return []


def _tar(words: tuple[Word, ...]) -> Unsafe:
    """The first word is a cluster of options also without a dash."""
    bundled = words[1:2] if len(words) > 1 and re.match("[A-Za-z]", words[1].text) else ()
    found: Unsafe = [(w, RUNS) for w in bundled if not w.literal or re.search("[IFT]", w.text)]
    return found + _by_table(words, _TABLE["tar"], "tar")


def _second_operand_is_output(words: tuple[Word, ...]) -> Unsafe:
    values = _OUTPUT_VALUES[words[0].text.rpartition("/")[2]]
    operands = [
        w
        for i, w in enumerate(words)
        if i and (not w.text.startswith("-") or w.text == "-") and words[i - 1].text not in values
    ]
    several = [w for w in operands if w.glob] or operands[1:]
    return [(several[0], WRITES)] if several else []


_OUTPUT_VALUES: Final = {"uniq": names("-f -s -w"), "xxd": names("-c -g -l -o -s")}


def _xxd(words: tuple[Word, ...]) -> Unsafe:
    return _by_table(words, _TABLE["xxd"], "xxd") + _second_operand_is_output(words)


def _orders_from_file(words: tuple[Word, ...]) -> Unsafe:
    """GNU's binutils take `@FILE` for the words in that file."""
    return [(w, "takes its orders from a file") for w in words[1:] if w.text.startswith("@")]


def _jq(words: tuple[Word, ...]) -> Unsafe:
    leaking = re.compile(r"\benv\b|\$ENV|\binclude\b|\bimport\b|\bmodulemeta\b|\binput_filename\b")
    loading = re.compile(r"-[a-zA-Z]*[fL].*|--from-file.*|--library-path.*|--run-tests.*")
    return [
        (w, "shows the environment or loads code")
        for w in words[1:]
        if leaking.search(w.text) or loading.fullmatch(w.text)
    ]


def _printf(words: tuple[Word, ...]) -> Unsafe:
    """`-v` and `%n` set a variable, `PATH` for one; `--` may stand before the format."""
    start = 2 if [w.text for w in words[1:2]] == ["--"] else 1
    return [
        (w, "sets a variable")
        for w in words[start : start + 1]
        if (start == 1 and w.text.startswith("-v")) or "n" in _conversions(w.text)
    ]


def _conversions(template: str) -> list[str]:
    """The letters of a printf format's conversions; `%n` writes to a variable."""
    return re.findall(r"%[-+ #0-9.*']*[hjlLtz]*([a-zA-Z(])", template.replace("%%", ""))


def _env(words: tuple[Word, ...]) -> Unsafe:
    """A variable can name a program that the command then runs."""
    assigned = re.compile(r"([A-Za-z_]\w*)=.*", re.DOTALL)
    return [
        (w, "sets a variable that can change what runs")
        for w in words[1:]
        if (found := assigned.fullmatch(w.text)) and not harmless_variable(found.group(1))
    ]


def _env_reading_test(words: tuple[Word, ...]) -> Unsafe:
    risky = re.compile(r"-[vR]|.*[`\[].*|-(?:eq|ne|lt|le|gt|ge)", re.DOTALL)
    plain_test = words[0].text != "[["
    return [
        (w, "a test can evaluate its text")
        for w in words[1:]
        if (risky.fullmatch(w.text) and not (plain_test and re.fullmatch(r"-(?:eq|ne|lt|le|gt|ge)", w.text)))
        # Files can be named like the operators of a test.
        or (w.glob and plain_test and any(fnmatchcase(o, w.text) for o in ("-v", "-R")))
    ]


_SPECIAL: Final[dict[str, Callable[[tuple[Word, ...]], Unsafe]]] = {
    "git": git_words.unsafe,
    "sed": _sed,
    "gsed": _sed,
    "awk": _awk,
    "gawk": _awk,
    "mawk": _awk,
    "nawk": _awk,
    "env": _env,
    "tar": _tar,
    "uniq": _second_operand_is_output,
    "xxd": _xxd,
    "jq": _jq,
    "strings": _orders_from_file,
    "printf": _printf,
    "test": _env_reading_test,
    "[": _env_reading_test,
    "[[": _env_reading_test,
}
