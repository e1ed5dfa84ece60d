"""Which forms of commands that need no rule are really harmless; each says why one is not, None for another command."""

import itertools
import re
from collections.abc import Callable
from typing import Final

from kcode.permissions import flags
from kcode.permissions.shell_script import ONE_VARIABLE, Word, names
from kcode.permissions.wrapper_shapes import program

Check = Callable[[tuple[Word, ...]], str | None]


def unsafe(words: tuple[Word, ...], name: str) -> str:
    """Why a command's options make it do more than read; empty where they do not."""
    found = flags.unsafe(words, name)
    return f"'{found[0][0].raw}' of {name} {found[0][1]}" if found else ""


def literal(words: tuple[Word, ...]) -> str:
    """Why some word of a command is not known; empty where all are."""
    unknown = next((w for w in words if not w.literal), None)
    return f"'{unknown.raw}' is only known when the command runs" if unknown else ""


def _test(words: tuple[Word, ...]) -> str:
    closing = {"[": "]", "[[": "]]"}.get(words[0].text)
    if closing and words[-1].text != closing:
        return "a test is not closed"
    inner = words[:-1] if closing else words
    return unsafe(inner, words[0].text) or ("" if _compares(inner) else literal(inner))


_ANY_VARIABLE: Final = re.compile(r'"?\$(?:[A-Za-z_]\w*|\{[A-Za-z_]\w*\}|[#?])"?')
_LOOKS: Final = names("-n -z -f -d -e -r -w -x -s -L -h")
_COMPARES: Final = names("= == != -eq -ne -lt -le -gt -ge")
"""Between two words of a plain test these compare what stands there; `[[` would evaluate it."""


def _compares(words: tuple[Word, ...]) -> bool:
    """Whether a test with variables in it has a form in which no value can be taken for an operator."""
    if words[0].text == "[[":
        return all(w.literal or _ANY_VARIABLE.fullmatch(w.raw) for w in words)
    operands = words[2:] if [w.raw for w in words[1:2]] == ["!"] else words[1:]
    if not all(w.fixed or ONE_VARIABLE.fullmatch(w.raw) for w in operands):
        return False
    operator = operands[-2].text if len(operands) in {2, 3} else ""
    return operator in (_LOOKS if len(operands) == 2 else _COMPARES)


def _printf(words: tuple[Word, ...]) -> str:
    # The format may stand behind `--`.
    unknown = next(
        (w for w in words[1 : 3 if words[1:2] and words[1].text == "--" else 2] if not w.fixed), None
    )
    if unknown:
        return f"'{unknown.raw}' is only known when the command runs"
    return unsafe(words, "printf")


_DATE_READS: Final = re.compile(
    r"\+.*|-u|--utc|-R|-I\w*|--iso-8601.*|--date=.*|-v[+-]?\d+[ymwdHMS]", re.DOTALL
)


def _date(words: tuple[Word, ...]) -> str:
    """`-d` is followed by a moment, `-r` by one in seconds (or the name of a file, of which only the age is shown)."""
    taken = False
    for before, word in itertools.pairwise(words):
        if taken or (before.text == "-r" and re.fullmatch(r"\d+", word.text)):
            taken = False
        elif word.text in {"-d", "--date"}:
            taken = True
        elif word.text != "-r" and not _DATE_READS.fullmatch(word.text):
            return "only a format and a moment to show are known to read"
    ends = words[-1].text in {"-d", "-r", "--date"}
    return literal(words) or ("it names nothing to show" if ends else "")


def _said(words: tuple[Word, ...]) -> str:
    """Programs of which no word does more than be repeated or reckoned with."""
    return "" if all(not w.glob or w.literal for w in words) else "a pattern in an unknown word"


def _only(form: str) -> Check:
    known = re.compile(form)

    def check(words: tuple[Word, ...]) -> str:
        other = next((w for w in words[1:] if not w.fixed or not known.fullmatch(w.text)), None)
        return f"'{other.raw}' is not known to read only" if other else ""

    return check


def _sleep(words: tuple[Word, ...]) -> str:
    short = all(w.literal and re.fullmatch(r"\d{1,2}(\.\d+)?s?", w.text) for w in words[1:])
    return "" if short else "only short sleeps are known to be harmless"


def _read(words: tuple[Word, ...]) -> str:
    """Plain lower-case names, which choose no program."""
    known = all(w.fixed and re.fullmatch(r"-r|[a-z_][a-z0-9_]*", w.text) for w in words[1:])
    return "" if known and not any(w.text.endswith("_proxy") for w in words) else "it sets a variable"


_VERSIONED: Final = names("git python python3 node gcc g++ clang make cmake bash")


def runs_nothing(name: str) -> bool:
    """Whether a program is known here and cannot run another one, whatever it is told."""
    return name in CHECKS and name not in _VERSIONED | {"arch", "tar"}


def _version(words: tuple[Word, ...]) -> str | None:
    """Asked for its version alone, a program that takes no orders from the folder does nothing else."""
    short = {"python": "-V", "python3": "-V", "node": "-v"}.get(words[0].text)
    asked = len(words) == 2 and words[1].fixed and words[1].text in {"--version", short}
    return "" if asked and words[0].text == words[0].raw else None


def _system(words: tuple[Word, ...]) -> str:
    return literal(words) or ("" if all(w.text.startswith("-") for w in words[1:]) else "it names something")


def _listing(words: tuple[Word, ...]) -> str | None:
    """`tar tf FILE` and `unzip -l FILE`; a colon would name another machine."""
    form = {"tar": r"-?[tvzjJ]*t[vzjJ]*f", "unzip": r"-[lvZ]+1?"}[program(words[0])]
    if len(words) < 3 or not re.fullmatch(form, words[1].text):
        return None
    plain = all(w.literal and not w.text.startswith("-") and ":" not in w.text for w in words[2:])
    return "" if plain and not any(w.glob for w in words) else "more than a plain list is asked for"


def _command(words: tuple[Word, ...]) -> str | None:
    looking = len(words) > 1 and words[1].text in {"-v", "-V"}
    return literal(words) if looking else None


CHECKS: Final[dict[str, Check]] = {
    **dict.fromkeys(names("echo basename dirname seq expr"), _said),
    "printf": _printf,
    "test": _test,
    "[": _test,
    "[[": _test,
    "date": _date,
    "sleep": _sleep,
    "command": _command,
    "read": _read,
    "tar": _listing,
    "unzip": _listing,
    **dict.fromkeys(names("uname arch nproc uptime free whoami tty locale groups lscpu sw_vers"), _system),
    "lsb_release": _system,
    "hostname": _only("-s"),
    "getconf": _only(r"[A-Z_][A-Z0-9_]*"),
    "cal": _only(r"[\w-]+"),
    "bc": _only("-[lq]+"),
    "umask": _only("-S"),
    "ulimit": _only("-[A-Za-z]+"),
    "jobs": _only("-[lnprs]+"),
    "exit": _only(r"\d{1,3}"),
    "whereis": _only(r"[\w.+][\w.+-]*"),
    **dict.fromkeys(names("factor numfmt help"), literal),
    **dict.fromkeys(_VERSIONED, _version),
    **dict.fromkeys(["pwd", "true", "false", ":", "which", "type", "tr", "break", "continue"], literal),
}
