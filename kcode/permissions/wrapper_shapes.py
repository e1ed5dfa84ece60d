"""Commands that run the command in their arguments: how their own options look, and where it begins."""

from dataclasses import dataclass
from typing import Final

from kcode.permissions.shell_script import Word, names

TRUSTED_FOLDERS: Final = ("/usr/local/bin/", "/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/", "/usr/local/sbin/")
SHELLS: Final = names("sh bash dash zsh ksh mksh ash fish csh tcsh rbash yash")
HARMLESS_VARIABLES: Final = names(
    "LANG LANGUAGE TZ NO_COLOR FORCE_COLOR CLICOLOR CLICOLOR_FORCE TERM CI COLUMNS LINES RUST_BACKTRACE"
    " PYTHONUNBUFFERED PYTHONDONTWRITEBYTECODE"
)


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


def shape(values: str = "", operands: int = 0, flags: str = "", harmful: tuple[str, ...] = ()) -> Shape:
    """A row of the table: `flags` are `t` for transparent, `a` for appended, `e` for assignments."""
    return Shape(names(values), operands, "t" in flags, "a" in flags, "e" in flags, harmful)


SHAPES: Final = {
    "timeout": shape("s k --signal --kill-after", 1, "t"),
    "gtimeout": shape("s k --signal --kill-after", 1, "t"),
    "nohup": shape(flags="t"),
    "nice": shape("n --adjustment", flags="t"),
    "time": shape("f o --format --output", 0, "t", ("-o", "--o", "-a", "--a")),
    "command": shape(flags="t"),
    "stdbuf": shape("i o e --input --output --error", flags="t"),
    "ionice": shape("c n --class --classdata", flags="t"),
    "builtin": shape(),
    "exec": shape("a"),
    "env": shape("u C S P a --unset --chdir --split-string --argv0", flags="te", harmful=("-",)),
    "setsid": shape(),
    "sudo": shape(
        "u g h p C D R T U r t --user --group --host --prompt --chdir --chroot --role --type", flags="e"
    ),
    "doas": shape("u C", flags="e"),
    "pkexec": shape("--user"),
    "run0": shape("u --user"),
    "xargs": shape(
        "a d E I J L n P R s S --arg-file --delimiter --max-args --max-procs --max-chars --process-slot-var",
        flags="a",
    ),
    "parallel": shape("j a S --jobs --arg-file --colsep --delay --timeout --joblog --results", flags="a"),
    "watch": shape("n q --interval --equexit"),
    "flock": shape("w E --timeout --conflict-exit-code", 1),
    "strace": shape("e o p s a b I O P S u E X --trace --output"),
    "ltrace": shape("e o p s a u"),
    "gdb": shape("x --command"),
    "valgrind": shape(),
    "perf": shape("o e", 1),
    **dict.fromkeys(
        names("tini dumb-init torsocks torify tsocks chronic ifne ccache softlimit nocache"), shape()
    ),
    **dict.fromkeys(names("gosu su-exec setuidgid s6-setuidgid faketime cgexec"), shape(operands=1)),
    "unshare": shape("S G R w --setuid --setgid --root --wd --map-user --map-group --map-users --map-groups"),
    "nsenter": shape("t S G --target"),
    "chroot": shape(operands=1),
    "taskset": shape(operands=1),
    "chrt": shape("T P D --sched-runtime --sched-period --sched-deadline", 1),
    "numactl": shape("N m i C p --cpunodebind --membind --interleave --physcpubind --preferred"),
    "setarch": shape(operands=1),
    "linux32": shape(),
    "linux64": shape(),
    "setpriv": shape(),
    "systemd-run": shape("p u M --property --unit"),
    "busybox": shape(),
    "toybox": shape(),
    "caffeinate": shape("t w"),
    "fakeroot": shape(),
    "proxychains": shape("f"),
    "proxychains4": shape("f"),
    "firejail": shape(),
    "dbus-run-session": shape(),
    "xvfb-run": shape("s n e f --server-args"),
    "rlwrap": shape(),
    "unbuffer": shape(),
    "catchsegv": shape(),
    "entr": shape(),
    "npx": shape("p c --package --call"),
    "bunx": shape(),
    "pnpx": shape(),
    "uvx": shape("p --python --from --with"),
    "pipx": shape("--spec --python", 1),
    "direnv": shape(operands=2),
    "mise": shape(operands=1),
    "asdf": shape(operands=1),
}
"""The wrappers whose command stands in their arguments."""


def plain(words: tuple[Word, ...], known: Shape) -> list[Inner]:
    """What a command of that shape runs; nothing where it holds no command."""
    index, harmless = past_options(words, known)
    index += known.operands
    inner = words[index:]
    assigned = False
    while known.assignments and inner and "=" in inner[0].text and not inner[0].text.startswith("="):
        name = inner[0].text.partition("=")[0]
        assigned = assigned or not harmless_variable(name)
        inner = inner[1:]
    if not inner:
        return []
    literal = all(w.literal for w in words[:index])
    transparent = known.transparent and harmless and literal and not assigned
    return [Inner(inner, transparent=transparent, appended=known.appended)]


def past_options(words: tuple[Word, ...], known: Shape) -> tuple[int, bool]:
    """Where the operands begin, and whether the options seen are all of the harmless kind."""
    index = 1
    harmless = True
    while index < len(words):
        text = words[index].text
        if text == "--":
            return index + 1, harmless
        if not text.startswith("-") or (text == "-" and not known.assignments):
            break
        harmless = harmless and not text.startswith(known.harmful)
        index += 2 if _takes_next(text, known.values) else 1
    return index, harmless


def _takes_next(option: str, values: frozenset[str]) -> bool:
    if option.startswith("--"):
        return "=" not in option and any(v.startswith(option) for v in values if len(option) > len("--"))
    letters = option[1:]
    for place, letter in enumerate(letters):
        if letter in values:
            return place == len(letters) - 1
    return False
