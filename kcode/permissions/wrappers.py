"""Commands that run other commands: what they run, and whether that equals running it directly.

Deny and ask rules look at every layer. An allow rule passes only through the transparent ones, whose inner
command is known word for word and runs with the same powers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from kcode.permissions.shell_script import Word, names

TRUSTED_FOLDERS: Final = ("/usr/local/bin/", "/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/", "/usr/local/sbin/")
SHELLS: Final = names("sh bash dash zsh ksh mksh ash fish csh tcsh rbash yash")
HARMLESS_VARIABLES: Final = names("LANG LANGUAGE TZ NO_COLOR FORCE_COLOR CLICOLOR TERM CI COLUMNS LINES")


def program(word: Word) -> str:
    """The bare name of the program a command word names, whatever folder it is given in."""
    return word.text.rpartition("/")[2]


def trusted_program(word: Word) -> str:
    """The name an allow rule may go by: bare, or in a system folder; anything else stays as written."""
    folder, slash, name = word.text.rpartition("/")
    return name if slash and folder + "/" in TRUSTED_FOLDERS else word.text


def harmless_variable(name: str) -> bool:
    """Whether setting it cannot change which programs run or what they may do."""
    return name in HARMLESS_VARIABLES or name.startswith("LC_")


@dataclass(frozen=True, slots=True)
class Inner:
    """What a wrapper runs.

    Attributes:
        words: the inner command; empty where `script` holds it as text.
        script: shell text that is run.
        transparent: whether an allow rule for the inner command is enough.
        appended: whether further, unknown arguments are added.
        file: whether the first word is a file that the wrapper reads: the rule for the wrapper covers it as well.
        unknown: whether the wrapper runs something that cannot be read.
    """

    words: tuple[Word, ...] = ()
    script: str = ""
    transparent: bool = False
    appended: bool = False
    unknown: str = ""
    file: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """How a wrapper's own arguments look.

    Attributes:
        values: its short option letters and long options that take a value as the next word.
        operands: how many operands stand before the inner command.
        transparent: whether an allow rule passes through.
        appended: whether it adds arguments.
        assignments: whether `NAME=value` may stand before the inner command.
        harmful: options that write or change more than how the inner command is run.
    """

    values: frozenset[str] = frozenset()
    operands: int = 0
    transparent: bool = False
    appended: bool = False
    assignments: bool = False
    harmful: tuple[str, ...] = ()


def _shape(values: str = "", operands: int = 0, flags: str = "", harmful: tuple[str, ...] = ()) -> Shape:
    return Shape(names(values), operands, "t" in flags, "a" in flags, "e" in flags, harmful)


_WRAPPERS: Final = {
    "timeout": _shape("s k --signal --kill-after", 1, "t"),
    "gtimeout": _shape("s k --signal --kill-after", 1, "t"),
    "nohup": _shape(flags="t"),
    "nice": _shape("n --adjustment", flags="t"),
    "time": _shape("f o --format --output", 0, "t", ("-o", "--o", "-a", "--a")),
    "command": _shape(flags="t"),
    "stdbuf": _shape("i o e --input --output --error", flags="t"),
    "ionice": _shape("c n --class --classdata", flags="t"),
    "builtin": _shape(),
    "exec": _shape("a"),
    "env": _shape("u C S --unset --chdir --split-string", flags="te", harmful=("-",)),
    "setsid": _shape(),
    "sudo": _shape(
        "u g h p C D R T U r t --user --group --host --prompt --chdir --chroot --role --type", flags="e"
    ),
    "doas": _shape("u C", flags="e"),
    "pkexec": _shape("--user"),
    "run0": _shape("u --user"),
    "xargs": _shape(
        "a d E I L n P s --arg-file --delimiter --max-args --max-procs --max-chars --process-slot-var",
        flags="a",
    ),
    "parallel": _shape("j a S --jobs --arg-file --colsep --delay --timeout --joblog --results", flags="a"),
    "watch": _shape("n --interval"),
    "flock": _shape("w E --timeout --conflict-exit-code", 1),
    "strace": _shape("e o p s a b I O P S u E X --trace --output"),
    "ltrace": _shape("e o p s a u"),
    "gdb": _shape("x --command"),
    "valgrind": _shape(),
    "perf": _shape("o e", 1),
    "unshare": _shape("S G R w --setuid --setgid --root --wd"),
    "nsenter": _shape("t S G --target"),
    "chroot": _shape(operands=1),
    "taskset": _shape(operands=1),
    "chrt": _shape(operands=1),
    "numactl": _shape(),
    "setarch": _shape(operands=1),
    "linux32": _shape(),
    "linux64": _shape(),
    "setpriv": _shape(),
    "systemd-run": _shape("p u M --property --unit"),
    "busybox": _shape(),
    "toybox": _shape(),
    "caffeinate": _shape("t w"),
    "fakeroot": _shape(),
    "proxychains": _shape("f"),
    "proxychains4": _shape("f"),
    "firejail": _shape(),
    "dbus-run-session": _shape(),
    "xvfb-run": _shape("s n e f --server-args"),
    "rlwrap": _shape(),
    "unbuffer": _shape(),
    "catchsegv": _shape(),
    "entr": _shape(),
    "npx": _shape("p c --package --call"),
    "bunx": _shape(),
    "pnpx": _shape(),
    "uvx": _shape("p --python --from --with"),
    "pipx": _shape("--spec --python", 1),
    "direnv": _shape(operands=2),
    "mise": _shape(operands=1),
    "asdf": _shape(operands=1),
}
WRAPPERS: Final = (
    frozenset(_WRAPPERS) | SHELLS | {"eval", "trap", "su", "script", "runuser", "find", "source", "."}
)


def unwrap(words: tuple[Word, ...]) -> list[Inner]:
    """What a command runs besides itself; empty for one that runs nothing else."""
    name = program(words[0])
    if special := _SPECIAL.get(name):
        return special(words)
    if name in SHELLS:
        return _shell(words)
    shape = _WRAPPERS.get(name)
    return _plain(words, shape) if shape else []


def _plain(words: tuple[Word, ...], shape: Shape) -> list[Inner]:
    index, options_known = _past_options(words, shape)
    index += shape.operands
    inner = words[index:]
    assigned = False
    while shape.assignments and inner and "=" in inner[0].text and not inner[0].text.startswith("="):
        name = inner[0].text.partition("=")[0]
        assigned = assigned or not harmless_variable(name)
        inner = inner[1:]
    if not inner:
        return []
    literal = all(w.literal for w in words[:index])
    transparent = shape.transparent and options_known and literal and not assigned
    return [Inner(inner, transparent=transparent, appended=shape.appended)]


def _past_options(words: tuple[Word, ...], shape: Shape) -> tuple[int, bool]:
    """Where the operands begin, and whether the options seen are all of the harmless kind."""
    index = 1
    known = True
    while index < len(words):
        text = words[index].text
        if text == "--":
            return index + 1, known
        if not text.startswith("-") or text == "-":
            break
        known = known and not text.startswith(shape.harmful)
        index += 2 if _takes_next(text, shape.values) else 1
    return index, known


def _takes_next(option: str, values: frozenset[str]) -> bool:
    if option.startswith("--"):
        return option in values
    letters = option[1:]
    for place, letter in enumerate(letters):
        if letter in values:
            return place == len(letters) - 1
    return False


def _command_option(words: tuple[Word, ...]) -> int | None:
    """The index of the script behind `-c` (alone or in a cluster such as `-lc`)."""
    for index, word in enumerate(words[1:], 1):
        text = word.text
        if text in {"--command", "--session-command"} or (
            text.startswith("-") and not text.startswith("--") and "c" in text[1:]
        ):
            return index + 1
        if text.startswith("--command="):
            return index
    return None


def _shell(words: tuple[Word, ...]) -> list[Inner]:
    index = _command_option(words)
    if index is None:
        operands = [w for w in words[1:] if not w.text.startswith(("-", "+"))]
        if operands and operands[0].fixed:
            return [Inner(words[words.index(operands[0]) :], file=True)]
        return [Inner(unknown=f"'{words[0].raw}' runs commands that are not written here")]
    while index < len(words) and words[index].text.startswith("-"):
        index += 1
    return _script_at(words, index)


def _script_at(words: tuple[Word, ...], index: int) -> list[Inner]:
    if index >= len(words):
        return [Inner(unknown=f"'{words[0].raw}' runs commands that are not written here")]
    word = words[index]
    text = word.text.removeprefix("--command=")
    unknown = "" if word.literal else f"'{words[0].raw}' runs a script that is only known when it runs"
    return [Inner(script=text, unknown=unknown)]


def _eval(words: tuple[Word, ...]) -> list[Inner]:
    rest = [w for w in words[1:] if w.text != "--"]
    if not rest:
        return []
    unknown = "" if all(w.fixed for w in rest) else "'eval' runs text that is only known when it runs"
    return [Inner(script=" ".join(w.text for w in rest), unknown=unknown)]


def _trap(words: tuple[Word, ...]) -> list[Inner]:
    rest = [w for w in words[1:] if w.text != "--"]
    return _script_at((words[0], *rest), 1) if len(rest) > 1 else []


def _user_switch(words: tuple[Word, ...]) -> list[Inner]:
    index = _command_option(words)
    if index is not None:
        return _script_at(words, index)
    return (
        _plain(words, _shape("u g G s --user --group --shell", flags=""))
        if "--" in [w.text for w in words]
        else []
    )


def _env(words: tuple[Word, ...]) -> list[Inner]:
    for index, word in enumerate(words[1:], 1):
        text = word.text
        if not text.startswith("-"):
            break
        if text in {"-S", "--split-string"}:
            return _script_at(words, index + 1)
        for prefix in ("-S", "--split-string="):
            if text.startswith(prefix):
                inner = Word(word.raw, text.removeprefix(prefix), word.literal)
                return _script_at((words[0], inner), 1)
        if "S" in text[1:] and not text.startswith("--"):
            return [Inner(unknown="'env -S' splits text into a command", script=text.partition("S")[2])]
    return _plain(words, _WRAPPERS["env"])


def _find(words: tuple[Word, ...]) -> list[Inner]:
    inner: list[Inner] = []
    starts = [i for i, w in enumerate(words) if w.text in {"-exec", "-execdir", "-ok", "-okdir"}]
    for start in starts:
        ends = (i for i in range(start + 1, len(words)) if words[i].text in {";", "+"})
        end = next(ends, len(words))
        if words[start + 1 : end]:
            inner.append(Inner(words[start + 1 : end], appended=True))
    return inner


def _command(words: tuple[Word, ...]) -> list[Inner]:
    """`command -v NAME` only looks a name up."""
    if len(words) > 1 and words[1].text in {"-v", "-V"}:
        return []
    return _plain(words, _WRAPPERS["command"])


def _source(words: tuple[Word, ...]) -> list[Inner]:
    return [Inner(unknown=f"'{words[0].raw}' runs a file inside this shell")]


def _flock(words: tuple[Word, ...]) -> list[Inner]:
    index = _command_option(words)
    return _script_at(words, index) if index is not None else _plain(words, _WRAPPERS["flock"])


_SPECIAL: Final[dict[str, Callable[[tuple[Word, ...]], list[Inner]]]] = {
    "eval": _eval,
    "trap": _trap,
    "su": _user_switch,
    "runuser": _user_switch,
    "script": _user_switch,
    "env": _env,
    "find": _find,
    "command": _command,
    "source": _source,
    ".": _source,
    "flock": _flock,
}
