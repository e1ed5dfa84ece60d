"""What deciding about a call yields."""

from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from kcode.permissions.rules import Rule, Source

Outcome: TypeAlias = Literal["allow", "ask", "deny"]
_STRICTNESS: Final[dict[Outcome, int]] = {"allow": 0, "ask": 1, "deny": 2}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a call may run.

    Attributes:
        decision: allow, ask or deny.
        reason: why, in a sentence for a person.
        part: the part of the call that decided.
        rule: the rule that decided, as written; empty where none did.
        source: where that rule was written, or "built-in".
        suggestions: rules that would allow the call from now on; empty where none safely could.
        objections: every part of a command that asks or is denied, in the order it was read, each with its own reason.
    """

    decision: Outcome
    reason: str
    part: str = ""
    rule: str = ""
    source: Source = "built-in"
    suggestions: tuple[str, ...] = ()
    objections: tuple["Verdict", ...] = ()

    def suggesting(self, suggestions: tuple[str, ...]) -> "Verdict":
        """The same verdict with rules to offer."""
        return replace(self, suggestions=suggestions)


def by_rule(decision: Outcome, rule: Rule, part: str) -> Verdict:
    """A verdict that a rule gives."""
    verbs = {"allow": "allows", "ask": "asks for approval of", "deny": "forbids"}
    reason = f"the {rule.source} rule {rule.text} {verbs[decision]} this"
    return Verdict(decision, reason, part, rule.text, rule.source)


def strictest(verdicts: list[Verdict]) -> Verdict:
    """The first of the strictest verdicts; the list must not be empty."""
    return max(verdicts, key=lambda v: _STRICTNESS[v.decision])
