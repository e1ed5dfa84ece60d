"""Who may do what in this conversation: rules and mode first, the person only where they say "ask"."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from kcode.config.layers import SourcedRule
from kcode.permissions.paths import Workspace
from kcode.permissions.policy import decide, explain
from kcode.permissions.rules import Behaviour, RuleError, RuleSet, Source, parse_rule
from kcode.permissions.verdict import Verdict, strictest
from kcode.types.errors import ConfigError
from kcode.types.events import Mode
from kcode.types.frontend import Decision, Frontend, PermissionRequest
from kcode.types.model import JsonObject

BEHAVIOURS: tuple[Behaviour, ...] = ("deny", "ask", "allow")


def rule_set(rules: Sequence[SourcedRule]) -> RuleSet:
    """Parse the rules of the settings.

    Raises:
        ConfigError: one of them is malformed; the text names file, line and column.
    """
    parsed = RuleSet()
    for rule in rules:
        try:
            one = parse_rule(rule.text, cast("Source", rule.kind), str(rule.project) if rule.project else "")
        except RuleError as error:
            raise ConfigError(f"{rule.place}: {error}") from error
        parsed = parsed.added(rule.behaviour, [one])
    return parsed


class Authorizer:
    """Decides about calls. `mode` may change while the conversation runs."""

    def __init__(
        self, frontend: Frontend, rules: RuleSet, workspace: Workspace, mode: Mode, *, bypass: str = ""
    ) -> None:
        """`bypass` says why the mode bypassPermissions may not be used; empty where it may."""
        self._frontend = frontend
        self._rules = rules
        self._workspace = workspace
        self._bypass = bypass
        self._asking = asyncio.Lock()
        self.mode: Mode = "default"
        self.set_mode(mode)

    async def __call__(self, request: PermissionRequest) -> Decision:
        """Decide about one call."""
        verdict = self._verdict(request)
        if verdict.decision == "ask":
            # One question at a time, also with sub-agents; an answer may settle the next one.
            async with self._asking:
                verdict = self._verdict(request)
                if verdict.decision == "ask":
                    return await self._ask(request, verdict)
        return _settled(verdict)

    def set_mode(self, mode: Mode) -> None:
        """Change the mode.

        Raises:
            ConfigError: it is bypassPermissions, and that may not be used here.
        """
        if mode == "bypassPermissions" and self._bypass:
            raise ConfigError(self._bypass)
        self.mode = mode

    def add(self, behaviour: str, rule: str) -> None:
        """Add a rule for this session; raises ConfigError where it is malformed."""
        if behaviour not in BEHAVIOURS:
            raise ConfigError(f"{behaviour!r} is none of allow, ask, deny.")
        self._rules = self._rules.added(behaviour, [parse_rule(rule, "session")])

    def listed(self) -> Sequence[tuple[str, str, str]]:
        """Every rule as (behaviour, rule, source)."""
        return [(b, rule.text, rule.source) for b in BEHAVIOURS for rule in getattr(self._rules, b)]

    def explain(self, command: str, cwd: Path) -> JsonObject:
        """Say what the rules make of a shell command."""
        return explain(command, self.mode, self._rules, self._workspace, cwd=str(cwd))

    def removes(self, tool: str) -> bool:
        """Whether a rule takes a tool away as a whole."""
        return self._rules.removes(tool)

    def _verdict(self, request: PermissionRequest) -> Verdict:
        needs = request.invocation.needs
        if not needs:
            return Verdict("allow", "it needs nothing")
        return strictest([decide(need, self.mode, self._rules, self._workspace) for need in needs])

    async def _ask(self, request: PermissionRequest, verdict: Verdict) -> Decision:
        question = PermissionRequest(
            agent=request.agent,
            call_id=request.call_id,
            tool=request.tool,
            arguments=request.arguments,
            invocation=request.invocation,
            reason=verdict.reason,
            suggestions=verdict.suggestions,
        )
        decision = await self._frontend.decide(question)
        if decision.outcome == "allow_always":
            for rule in verdict.suggestions:
                self.add("allow", rule)
        return decision


def _settled(verdict: Verdict) -> Decision:
    if verdict.decision == "allow":
        source = verdict.source if verdict.rule else ""
        return Decision("allow_once", source=source, reason=verdict.reason)
    where = f" ({verdict.part})" if verdict.part else ""
    feedback = f"Not allowed: {verdict.reason}{where}. Do not try the same in another way."
    return Decision("reject_once", feedback=feedback, source=verdict.source, reason=verdict.reason)
