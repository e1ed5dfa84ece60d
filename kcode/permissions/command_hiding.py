"""What rules against commands look for beyond the commands themselves: text that could run as one."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from kcode.permissions.carried import Carried, carried, carries
from kcode.permissions.command_context import Context
from kcode.permissions.command_rules import forbids, forbids_text
from kcode.permissions.shell import read_command, rough_commands
from kcode.permissions.shell_script import Word, names
from kcode.permissions.verdict import Verdict, by_rule
from kcode.permissions.wrapper_shapes import program

_INLINE_CODE: Final = re.compile(
    r"system|popen|subprocess|spawn|exec|child_process|`|unlink|rmtree|remove|rmdir|shutil|urlopen|requests|eval"
)
_AWK_PIPES: Final = re.compile(r"system|getline|@|(?<!\|)\|(?!\|)")
INTERPRETERS: Final = re.compile(
    r"python[\d.]*|node|nodejs|deno|bun|perl|ruby|php|lua|osascript|tclsh|awk|gawk"
)
_SETS: Final = names("read mapfile readarray printf getopts declare typeset local export")
_CHOOSES: Final = re.compile(
    r"PATH|.*PAGER|.*EDITOR|VISUAL|BROWSER|SHELL|ENV|BASH_ENV|PROMPT_COMMAND|PS4|IFS|GIT_.*|LD_.*"
)
_DEEPEST: Final = 3
_CARRIED_LAYERS: Final = 20
_COMPUTED: Final = re.compile(r"[`{]|\$\(")
_ASSIGNED: Final = re.compile(r"[A-Za-z_]\w*\+?=(.*)", re.DOTALL)


def hidden(words: tuple[Word, ...], context: Context) -> list[Verdict]:
    """Rules that speak against what a program's arguments hold, and doubts where that cannot be read."""
    if not context.rules.against_commands:
        return []
    name = program(words[0])
    if not (context.free or carries(name)):
        return []
    text = " ".join(w.raw for w in words)
    found = [v for each in carried(words, name) for v in _in_carried(each, text, context)]
    if not context.free:
        return found
    if _inline_code(words, name, context):
        found.append(Verdict("ask", "code given to an interpreter could run what your rules forbid", text))
    if carries(name) and any(not w.literal and _COMPUTED.search(w.raw) for w in words[1:]):
        found.append(Verdict("ask", f"what '{words[0].raw}' is told to do is only known when it runs", text))
    if name in _SETS and (chosen := next((w for w in words[1:] if _CHOOSES.fullmatch(w.text)), None)):
        found.append(Verdict("ask", f"'{name}' sets '{chosen.raw}', which can choose what runs", text))
    values = [Word(w.raw, a.group(1)) for w in words[1:] if (a := _ASSIGNED.fullmatch(w.text))]
    if name in {"set", "printf"}:
        values.append(Word(text, " ".join(w.text for w in words[2:])))
    return found + hidden_in_values(values, context)


def hidden_in_values(values: Sequence[Word], context: Context) -> list[Verdict]:
    """Doubts about variables that are given a forbidden command: what they are for is not known."""
    against = context.rules.against_commands if context.free and values else ()
    return computed_options(values, context) + [
        Verdict("ask", f"a variable is given '{value.raw}', which the rule {rule.text} is about", value.raw)
        for _, rule in against
        for value in values
        if any(forbids_text(rule, guess) for guess in everywhere(value.text))
    ]


def computed_options(values: Sequence[Word], context: Context) -> list[Verdict]:
    """Doubts about variables that are given an option which is put together when it runs: it can carry a command."""
    if not context.free or not context.rules.against_commands:
        return []
    return [
        Verdict(
            "ask", f"a variable is given '{value.raw}', which could name what your rules forbid", value.raw
        )
        for value in values
        if value.text.startswith("-") and not value.literal and _COMPUTED.search(value.raw)
    ]


def everywhere(text: str) -> Iterable[tuple[str, ...]]:
    """Every word of a text with what follows it: a command could begin there."""
    for guess in rough_commands(re.sub("[!=,:]", " ", text)):
        for start in range(len(guess)):
            yield guess[start:]


def _in_carried(each: Carried, text: str, context: Context, depth: int = 0) -> list[Verdict]:
    reading = read_command(each.text)
    layers = [layer for step in reading.steps for layer in step.layers]
    guesses = [*reading.guesses, *rough_commands(each.text)]
    found = [
        by_rule(behaviour, rule, text)
        for behaviour, rule in context.rules.against_commands
        if any(forbids(rule, layer.words) for layer in layers)
        or any(forbids_text(rule, guess) for guess in guesses)
    ]
    if context.free and (not each.known or reading.opaque):
        found.append(Verdict("ask", f"'{each.text}' could run what your rules forbid", text))
    for layer in layers[:_CARRIED_LAYERS] if depth < _DEEPEST else ():
        for further in carried(layer.words, program(layer.words[0])):
            found += _in_carried(further, text, context, depth + 1)
    return found


def _inline_code(words: tuple[Word, ...], name: str, context: Context) -> bool:
    if not INTERPRETERS.fullmatch(name):
        return False
    forbidden = {rule.tokens[0] for _, rule in context.rules.against_commands}
    runs = _AWK_PIPES if "awk" in name else _INLINE_CODE
    inline = [w.text for w in words[1:] if not w.text.startswith("-") and re.search(r"[^\w./@:+,=-]", w.text)]
    return any(runs.search(t) or any(re.search(rf"\b{re.escape(f)}\b", t) for f in forbidden) for t in inline)
