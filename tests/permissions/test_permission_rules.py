from pathlib import Path

import pytest
from permission_cases import WORKSPACE, bash_rules, decision_on, verdict_on

from kcode.permissions.policy import decide
from kcode.permissions.rules import RuleError, RuleSet, parse_rule, parse_rules, split_rule
from kcode.types.events import Mode
from kcode.types.tool import PathNeed


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "of the form"),
        ("Bash(ls", "of the form"),
        ("Bash()", "empty brackets"),
        ("rm -rf", "of the form"),
        ("Bash(a:* b)", "only at the end"),
        ("WebFetch(example.com)", "domain:"),
        ("WebFetch(domain:http://x)", "domain:"),
        ("mcp__server__tool(x)", "no brackets"),
        ("Read(!x)", "cannot begin with '!'"),
        ("B*(x)", "tool's name"),
    ],
)
def test_a_malformed_rule_says_what_is_wrong(text: str, hint: str) -> None:
    with pytest.raises(RuleError, match=hint.replace("'", ".")):
        parse_rule(text)


@pytest.mark.parametrize(
    ("rule", "command", "allowed"),
    [
        ("gh pr *", "gh pr view 3", True),
        ("gh pr *", "gh pr", True),
        ("gh pr *", "gh prx", False),
        ("gh pr:*", "gh pr view", True),
        ("gh*", "ghx y", True),
        ("gh pr*", "gh present all", True),
        ("gh * main", "gh browse main", True),
        ("gh * main", "gh main", False),
        ("* --version", "node --version", True),
        ("* --version", "rm -rf x --version", False),
        ("gh --repo=* view", "gh --repo=a/b view", True),
        ("gh 'a b'", "gh 'a b'", True),
        ("gh 'a b'", "gh a b", False),
        ("gh a b", "gh 'a b'", False),
        ("gh x", "gh $X", False),
        ("gh *", "gh $X", True),
        ("gh x", "/usr/bin/gh x", True),
        ("gh x", "/tmp/gh x", False),
        ("./run.sh *", "./run.sh a", True),
        ("./run.sh *", "run.sh a", False),
        ("gh", "gh x", False),
    ],
)
def test_allow_rules_match_word_by_word(rule: str, command: str, *, allowed: bool) -> None:
    assert (decision_on(command, bash_rules(allow=[rule])) == "allow") is allowed


@pytest.mark.parametrize(
    ("rule", "command", "denied"),
    [
        ("git push:*", "git push origin", True),
        ("git push:*", "git pull", False),
        ("git * --force", "git push origin --force", True),
        ("* --force", "npm i --force", True),
        ("npm publish", "npm publish", True),
        ("npm publish", "npm publish x", False),
        ("/bin/rm *", "rm x", True),
        ("rm*", "rmdir x", True),
        ("*", "anything", True),
    ],
)
def test_deny_rules_match_with_wildcards_anywhere(rule: str, command: str, *, denied: bool) -> None:
    assert (decision_on(command, bash_rules(deny=[rule])) == "deny") is denied


def test_the_strictest_list_wins_whatever_the_source() -> None:
    rules = parse_rules(allow=["Bash(gh:*)"], source="user").added(
        "ask", [parse_rule("Bash(gh pr:*)", "project")]
    )
    assert decision_on("gh issue list", rules) == "allow"
    asked = verdict_on("gh pr list", rules)
    assert (asked.decision, asked.rule, asked.source) == ("ask", "Bash(gh pr:*)", "project")
    assert decision_on("gh pr merge", rules.added("deny", [parse_rule("Bash(gh pr merge:*)")])) == "deny"


def test_both_spellings_of_a_prefix_are_one() -> None:
    assert split_rule("git push:*") == split_rule("git push *") == ("git", "push", "*")


def test_a_bare_deny_removes_the_tool() -> None:
    rules = parse_rules(deny=["Bash", "Edit", "mcp__web", "Read(secrets/**)"])
    assert [t for t in ("Bash", "Write", "mcp__web__get", "Read", "Agent") if rules.removes(t)] == [
        "Bash",
        "Write",
        "mcp__web__get",
    ]


def path_decision(action: str, path: str, rules: RuleSet, mode: Mode = "default") -> str:
    assert action in {"read", "edit"}
    return decide(
        PathNeed("read" if action == "read" else "edit", Path(path)), mode, rules, WORKSPACE
    ).decision


@pytest.mark.parametrize(
    ("rule", "path", "allowed"),
    [
        ("Edit(/src/**)", "/ws/src/a/b.py", True),
        ("Write(/src/**)", "/ws/src/a.py", True),
        ("NotebookEdit(/src/**)", "/ws/src/a.ipynb", True),
        ("Edit(docs/**)", "/ws/docs/a.md", True),
        ("Edit(docs/**)", "/ws/x/docs/a.md", False),
        ("Edit(*.md)", "/ws/x/a.md", True),
        ("Edit(//other/lib/**)", "/other/lib/a", True),
        ("Edit(//other/lib/**)", "/other/library/a", False),
        ("Edit(~/notes/**)", "/home/u/notes/a", True),
        ("Edit(./a.txt)", "/ws/a.txt", True),
        ("Edit(./a.txt)", "/ws/x/a.txt", False),
        ("Edit(/src/**)", "/ws/src/../x.py", False),
        ("Edit", "/ws/x", True),
        ("Edit", "/ws/.git/config", False),
        ("Edit(.vscode/**)", "/ws/.vscode/tasks.json", False),
        ("Read(/src/**)", "/ws/src/a", False),
    ],
)
def test_edit_rules_are_gitignore_patterns(rule: str, path: str, *, allowed: bool) -> None:
    assert (path_decision("edit", path, parse_rules(allow=[rule])) == "allow") is allowed


def test_a_slash_is_relative_to_the_project_whose_settings_hold_the_rule() -> None:
    rules = parse_rules(allow=["Edit(/src/**)"], project="/elsewhere")
    assert path_decision("edit", "/elsewhere/src/a", rules) == "allow"
    assert path_decision("edit", "/ws/src/a", rules) == "ask"


def test_whoever_may_edit_may_read() -> None:
    rules = parse_rules(allow=["Edit(//other/**)"])
    assert path_decision("read", "/other/a", rules) == "allow"
    assert path_decision("read", "/another/a", rules) == "ask"


@pytest.mark.parametrize("path", ["/ws/.env", "/ws/src/.env", "/ws/x/../.env"])
def test_deny_rules_for_paths_match_deeper_too(path: str) -> None:
    assert path_decision("read", path, parse_rules(deny=["Read(./.env)"], allow=["Read"])) == "deny"


def test_a_deny_for_searching_is_one_for_reading() -> None:
    assert path_decision("read", "/ws/private/a", parse_rules(deny=["Grep(private/**)"])) == "deny"
    assert path_decision("read", "/ws/a", parse_rules(deny=["Grep"])) == "allow"


@pytest.mark.parametrize(
    ("command", "offered"),
    [
        ("npm run build", ("Bash(npm run build *)",)),
        ("npm install && npm run build", ("Bash(npm install *)", "Bash(npm run build *)")),
        ("timeout 9 cargo build --release", ("Bash(cargo build *)",)),
        ("git log | head -3", ("Bash(git log *)",)),
        ("pytest -q tests", ("Bash(pytest *)",)),
        ("python -m pytest -q", ("Bash(python -m pytest *)",)),
        ("python3 x.py a", ("Bash(python3 x.py *)",)),
        ("docker compose up", ("Bash(docker compose up *)",)),
        ("git branch newb", ("Bash(git branch newb)",)),
        ("python3 -c 'print(1)'", ()),
        ("bash x.sh", ()),
        ("bash -c 'make x'", ()),
        ("sudo make", ()),
        ("git", ()),
        ("git -C x log", ()),
        ("find . -delete", ()),
        ("rm -rf /", ()),
        ("rm x", ()),
        ("xargs make", ()),
        ("make $(id)", ()),
        ("FOO=1 make", ()),
        ("make > out", ()),
        ("cat /etc/passwd", ()),
        ("env", ()),
    ],
)
def test_always_allow_offers_one_short_and_safe_rule_for_each_part(
    command: str, offered: tuple[str, ...]
) -> None:
    verdict = verdict_on(command)
    assert verdict.decision == "ask"
    assert verdict.suggestions == offered


def test_an_offered_rule_allows_what_was_asked_about() -> None:
    for command in (
        "npm install && npm run build",
        "make test | tail -3",
        "git log; pytest -q",
        "git tag v1",
    ):
        offered = verdict_on(command).suggestions
        assert offered
        assert decision_on(command, parse_rules(allow=offered)) == "allow"
