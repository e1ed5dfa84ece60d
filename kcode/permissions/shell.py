"""A command text as the list of everything it runs, wrappers and nested shells taken apart."""

import re
from dataclasses import dataclass, replace
from typing import Final

from kcode.permissions.shell_keywords import EVALUATED
from kcode.permissions.shell_loops import Loops
from kcode.permissions.shell_parse import parse
from kcode.permissions.shell_script import DEEPEST, ONE_VARIABLE, Finding, Script, Simple, Word, names
from kcode.permissions.wrapper_shapes import Inner, program
from kcode.permissions.wrappers import WRAPPERS, unwrap

_ROUGH: Final = re.compile(r"[;&|\n(){}`<>]|\$\(")
_ROUGH_KEYWORDS: Final = frozenset(
    {"if", "then", "elif", "else", "while", "until", "do", "!", "time", "in", "coproc"}
)
_MOST_LAYERS: Final = 400
_GUESSED_WORDS: Final = 60
_UNREAD_PARTS: Final = 20
_EVALUATES: Final = names(
    "let declare typeset local export readonly read readarray mapfile unset printf test [ [[ wait getopts compgen"
)
_ARITHMETIC: Final = names("-eq -ne -lt -le -gt -ge -v -R")
_READS_PROGRAM: Final = names(
    "python python3 node perl ruby php lua psql at batch tclsh expect ed ex gdb dc m4 osascript pwsh nu sqlite3 deno"
)
_READS_SCRIPT: Final = names("sed gsed awk gawk mawk nawk make python python3 node perl ruby php")
_STANDARD_INPUT: Final = re.compile(
    r"^-$|(?:^|=|^-\w*f)(?:/dev/stdin|/dev/fd/\d+|/proc/\w+/fd/\d+)$|^-\w*f-$"
)


@dataclass(frozen=True, slots=True)
class Layer:
    """One program that a command runs.

    Attributes:
        words: its words; the first is the program.
        transparent: whether an allow rule for what it runs in turn is enough.
        inner: whether a wrapper runs it.
        appended: whether unknown arguments are added to its words.
        file: whether it is a file that the layer before reads; only rules against it count.
    """

    words: tuple[Word, ...]
    transparent: bool = False
    inner: bool = False
    appended: bool = False
    file: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One simple command with all layers it runs, outermost first; in a loop, also those of each round."""

    command: Simple
    layers: tuple[Layer, ...]
    rounds: tuple[tuple[Layer, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """What a command text runs.

    Attributes:
        steps: its simple commands in the order they were read.
        findings: what keeps it from being allowed without asking.
        guesses: words of commands guessed from unread parts; only deny and ask rules look at them.
        functions: the names of functions it defines.
        values: what its loops go through and its here-strings hold.
    """

    steps: tuple[Step, ...]
    findings: tuple[Finding, ...]
    guesses: tuple[tuple[str, ...], ...]
    functions: tuple[str, ...]
    values: tuple[Word, ...]

    @property
    def opaque(self) -> Finding | None:
        """The first finding behind which unread commands may run."""
        return next((f for f in self.findings if f.opaque), None)


def read_command(text: str) -> Reading:
    """Reads a command text, nested shells included."""
    script = parse(text)
    steps: list[Step] = []
    levels = [0] * len(script.commands)
    loops: Loops | None = None
    while len(steps) < len(script.commands):
        place = len(steps)
        command = script.commands[place]
        layers: list[Layer] = []
        _check_assignments(script, command)
        if command.words:
            _add_layers(script, Inner(command.words), layers, levels[place], outer=True)
            _script_on_input(script, command, layers)
        rounds: tuple[tuple[Layer, ...], ...] = ()
        if command.loops and not levels[place]:
            loops = loops or Loops(script)
            rounds = _rounds(script, loops.spelled_out(command), levels[place])
        levels += [levels[place] + 1] * (len(script.commands) - len(levels))
        steps.append(Step(command, tuple(layers), rounds))
        if len(steps) > _MOST_LAYERS:
            script.note("the command has too many parts to check", text[:200], opaque=True, unread=True)
            break
    parts = list(dict.fromkeys(f.part for f in script.findings if f.unread))
    guesses = [g for part in (parts if len(parts) <= _UNREAD_PARTS else [text]) for g in rough_commands(part)]
    return Reading(
        tuple(steps), tuple(script.findings), tuple(guesses), tuple(script.functions), tuple(script.values)
    )


def _rounds(script: Script, commands: list[tuple[Word, ...]], depth: int) -> tuple[tuple[Layer, ...], ...]:
    found: list[tuple[Layer, ...]] = []
    for words in commands:
        layers: list[Layer] = []
        _add_layers(script, Inner(words), layers, depth, outer=True)
        found.append(tuple(layers))
    return tuple(found)


def _add_layers(
    script: Script, inner: Inner, layers: list[Layer], depth: int, *, outer: bool = False
) -> None:
    if inner.unknown:
        script.note(inner.unknown, inner.script or inner.unknown, opaque=True, unread=bool(inner.script))
    elif inner.script:
        _nested_script(script, inner.script, depth)
    if not inner.words:
        return
    if depth > DEEPEST:
        part = " ".join(w.raw for w in inner.words)
        script.note("commands are wrapped too deeply", part, opaque=True, unread=True)
        return
    _check_program(script, inner.words[0])
    _check_evaluated(script, inner.words)
    further = unwrap(inner.words)
    if inner.appended:
        further = _with_unknown_arguments(script, inner, further)
    transparent = len(further) == 1 and further[0].transparent
    layers.append(Layer(inner.words, transparent, not outer, inner.appended, inner.file))
    for each in further:
        _add_layers(script, each, layers, depth + 1)


def _with_unknown_arguments(script: Script, inner: Inner, further: list[Inner]) -> list[Inner]:
    """What a command runs that is given more arguments than are written: they may be a whole command."""
    if not further and program(inner.words[0]) in WRAPPERS:
        part = " ".join(w.raw for w in inner.words)
        script.note(f"'{inner.words[0].raw}' runs whatever it is given as arguments", part, opaque=True)
    return [replace(each, appended=True) if each.words else each for each in further]


def _nested_script(script: Script, text: str, depth: int) -> None:
    """What a nested shell runs joins the list; that it is nested keeps the whole from running unasked by itself."""
    if depth >= DEEPEST:
        script.note("shells are nested too deeply", text, opaque=True, unread=True)
        return
    nested = parse(text)
    script.commands += nested.commands
    script.findings += nested.findings
    script.functions += nested.functions
    script.values += nested.values


def _check_program(script: Script, word: Word) -> None:
    if not word.literal:
        script.note("the program's name is only known when the command runs", word.raw, opaque=True)
    elif word.glob or word.tilde:
        script.note("the program's name is a pattern", word.raw, opaque=True)
    elif "\\" in word.raw or word.raw != word.text:
        script.note("the program's name is spelled with quotes or escapes", word.raw)


def _check_evaluated(script: Script, words: tuple[Word, ...]) -> None:
    """Some builtins evaluate their text once more: an array subscript in it can hold a whole command."""
    if program(words[0]) not in _EVALUATES:
        return
    # A plain test takes what stands for one word as a number, and evaluates nothing but a name behind `-v`.
    plain = program(words[0]) in {"[", "test"} and not any(w.text in {"-v", "-R"} for w in words)
    arithmetic = any(w.text in _ARITHMETIC for w in words)
    for word in words[1:]:
        one = word.literal or (plain and ONE_VARIABLE.fullmatch(word.raw) is not None)
        if EVALUATED.search(word.text) or (arithmetic and not one):
            script.note(f"'{words[0].raw}' evaluates its text, which can run commands", word.raw, opaque=True)
            return


def _check_assignments(script: Script, command: Simple) -> None:
    """A text with a substitution in it, kept in a variable, is usually meant to be evaluated later."""
    for each in command.assignments:
        if each.value.literal and EVALUATED.search(each.value.text):
            script.note("a variable is given text that can run commands", each.value.raw, opaque=True)


def _script_on_input(script: Script, command: Simple, layers: list[Layer]) -> None:
    """A shell or interpreter without a file runs its standard input."""
    last = layers[-1] if layers else None
    if last is None or not (command.piped or command.fed or command.redirects):
        return
    name = program(last.words[0])
    no_file = name in _READS_PROGRAM and all(w.text.startswith("-") for w in last.words[1:])
    if no_file or (name in _READS_SCRIPT and any(_STANDARD_INPUT.search(w.text) for w in last.words[1:])):
        script.note(f"'{last.words[0].raw}' runs whatever it is given as input", command.text, opaque=True)


def rough_commands(text: str) -> list[tuple[str, ...]]:
    """What could be commands in a text that cannot be read; a guess, good enough only to deny."""
    found: list[tuple[str, ...]] = []
    for piece in _ROUGH.split(re.sub(r"[\x00-\x08\x0b-\x1f\x7f]|\\\n", " ", text)):
        words = re.sub(r"['\"\\]", "", piece).split()
        while words and (
            words[0] in _ROUGH_KEYWORDS or re.match(r"[A-Za-z_]\w*=", words[0]) or not words[0].strip(",")
        ):
            words = words[1:]
        words = words[:_GUESSED_WORDS]
        if words:
            found.append(tuple(words))
            if program(Word(words[0], words[0])) in WRAPPERS:
                found += [tuple(words[start:]) for start in range(1, len(words))]
            if "," in words[0]:
                found.append(tuple(words[0].split(",")))
    return found[:1000]
