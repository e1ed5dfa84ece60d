"""Whether a shell command may run. The strictest verdict of all its parts wins."""

import re
from dataclasses import dataclass, replace
from typing import Final

from kcode.permissions import git_words, modes, shell_tree
from kcode.permissions.command_arguments import in_arguments
from kcode.permissions.command_context import Context
from kcode.permissions.command_cover import cover, exact_rule, leak
from kcode.permissions.command_files import forbidden_files, redirects
from kcode.permissions.command_hiding import computed_options, hidden, hidden_in_values
from kcode.permissions.command_rules import allows, forbids, forbids_text, names_word, spellings
from kcode.permissions.danger import danger
from kcode.permissions.paths import Workspace
from kcode.permissions.rules import STRICT, Rule, RuleSet, parse_rule
from kcode.permissions.shell import Layer, Reading, Step, read_command
from kcode.permissions.shell_script import LONGEST, Assignment, Simple, Word, names
from kcode.permissions.suggest import spell_out, suggest
from kcode.permissions.verdict import Verdict, by_rule, strictest
from kcode.permissions.wrapper_shapes import harmless_variable, program
from kcode.types.events import Mode
from kcode.types.tool import CommandNeed

_PLAIN_VALUE: Final = re.compile(r"(?!.*\.\.)[\w.@:/+,=-]*")
_PAGERS: Final = names("PAGER GIT_PAGER MANPAGER")
_FUNCTIONS_LOOKED_AT: Final = 20
_FOLDER_CHANGES: Final = names("cd pushd popd chdir")
_STATE: Final = "an earlier command changed '{}', so what commands do is no longer certain"


@dataclass(frozen=True, slots=True)
class _Pending:
    """A program that a rule could let run, and the folders it may run in."""

    layer: Layer
    folders: tuple[str, ...]


def decide_command(
    need: CommandNeed,
    mode: Mode,
    rules: RuleSet,
    workspace: Workspace,
    *,
    sandboxed: bool = False,
) -> Verdict:
    """Decides about a shell command text."""
    reading = read_command(need.command)
    by_mode = modes.runs_freely(mode, sandboxed=sandboxed)
    free = by_mode or (rules.all_commands is not None and mode != "plan")
    context = Context(mode, rules, workspace.remembering(), free, (str(need.cwd),))
    verdicts = [*_forbidden_guesses(reading, rules), *_findings(reading, context, need.command)]
    pending: list[_Pending] = []
    for step in reading.steps:
        verdicts += _step(step, context, pending)
        _follow(step, context)
    verdicts += computed_options(reading.values, context)
    if not free and (leaked := leak(reading.values)):
        verdicts.append(Verdict("ask", leaked, need.command))
    if need.tainted and not by_mode:
        verdicts.append(Verdict("ask", _STATE.format(need.tainted), need.command))
    verdict = strictest(verdicts) if verdicts else Verdict("allow", "every part is allowed", need.command)
    if verdict.decision == "allow":
        reason = "" if free else _second_opinion(reading, need.command)
        return _doubting(reason, need.command) if reason else verdict
    offers = _offers(verdicts, pending, context)
    if offers and not _second_opinion(reading, need.command):
        verdict = verdict.suggesting(offers)
    return replace(verdict, objections=_objections(verdicts))


def _objections(verdicts: list[Verdict]) -> tuple[Verdict, ...]:
    """Every verdict that stands in the way, each once; what is denied need not ask as well."""
    denied = {v.part for v in verdicts if v.decision == "deny"}
    against = (v for v in verdicts if v.decision == "deny" or (v.decision == "ask" and v.part not in denied))
    return tuple(dict.fromkeys(against))


def _offers(objections: list[Verdict], pending: list[_Pending], context: Context) -> tuple[str, ...]:
    """Rules that would lift every objection, one for each program: short prefixes, else the commands as they are."""
    asks = [v for v in objections if v.decision != "allow"]
    if any(v.decision == "deny" for v in asks) or len(asks) != len(pending):
        return ()
    for spell in (suggest, spell_out):
        offers = tuple(spell(each.layer.words) for each in pending)
        if all(offers) and all(_lifted(*pair, context) for pair in zip(pending, offers, strict=True)):
            return tuple(dict.fromkeys(offers))
    return ()


def _lifted(each: _Pending, offer: str, context: Context) -> bool:
    """Whether a rule would really let a program run where it stands; what else it says about it counts as well."""
    return cover(each.layer, context.standing_in(each.folders), (parse_rule(offer),)).verdict is not None


def _doubting(reason: str, text: str) -> Verdict:
    doubt = Verdict("ask", reason, text)
    return replace(doubt, objections=(doubt,))


def _second_opinion(reading: Reading, text: str) -> str:
    """Why another reader would not be sure what a command runs; empty where it agrees."""
    if not shell_tree.worth_asking(text):
        return ""
    known = frozenset(
        name for s in reading.steps for w in s.command.words[:1] for name in (w.raw, w.text, program(w))
    )
    return shell_tree.doubt(text, known)


def _forbidden_guesses(reading: Reading, rules: RuleSet) -> list[Verdict]:
    return [
        by_rule(behaviour, rule, " ".join(guess))
        for behaviour in STRICT
        for guess in reading.guesses
        for rule in rules.about(behaviour, Word(guess[0], guess[0]))
        if forbids_text(rule, guess)
    ]


def _findings(reading: Reading, context: Context, text: str) -> list[Verdict]:
    if not context.free:
        plan = context.mode == "plan"
        return [Verdict("deny" if plan else "ask", f.reason, _short(f.part)) for f in reading.findings]
    defined = list(dict.fromkeys(f for f in reading.functions if f))[:_FUNCTIONS_LOOKED_AT]
    bomb = next((f for f in defined if _calls_itself(f, text[:LONGEST])), None)
    found = (
        [Verdict("ask", f"the function '{bomb}' starts itself again and again", text)]
        if bomb is not None
        else []
    )
    if any(context.rules.of(b, "Bash") for b in STRICT) and (opaque := reading.opaque):
        reason = f"{opaque.reason}, and there are rules against some commands"
        found.append(Verdict("ask", reason, _short(opaque.part)))
    if any(not f.part.strip() for f in reading.findings if f.reason == "the command is empty"):
        found.append(Verdict("ask", "the command is empty", text))
    return found


def _calls_itself(name: str, text: str) -> bool:
    body = re.search(rf"{re.escape(name)}\s*\(\s*\)\s*\{{([^}}]*)\}}", text)
    if body is None:
        return False
    called = re.search(rf"(?:^|[\s;&|({{]){re.escape(name)}(?:$|[\s;&|)}}])", body.group(1))
    return called is not None and ("|" in body.group(1) or "&" in body.group(1))


def _short(part: str) -> str:
    return part if len(part) <= 200 else part[:200] + "…"


def _step(step: Step, context: Context, pending: list[_Pending]) -> list[Verdict]:
    layers = (step.layers, *step.rounds)
    verdicts = [v for each in layers for layer in each for v in _layer_objections(layer, context)]
    if step.command.assignments:
        verdicts += hidden_in_values([a.value for a in step.command.assignments], context)
    if step.command.redirects:
        verdicts += redirects(step, context)
    # Only a wrapped command needs the shortcut: a rule that spells it out was meant for all of it.
    exact = (
        exact_rule(step.layers[0].words, context) if len(step.layers) > 1 and context.mode != "plan" else None
    )
    if exact:
        verdicts.append(by_rule("allow", exact, step.command.text))
    elif not context.free:
        verdicts += _in_each_round(step, context) or _coverage(step.layers, context, pending)
    if step.command.assignments and not context.free:
        verdicts += _assignments(step, context)
    return verdicts


def _assignments(step: Step, context: Context) -> list[Verdict]:
    decision = "deny" if context.mode == "plan" else "ask"
    command = step.command
    if not command.words:
        return [
            Verdict(
                decision,
                f"the variable '{command.assignments[0].name}' is set for later commands",
                command.text,
            )
        ]
    return [
        Verdict(decision, f"the variable '{a.name}' is set for this command", command.text)
        for a in command.assignments
        if not _harmless(a, command)
    ]


def _harmless(assignment: Assignment, command: Simple) -> bool:
    """Whether a variable for one command changes nothing but how that shows what it does."""
    name, value = assignment.name, assignment.value
    if not value.literal:
        return False
    if name == "IFS":
        return command.words[0].bare and command.words[0].text == "read"
    if name in _PAGERS:
        return value.text == "cat"
    return harmless_variable(name) and _PLAIN_VALUE.fullmatch(value.text) is not None


def _in_each_round(step: Step, context: Context) -> list[Verdict]:
    """What covers a command in a loop, with each of the words that the loop goes through; empty where not all are."""
    found = [v for layers in step.rounds for v in _coverage(layers, context, [])]
    return found if all(v.decision == "allow" for v in found) else []


def _coverage(layers: tuple[Layer, ...], context: Context, pending: list[_Pending]) -> list[Verdict]:
    """A verdict for each program that a rule, the built-in list or the mode must cover by itself."""
    verdicts: list[Verdict] = []
    named: tuple[Word, ...] = ()
    for layer in layers:
        if layer.transparent or layer.file:
            continue
        if layer.inner and layer.words[0] in named:
            continue
        rules = context.rules.about("allow", layer.words[0])
        found = cover(layer, context, rules)
        if found.verdict:
            verdicts.append(found.verdict)
            rule = next((r for r in rules if r.text == found.verdict.rule), None)
            named += tuple(w for w in layer.words[1:] if rule and names_word(rule, w))
            continue
        if found.rule_helps:
            pending.append(_Pending(layer, context.folders))
        verdicts.append(_uncovered(layer, found.problem, context))
    return verdicts


def _uncovered(layer: Layer, problem: str, context: Context) -> Verdict:
    text = " ".join(w.raw for w in layer.words)
    asking = program(layer.words[0]) == "git" and git_words.reads_only(layer.words)
    if context.mode == "plan" and not asking:
        return Verdict("deny", f"{problem}; plan mode only reads", text)
    return Verdict("ask", problem, text)


def _layer_objections(layer: Layer, context: Context) -> list[Verdict]:
    """What speaks against a program whatever allows it: deny and ask rules, danger, forbidden files."""
    words = layer.words
    text = " ".join(w.raw for w in words)
    found: list[Verdict] = []
    for behaviour in STRICT:
        if rules := context.rules.about(behaviour, words[0]):
            spelled = spellings(words)
            found += [by_rule(behaviour, r, text) for r in rules if forbids(r, words, spelled)]
    if risk := danger(words, context.workspace, context.folders or (context.workspace.root,)):
        named = not risk.hard and any(_spells_out(r, words) for r in context.rules.about("allow", words[0]))
        if not named:
            found.append(Verdict("ask", risk.reason, text))
    return [*found, *forbidden_files(words, context), *hidden(words, context), *in_arguments(words, context)]


def _spells_out(rule: Rule, words: tuple[Word, ...]) -> bool:
    """Whether a rule names a command's first two words and all of its options, so that it was meant for this."""
    named = [w for i, w in enumerate(words) if 0 < i <= 2 or w.text.startswith("-")]
    return not rule.everything and allows(rule, words) and all(names_word(rule, w) for w in named)


def _follow(step: Step, context: Context) -> None:
    for layer in step.layers:
        if program(layer.words[0]) in _FOLDER_CHANGES:
            context.change_folder(layer.words)
