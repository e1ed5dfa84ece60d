"""Permission rules: `Tool` or `Tool(spec)`, in Claude Code's spelling, and what each one matches.

Deny and ask rules are matched eagerly (in doubt they match), allow rules strictly (in doubt they do not).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Final, Literal, TypeAlias

from kcode.permissions.shell_script import Word, names
from kcode.permissions.wrapper_shapes import TRUSTED_FOLDERS, program
from kcode.types.errors import ConfigError

Source: TypeAlias = Literal["managed", "user", "project", "local", "flag", "session", "built-in"]
Behaviour: TypeAlias = Literal["deny", "ask", "allow"]

STRICT: Final[tuple[Behaviour, ...]] = ("deny", "ask")
"""The lists that speak against a call, the stricter one first."""

_FORM: Final = re.compile(r"([A-Za-z_][\w.*-]*)\s*(?:\((.*)\))?", re.DOTALL)
_EDITING: Final = names("Edit Write MultiEdit NotebookEdit")
_READING: Final = names("Read NotebookRead")
_SEARCHING: Final = names("Grep Glob LS")
_SAME: Final = {"Task": "Agent", "BashTool": "Bash"}


class RuleError(ConfigError):
    """A permission rule that cannot be understood; the message names the rule and what is wrong."""


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        text: as the person wrote it.
        tool: the tool it speaks of; every way to write files is `Edit`, every way to read them `Read`.
        spec: what stands in brackets; None where the rule matches all calls of the tool.
        source: where it was written.
        project: the folder that a path beginning with `/` is relative to; empty for the workspace.
    """

    text: str
    tool: str
    spec: str | None
    source: Source = "session"
    project: str = ""

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """A Bash rule's words; a last `*` alone stands for any further words."""
        return split_rule(self.spec or "*")

    @cached_property
    def program(self) -> str:
        """The program that a Bash rule begins with, as rules against commands compare it; empty where it varies."""
        first = self.tokens[0]
        folder, _, name = first.rpartition("/")
        named = name if f"{folder}/" in TRUSTED_FOLDERS else first
        return "" if self.everything or "*" in named else named.casefold()

    @cached_property
    def exact(self) -> bool:
        """Whether a Bash rule spells out a whole command."""
        return "*" not in "".join(self.tokens)

    @property
    def everything(self) -> bool:
        """Whether it matches every call of its tool."""
        return self.spec is None or self.spec in {"*", ":*", "**"}


def parse_rule(text: str, source: Source = "session", project: str = "") -> Rule:
    """Reads a rule.

    Raises:
        RuleError: it has no such form; the message says which form is expected.
    """
    found = _FORM.fullmatch(text.strip())
    if not found:
        raise RuleError(
            f"Permission rule {text!r} is not of the form Tool or Tool(what), e.g. Bash(npm test:*)"
        )
    tool, spec = found.group(1), found.group(2)
    if spec is not None:
        spec = spec.strip()
        if not spec:
            raise RuleError(
                f"Permission rule {text!r} has empty brackets; write {tool} alone to match every call"
            )
    tool = _SAME.get(tool, tool)
    if tool in _EDITING:
        tool = "Edit"
    elif tool in _READING or (tool in _SEARCHING and spec is not None):
        tool = "Read"
    rule = Rule(text.strip(), tool, spec, source, project)
    _check(rule)
    return rule


def _check(rule: Rule) -> None:
    spec = rule.spec
    if rule.tool.startswith("mcp__"):
        if spec is not None:
            raise RuleError(
                f"Permission rule {rule.text!r}: an MCP rule takes no brackets; write mcp__server__tool"
            )
        return
    if "*" in rule.tool:
        raise RuleError(
            f"Permission rule {rule.text!r}: '*' may stand inside the brackets, not in a tool's name"
        )
    if rule.tool == "WebFetch" and spec is not None and not re.fullmatch(r"domain:[^\s/:@]+", spec):
        raise RuleError(f"Permission rule {rule.text!r} must name a host, as in WebFetch(domain:example.com)")
    if rule.tool == "Bash" and spec is not None and ":*" in spec[:-2]:
        raise RuleError(
            f"Permission rule {rule.text!r}: ':*' may stand only at the end; use ' *' in other places"
        )
    if rule.tool in {"Read", "Edit"} and spec is not None and (spec.startswith("!") or "\0" in spec):
        raise RuleError(
            f"Permission rule {rule.text!r}: a path pattern cannot begin with '!'; use a deny rule instead"
        )


def split_rule(spec: str) -> tuple[str, ...]:
    """The words of a Bash rule: `git push:*` and `git push *` give `git`, `push`, `*`."""
    if spec.endswith(":*"):
        spec = spec[:-2].rstrip() + " *"
    pieces: list[str] = re.findall(r"""(?:[^\s"']|"[^"]*"|'[^']*'|["'])+""", spec)
    return tuple(_unquoted(piece) for piece in pieces)


def _unquoted(piece: str) -> str:
    if "'" not in piece and '"' not in piece:
        return piece
    return re.sub(
        r""""([^"]*)"|'([^']*)'""", lambda m: m.group(1) if m.group(1) is not None else m.group(2), piece
    )


@dataclass(frozen=True)
class RuleSet:
    """All rules in force. The strictest match wins: deny, then ask, then allow; the source never matters."""

    deny: tuple[Rule, ...] = ()
    ask: tuple[Rule, ...] = ()
    allow: tuple[Rule, ...] = ()

    def of(self, behaviour: Behaviour, tool: str) -> tuple[Rule, ...]:
        """The rules of one list that speak of a tool."""
        return tuple(r for r in getattr(self, behaviour) if r.tool == tool)

    def about(self, behaviour: Behaviour, word: Word) -> tuple[Rule, ...]:
        """The command rules of one list that could cover a command whose first word this is.

        Most rules speak of other programs; what these few say is up to `command_rules`.
        """
        return self._commands[behaviour].about(word)

    @cached_property
    def against_commands(self) -> tuple[tuple[Behaviour, Rule], ...]:
        """The command rules that speak against some, but not all, each with its list."""
        return tuple((b, r) for b in STRICT for r in self.of(b, "Bash") if not r.everything)

    @cached_property
    def programs_against(self) -> frozenset[str]:
        """The programs that those rules are about, without folders; "" where one can be about any."""
        return frozenset(r.program.rpartition("/")[2] for _, r in self.against_commands)

    @cached_property
    def all_commands(self) -> Rule | None:
        """A rule that allows every command."""
        return next((r for r in self.of("allow", "Bash") if r.everything), None)

    def about_files(self, behaviour: Behaviour) -> tuple[Rule, ...]:
        """The rules of one list that speak of files."""
        return self._files[behaviour]

    @cached_property
    def _files(self) -> dict[Behaviour, tuple[Rule, ...]]:
        lists: tuple[Behaviour, ...] = (*STRICT, "allow")
        return {b: tuple(r for r in getattr(self, b) if r.tool in {"Read", "Edit"}) for b in lists}

    @cached_property
    def _commands(self) -> dict[Behaviour, "_ByProgram"]:
        lists: tuple[Behaviour, ...] = (*STRICT, "allow")
        return {behaviour: _ByProgram(self.of(behaviour, "Bash")) for behaviour in lists}

    def added(self, behaviour: Behaviour, rules: Iterable[Rule]) -> "RuleSet":
        """A set with more rules in one of its lists."""
        lists = {"deny": self.deny, "ask": self.ask, "allow": self.allow}
        lists[behaviour] = (*lists[behaviour], *rules)
        return RuleSet(lists["deny"], lists["ask"], lists["allow"])

    def removes(self, tool: str) -> bool:
        """Whether a deny rule covers every call of a tool, so that the model need not see it."""
        return any(r.everything and names_tool(r, tool) for r in self.deny)


class _ByProgram:
    """Command rules by the program that they begin with."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self._all = rules
        self._places: dict[str, list[int]] = {}
        for place, rule in enumerate(rules):
            self._places.setdefault(rule.program, []).append(place)
        self._wide = self._places.pop("", [])
        self._only_wide = tuple(rules[place] for place in self._wide)

    def about(self, word: Word) -> tuple[Rule, ...]:
        if " " in word.text:
            # One word can hold what looks like a whole command.
            return self._all
        written = self._places.get(word.text.casefold(), [])
        named = self._places.get(program(word).casefold(), [])
        if not written and not named:
            return self._only_wide
        return tuple(self._all[place] for place in sorted({*self._wide, *written, *named}))


def parse_rules(
    *,
    deny: Sequence[str] = (),
    ask: Sequence[str] = (),
    allow: Sequence[str] = (),
    source: Source = "session",
    project: str = "",
) -> RuleSet:
    """Reads three lists of rules from one source.

    Raises:
        RuleError: one of them is malformed.
    """
    return RuleSet(
        tuple(parse_rule(r, source, project) for r in deny),
        tuple(parse_rule(r, source, project) for r in ask),
        tuple(parse_rule(r, source, project) for r in allow),
    )


def names_tool(rule: Rule, tool: str) -> bool:
    """Whether a rule's tool part covers a tool, by its name; `mcp__server` covers all tools of that server."""
    tool = _SAME.get(tool, tool)
    if rule.tool == tool:
        return True
    if tool in _EDITING:
        return rule.tool == "Edit"
    if tool in _READING:
        return rule.tool == "Read"
    if not rule.tool.startswith("mcp__") or not tool.startswith("mcp__"):
        return False
    return fnmatchcase(tool, rule.tool) if "*" in rule.tool else tool.startswith(rule.tool + "__")


def matches_named(rule: Rule, tool: str, spec: str) -> bool:
    """Whether a rule covers the call of a tool that its rules name by `spec`, e.g. Agent(reviewer)."""
    if not names_tool(rule, tool):
        return False
    return rule.everything or fnmatchcase(spec, (rule.spec or "").replace("[", "[[]").removesuffix(":*"))


def matches_host(rule: Rule, host: str, *, eager: bool) -> bool:
    """Whether a WebFetch rule covers a host; eagerly also the hosts below it."""
    if rule.tool != "WebFetch":
        return False
    if rule.everything:
        return True
    domain = (rule.spec or "").removeprefix("domain:").lower().rstrip(".")
    if domain.startswith("*."):
        return host.endswith(domain[1:])
    return domain in {host, "*"} or (eager and host.endswith("." + domain))
