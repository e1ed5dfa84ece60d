from pathlib import Path

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from permission_cases import WORKSPACE, bash_rules, decision_on
from shell_fuzz import script

from kcode.permissions.policy import decide
from kcode.permissions.rules import RuleSet
from kcode.permissions.shell import read_command
from kcode.types.tool import PathNeed

JOINTS = st.sampled_from([";", " ; ", " && ", " || ", " | ", " & ", "\n", "\n\n", ";\n"])
RULES = bash_rules(allow=["*", "git:*", "echo:*"], deny=["forbidden:*"])
SHELL_TEXT = st.text(
    st.sampled_from(list(" \t\nabls/.;&|<>(){}[]$`'\"\\#!*?=~-,:@0Eé\u200b\r\x00")), max_size=40
)
PIECES = st.lists(
    st.sampled_from(
        [
            "ls",
            "cat <<E",
            "E",
            "'",
            '"',
            "`",
            "$(",
            ")",
            "${x",
            "}",
            "\n",
            " ",
            ";",
            "#",
            "case a in",
            "{",
            "((",
            "<<'E'",
            "\\",
        ]
    ),
    max_size=12,
).map(" ".join)
WHATEVER = st.one_of(SHELL_TEXT, PIECES, st.randoms(use_true_random=False).map(script))


@settings(max_examples=400, deadline=None, derandomize=True)
@given(first=WHATEVER, joint=JOINTS)
def test_nothing_put_before_a_denied_command_gets_it_allowed(first: str, joint: str) -> None:
    # A comment or a last backslash would swallow what follows: then the denied command never runs.
    assume("#" not in first and not first.endswith("\\"))
    assert decision_on(f"{first}{joint}forbidden x", RULES) != "allow"
    assert decision_on(f"{first}{joint}forbidden x", RULES, "bypassPermissions") != "allow"


@settings(max_examples=400, deadline=None, derandomize=True)
@given(rest=WHATEVER, joint=JOINTS)
def test_nothing_put_behind_a_denied_command_gets_it_allowed(rest: str, joint: str) -> None:
    assert decision_on(f"forbidden x{joint}{rest}", RULES) == "deny"


@settings(max_examples=400, deadline=None, derandomize=True)
@given(text=WHATEVER)
def test_every_text_gets_a_verdict_with_a_reason(text: str) -> None:
    read_command(text)
    for mode in ("default", "acceptEdits", "plan", "bypassPermissions"):
        assert decision_on(text, RuleSet(), mode) in {"allow", "ask", "deny"}


@settings(max_examples=200, deadline=None, derandomize=True)
@given(text=WHATEVER, extra=st.sampled_from(["Bash(ls:*)", "Bash(cat:*)", "Bash(a:*)", "Bash"]))
def test_a_deny_rule_never_makes_a_verdict_milder(text: str, extra: str) -> None:
    severity = {"allow": 0, "ask": 1, "deny": 2}
    from kcode.permissions.rules import parse_rule

    plain = decision_on(text, RULES)
    stricter = decision_on(text, RULES.added("deny", [parse_rule(extra)]))
    assert severity[stricter] >= severity[plain]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(pieces=st.lists(st.sampled_from(["..", ".", "a", ".git", "", "b.py", "~", "ws"]), max_size=8))
def test_a_path_is_allowed_for_editing_only_inside_and_outside_git(pieces: list[str]) -> None:
    path = "/ws/" + "/".join(pieces)
    verdict = decide(PathNeed("edit", Path(path)), "acceptEdits", RuleSet(), WORKSPACE)
    real = WORKSPACE.resolve(path)
    if verdict.decision == "allow":
        assert real.startswith("/ws/") or real == "/ws"
        assert "/.git" not in real
