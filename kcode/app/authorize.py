"""Who may do what in this conversation: rules and mode first, the person only where they say "ask"."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from kcode.app.confine import Confinement, unconfined
from kcode.config.layers import SourcedRule
from kcode.types.errors import ConfigError
from kcode.types.events import Mode, Notice
from kcode.types.frontend import Decision, Frontend, PermissionRequest
from kcode.types.model import JsonObject
from kcode.types.tool import CommandNeed, Invocation, PathNeed

if TYPE_CHECKING:
    from kcode.permissions.paths import Workspace
    from kcode.permissions.rules import Behaviour, RuleSet, Source
    from kcode.permissions.verdict import Verdict

BEHAVIOURS: tuple["Behaviour", ...] = ("deny", "ask", "allow")


class Rules:
    """The rules in force and what they say of a call.

    The room that reads shell commands is loaded with the first rule or the first call, since a run that only
    answers needs neither.

    Args:
        sourced: the rules of the settings; malformed ones raise ConfigError with file, line and column.
        folders: the working folders, the root first.
        home: the person's home folder.
        readable: further folders that may be read.
    """

    def __init__(
        self,
        sourced: Sequence[SourcedRule],
        folders: Sequence[Path],
        home: Path | None,
        readable: Sequence[Path],
    ) -> None:
        self._folders = [str(folder) for folder in folders]
        self._home = str(home or folders[0])
        self._readable = tuple(str(folder) for folder in readable)
        self._workspace: Workspace | None = None
        self._set: RuleSet | None = None
        if sourced:
            self._set = _rule_set(sourced)

    @property
    def all(self) -> "RuleSet":
        """The parsed rules."""
        if self._set is None:
            self._set = _rule_set(())
        return self._set

    def add(self, behaviour: "Behaviour", rule: str) -> None:
        """Add a rule for this session; raises ConfigError where it is malformed."""
        from kcode.permissions.rules import parse_rule  # noqa: PLC0415 - see the class

        self._set = self.all.added(behaviour, [parse_rule(rule, "session")])

    def removes(self, tool: str) -> bool:
        """Whether a rule takes a tool away as a whole."""
        return self._set is not None and self._set.removes(tool)

    def verdict(self, request: PermissionRequest, mode: Mode, *, fenced: bool = False) -> "Verdict":
        """Decide about a call: the strictest of all that it needs; `fenced` if its command would be."""
        from kcode.permissions.policy import decide  # noqa: PLC0415 - see the class
        from kcode.permissions.verdict import Verdict, strictest  # noqa: PLC0415 - as above

        needs = request.invocation.needs
        if not needs:
            return Verdict("allow", "it needs nothing")
        place = self._place()
        return strictest([decide(need, mode, self.all, place, sandboxed=fenced) for need in needs])

    def hides(self, path: Path) -> bool:
        """Whether a search through a folder shows nothing of a file, since reading it needs a word from the person."""
        from kcode.permissions.policy import decide  # noqa: PLC0415 - see the class

        need = PathNeed("read", path)
        return decide(need, "default", self.all, self._place()).decision != "allow"

    def only_reads(self, invocation: Invocation) -> bool:
        """Whether a call surely changes nothing: the mode that only reads would allow all of it, without a rule."""
        from kcode.permissions.policy import decide  # noqa: PLC0415 - see the class
        from kcode.permissions.rules import RuleSet  # noqa: PLC0415 - as above

        place = self._place()
        return bool(invocation.needs) and all(
            decide(need, "plan", RuleSet(), place).decision == "allow" for need in invocation.needs
        )

    def explain(self, command: str, cwd: Path, mode: Mode) -> JsonObject:
        """Say what the rules make of a shell command."""
        from kcode.permissions.policy import explain  # noqa: PLC0415 - see the class

        return explain(command, mode, self.all, self._place(), cwd=str(cwd))

    def _place(self) -> "Workspace":
        if self._workspace is None:
            from kcode.permissions.paths import Workspace  # noqa: PLC0415 - see the class

            root, *more = self._folders
            self._workspace = Workspace(root, self._home, tuple(more), also_readable=self._readable)
        return self._workspace


class Authorizer:
    """Decides about calls. `mode` may change while the conversation runs."""

    def __init__(
        self,
        frontend: Frontend,
        rules: Rules,
        mode: Mode,
        *,
        bypass: str = "",
        keep: Callable[[Sequence[str]], str] | None = None,
        confinement: Confinement | None = None,
    ) -> None:
        """Decide by `rules`.

        Args:
            frontend: answers questions.
            rules: the rules in force.
            mode: the mode at the start.
            bypass: why the mode bypassPermissions may not be used; empty where it may.
            keep: stores rules that a person allowed for good; says what kept it from doing so.
            confinement: fences commands; None where none can be.
        """
        self._confinement = confinement or unconfined()
        self._frontend = frontend
        self._rules = rules
        self._bypass = bypass
        self._keep = keep
        self._asking = asyncio.Lock()
        self.caution: Callable[[Invocation], str] = lambda _: ""
        """Says what else a person should know before they allow a call."""
        self.mode: Mode = "default"
        self.set_mode(mode)

    async def __call__(self, request: PermissionRequest) -> Decision:
        """Decide about one call."""
        verdict = self._rules.verdict(request, self.mode)
        commands = [need.command for need in request.invocation.needs if isinstance(need, CommandNeed)]
        if commands and verdict.decision == "ask" and self.mode == "auto" and await self._fenced(request):
            for command in commands:
                self._confinement.fence(command)
            return _settled(self._rules.verdict(request, "auto", fenced=True))
        for command in commands:
            self._confinement.free(command)
        if verdict.decision == "ask":
            # One question at a time, also with sub-agents; an answer may settle the next one.
            async with self._asking:
                verdict = self._rules.verdict(request, self.mode)
                if verdict.decision == "ask":
                    return await self._ask(request, verdict)
        return _settled(verdict)

    async def _fenced(self, request: PermissionRequest) -> bool:
        """Whether a command that would have to be asked about may run unasked, inside of a fence."""
        if self._rules.verdict(request, self.mode, fenced=True).decision != "allow":
            return False
        return await self._confinement.closed()

    def set_mode(self, mode: Mode) -> None:
        """Change the mode.

        Raises:
            ConfigError: it is bypassPermissions, and that may not be used here.
        """
        if mode == "bypassPermissions" and self._bypass:
            raise ConfigError(self._bypass)
        self.mode = mode

    @property
    def modes(self) -> Sequence[Mode]:
        """The modes that may be used here."""
        from kcode.permissions.modes import MODES  # noqa: PLC0415 - see Rules

        return [mode for mode in MODES if not (mode == "bypassPermissions" and self._bypass)]

    def add(self, behaviour: str, rule: str) -> None:
        """Add a rule for this session; raises ConfigError where it is malformed."""
        if behaviour not in BEHAVIOURS:
            raise ConfigError(f"{behaviour!r} is none of allow, ask, deny.")
        self._rules.add(behaviour, rule)

    def listed(self) -> Sequence[tuple[str, str, str]]:
        """Every rule as (behaviour, rule, source)."""
        return [(b, rule.text, rule.source) for b in BEHAVIOURS for rule in getattr(self._rules.all, b)]

    def explain(self, command: str, cwd: Path) -> JsonObject:
        """Say what the rules make of a shell command."""
        return self._rules.explain(command, cwd, self.mode)

    def only_reads(self, invocation: Invocation) -> bool:
        """Whether a call surely changes nothing."""
        return self._rules.only_reads(invocation)

    def removes(self, tool: str) -> bool:
        """Whether a rule takes a tool away as a whole."""
        return self._rules.removes(tool)

    async def _ask(self, request: PermissionRequest, verdict: "Verdict") -> Decision:
        question = PermissionRequest(
            agent=request.agent,
            call_id=request.call_id,
            tool=request.tool,
            arguments=request.arguments,
            invocation=request.invocation,
            reason=". ".join(filter(None, (verdict.reason, self.caution(request.invocation)))),
            suggestions=verdict.suggestions,
        )
        decision = await self._frontend.decide(question)
        if decision.outcome == "allow_always" and verdict.suggestions:
            for rule in verdict.suggestions:
                self.add("allow", rule)
            trouble = self._keep(verdict.suggestions) if self._keep else ""
            if trouble:
                await self._frontend.on_event(Notice(text=trouble, level="warning", code="rule"))
        return decision


def _rule_set(rules: Sequence[SourcedRule]) -> "RuleSet":
    from kcode.permissions.rules import RuleError, RuleSet, parse_rule  # noqa: PLC0415 - see Rules

    parsed = RuleSet()
    for rule in rules:
        try:
            one = parse_rule(rule.text, cast("Source", rule.kind), str(rule.project) if rule.project else "")
        except RuleError as error:
            raise ConfigError(f"{rule.place}: {error}") from error
        parsed = parsed.added(rule.behaviour, [one])
    return parsed


def _settled(verdict: "Verdict") -> Decision:
    if verdict.decision == "allow":
        source = verdict.source if verdict.rule else ""
        return Decision("allow_once", source=source, reason=verdict.reason)
    where = f" ({verdict.part})" if verdict.part else ""
    feedback = f"Not allowed: {verdict.reason}{where}. Do not try the same in another way."
    return Decision("reject_once", feedback=feedback, source=verdict.source, reason=verdict.reason)
