"""Commands by the hundred, each with the mildest verdict that is safe, or with the one that a person expects."""

import pytest
from permission_cases import NO_RULES, bash_rules, decision_on, texts

from kcode.permissions.rules import RuleSet
from kcode.types.events import Mode

EVERYDAY = bash_rules(
    allow=[
        *(
            "git status:*",
            "git diff:*",
            "git log:*",
            "git show:*",
            "git branch:*",
            "git grep:*",
            "ls:*",
            "grep:*",
        ),
        *(
            "rg:*",
            "cat:*",
            "head:*",
            "tail:*",
            "wc:*",
            "find:*",
            "sort:*",
            "echo:*",
            "pwd",
            "npm test",
            "pytest:*",
        ),
        "python -m json.tool:*",
    ],
    ask=["git commit:*"],
    deny=["rm:*", "git push:*", "curl:*"],
)


@pytest.mark.parametrize(
    ("name", "rules", "mode", "verdicts"),
    [
        ("everyday", EVERYDAY, "default", {"allow"}),
        ("asking", EVERYDAY, "default", {"ask", "deny"}),
        ("denied", EVERYDAY, "default", {"deny"}),
        ("denied", EVERYDAY, "bypassPermissions", {"deny"}),
        ("unread", EVERYDAY, "default", {"ask"}),
        ("unread", EVERYDAY, "bypassPermissions", {"ask"}),
        ("edits_that_pass", NO_RULES, "acceptEdits", {"allow"}),
        ("edits_that_ask", NO_RULES, "acceptEdits", {"ask"}),
        ("risky", NO_RULES, "bypassPermissions", {"ask", "deny"}),
    ],
)
def test_each_command_gets_a_verdict_that_is_safe_and_expected(
    name: str, rules: RuleSet, mode: Mode, verdicts: set[str]
) -> None:
    found = {command: decision_on(command, rules, mode) for command in texts("cases", name)}
    assert len(found) > 5
    assert {command: got for command, got in found.items() if got not in verdicts} == {}
