"""Commands that run other commands: what they run, and whether that equals running it directly.

Deny and ask rules look at every layer. An allow rule passes only through the transparent ones, whose inner
command is known word for word and runs with the same powers.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from kcode.permissions.shell_script import Word
from kcode.permissions.wrapper_shapes import SHAPES, SHELLS, Inner, past_options, plain, program, shape

WRAPPERS: Final = (
    frozenset(SHAPES)
    | SHELLS
    | {"eval", "trap", "su", "script", "runuser", "find", "fd", "fdfind", "source", ".", "jobs"}
)


_LATER: Final = "what it runs is only known when it runs"


def unwrap(words: tuple[Word, ...]) -> list[Inner]:
    """What a command runs besides itself; empty for one that runs nothing else."""
    name = program(words[0])
    if special := _SPECIAL.get(name):
        return special(words)
    if name in SHELLS:
        return _shell(words)
    known = SHAPES.get(name)
    return plain(words, known) if known else []


def _command_option(words: tuple[Word, ...]) -> int | None:
    """The index of the script behind `-c` (alone or in a cluster such as `-lc`)."""
    for index, word in enumerate(words[1:], 1):
        text = word.text
        if (
            (len(text) > 3 and "--command".startswith(text))
            or text == "--session-command"
            or (text.startswith("-") and not text.startswith("--") and "c" in text[1:])
        ):
            return index + 1
        if text.startswith("--command="):
            return index
    return None


def _shell(words: tuple[Word, ...]) -> list[Inner]:
    index = _command_option(words)
    if index is None:
        operands = [w for w in words[1:] if not w.text.startswith(("-", "+"))]
        # With `-s` the operands are arguments of what stands on standard input.
        fed = any(re.fullmatch(r"-[A-Za-z]*s[A-Za-z]*", w.text) for w in words[1:])
        if (
            not fed
            and operands
            and operands[0].fixed
            and not operands[0].text.startswith(("/dev/", "/proc/"))
        ):
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


def _watch(words: tuple[Word, ...]) -> list[Inner]:
    """What it repeats is put together to a text for a shell."""
    return [
        Inner(
            script=" ".join(w.text for w in each.words),
            unknown="" if all(w.literal for w in each.words) else _LATER,
        )
        for each in plain(words, SHAPES["watch"])
    ]


def _fd(words: tuple[Word, ...]) -> list[Inner]:
    """`-x COMMAND ;` and `-X COMMAND ;` run it for what was found."""
    for place, word in enumerate(words[1:], 1):
        text = word.text
        option, equals, joined = text.partition("=")
        if option in {"--exec", "--exec-batch"} and equals:
            return [Inner((Word(word.raw, joined, word.literal), *words[place + 1 :]), appended=True)]
        if option in {"--exec", "--exec-batch"} or re.fullmatch(r"-[A-Za-z]*[xX]", text):
            ends = next((i for i in range(place + 1, len(words)) if words[i].text == ";"), len(words))
            return [Inner(words[place + 1 : ends], appended=True)] if words[place + 1 : ends] else []
    return []


def _script_command(words: tuple[Word, ...]) -> list[Inner]:
    """`script -c TEXT`, or BSD's `script FILE COMMAND`."""
    if _command_option(words) is not None:
        return _user_switch(words)
    return plain(words, shape("t T I O B E m o --log-in --log-out --log-io --log-timing", 1))


def _user_switch(words: tuple[Word, ...]) -> list[Inner]:
    index = _command_option(words)
    if index is not None:
        return _script_at(words, index)
    return (
        plain(words, shape("u g G s --user --group --shell", flags=""))
        if "--" in [w.text for w in words]
        else []
    )


def _env(words: tuple[Word, ...]) -> list[Inner]:
    """`-S TEXT` splits a text into further words of env itself; what stands behind it is appended."""
    end, _ = past_options(words, SHAPES["env"])
    for index, word in enumerate(words[1:end], 1):
        text = word.text
        if text != "--" and text.startswith("--") and "--split-string".startswith(text.partition("=")[0]):
            joined, follows = text.partition("=")[2], "=" not in text
        elif found := re.fullmatch(r"-[^-uC]*?S(.*)", text, re.DOTALL):
            joined, follows = found.group(1), not found.group(1)
        else:
            continue
        rest = words[index + 1 :]
        script, rest = (rest[0].text, rest[1:]) if follows and rest else (joined, rest)
        known = word.literal and all(w.literal for w in words[index : index + 2])
        unknown = "" if known else "'env -S' splits a text that is only known when it runs"
        return [Inner(script=" ".join(["env", script, *(w.raw for w in rest)]), unknown=unknown)]
    return plain(words, SHAPES["env"])


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
    return plain(words, SHAPES["command"])


def _source(words: tuple[Word, ...]) -> list[Inner]:
    return [Inner(unknown=f"'{words[0].raw}' runs a file inside this shell")]


def _xargs(words: tuple[Word, ...]) -> list[Inner]:
    """With `-I X` each X in the command stands for what is read."""
    end, _ = past_options(words, SHAPES["xargs"])
    replaced = ""
    for place, word in enumerate(words[1:end], 1):
        if found := re.fullmatch(r"(?:-[0oprtx]*[Ii]|--replace(?:=|$))(.*)", word.text, re.DOTALL):
            following = words[place + 1].text if word.text.endswith("I") and place + 1 < len(words) else "{}"
            replaced = found.group(1) or following
    if not replaced:
        return plain(words, SHAPES["xargs"])
    inner = tuple(replace(w, literal=False) if replaced in w.text else w for w in words[end:])
    return [Inner(inner)] if inner else []


def _callback(words: tuple[Word, ...]) -> list[Inner]:
    """`mapfile -C COMMAND`, `compgen -C COMMAND`."""
    place = next((i for i, w in enumerate(words) if i and w.text.startswith("-") and "C" in w.text), None)
    if place is None:
        return []
    joined = words[place].text.partition("C")[2]
    if joined:
        return [Inner(script=joined, unknown="" if words[place].literal else "a callback is not known")]
    return _script_at(words, place + 1)


def _jobs(words: tuple[Word, ...]) -> list[Inner]:
    return [Inner(words[2:])] if len(words) > 2 and words[1].text == "-x" else []


def _hash(words: tuple[Word, ...]) -> list[Inner]:
    renames = any(w.text.startswith("-") and "p" in w.text for w in words[1:])
    return [Inner(unknown="'hash -p' changes which program a name means")] if renames else []


def _history(words: tuple[Word, ...]) -> list[Inner]:
    return [Inner(unknown=f"'{words[0].raw}' runs an earlier command once more")]


def _flock(words: tuple[Word, ...]) -> list[Inner]:
    index = _command_option(words)
    return _script_at(words, index) if index is not None else plain(words, SHAPES["flock"])


_SPECIAL: Final[dict[str, Callable[[tuple[Word, ...]], list[Inner]]]] = {
    "eval": _eval,
    "trap": _trap,
    "su": _user_switch,
    "runuser": _user_switch,
    "script": _script_command,
    "watch": _watch,
    **dict.fromkeys(("fd", "fdfind"), _fd),
    "env": _env,
    "find": _find,
    "command": _command,
    "source": _source,
    ".": _source,
    "flock": _flock,
    "xargs": _xargs,
    "mapfile": _callback,
    "readarray": _callback,
    "compgen": _callback,
    "complete": _callback,
    "jobs": _jobs,
    "hash": _hash,
    "fc": _history,
}
