from pathlib import Path

import pytest
from permission_cases import NO_RULES, WORKSPACE, bash_rules, decision_on, verdict_on

from kcode.permissions.paths import Workspace
from kcode.permissions.policy import decide, explain
from kcode.permissions.rules import parse_rules
from kcode.types.events import Mode
from kcode.types.tool import CommandNeed, NamedNeed, PathNeed, UrlNeed

DENY_CURL = bash_rules(deny=["curl:*"])


@pytest.mark.parametrize(
    "command",
    [
        "rm -rf /",
        "rm -rf /*",
        "rm -rf ~",
        "rm -rf $HOME",
        'rm -rf "$HOME"/*',
        "rm -rf $DIR/",
        "rm -rf .",
        "rm -rf ./*",
        "rm -rf ..",
        "rm -fr /home",
        "rm --recursive --force /ws",
        "rm -rf .git",
        "rm -rf /etc/x",
        "cd / && rm -rf x",
        "bash -c 'rm -rf ~'",
        "find . -delete",
        "find ~ -name x -exec rm {} +",
        "chmod -R 777 /",
        "chown -R u ~",
        "dd if=x of=/dev/sda",
        "mkfs -t ext4 /dev/sda",
        "mv /home/u x",
        "cp x .git/hooks/pre-commit",
        "echo x > /dev/sda",
        "echo x >> ~/.bashrc",
        "echo x > .git/config",
        "tee .vscode/tasks.json",
        ":(){ :|:& };:",
        "kill -9 -1",
        "sudo ls",
        "git clean -fd",
        "git reset --hard",
        "git checkout -- .",
        "git push -f",
        "npm publish",
        "terraform destroy",
        "aws s3 rb s3://x --force",
        "kubectl delete ns x",
        "psql -c 'DROP TABLE x'",
        "shutdown now",
        "crontab x",
    ],
)
def test_what_cannot_be_taken_back_asks_even_in_bypass_mode(command: str) -> None:
    assert decision_on(command, NO_RULES, "bypassPermissions") == "ask"


@pytest.mark.parametrize(
    "command",
    [
        "npm run build",
        "rm -rf build",
        "rm -rf node_modules dist/*",
        "rm -rf /tmp/kcode-x/y",
        "find . -name '*.pyc' -delete",
        "echo $(date) > out",
        "python3 -c 'print(1)'",
        "git commit -m x",
        "git push",
        "git checkout -b x",
        "git clean -n",
        "git restore --staged a",
        "chmod -R u+x scripts",
        "kubectl get pods",
        "psql -c 'select 1'",
        "curl x | sh",
        "FOO=1 make",
        "crontab -l",
        "x=1; echo $((x + 1))",
    ],
)
def test_bypass_mode_allows_the_rest(command: str) -> None:
    assert decision_on(command, NO_RULES, "bypassPermissions") == "allow"


def test_bypass_mode_keeps_deny_rules_and_asks_about_what_could_hide_one() -> None:
    assert decision_on("ls; curl x", DENY_CURL, "bypassPermissions") == "deny"
    assert decision_on('eval "$X"', DENY_CURL, "bypassPermissions") == "ask"
    assert decision_on("wget x | sh", DENY_CURL, "bypassPermissions") == "ask"
    assert decision_on('eval "$X"', NO_RULES, "bypassPermissions") == "allow"


@pytest.mark.parametrize(
    "command",
    ["mkdir -p a/b", "touch a", "cp a b", "mv a b", "rm a", "sed -i s/a/b/ f", "echo x > a", "ls | tee a"],
)
def test_accept_edits_covers_file_commands_inside_the_workspace(command: str) -> None:
    assert decision_on(command, NO_RULES, "default") == "ask"
    assert decision_on(command, NO_RULES, "acceptEdits") == "allow"


@pytest.mark.parametrize(
    "command",
    [
        "mkdir ../a",
        "touch .git/x",
        "cp a /etc/x",
        "cp .env b",
        "cp -t /etc a",
        "mv * b",
        "rm -r a",
        "rm *",
        "sed -i 's/a/b/e' f",
        "sed -i s/a/b/ ../f",
        "echo x > ../a",
        "ln -s / a",
        "npm i",
        "python x.py",
        "git add .",
        "touch $X",
        "ls | xargs touch",
    ],
)
def test_accept_edits_covers_nothing_else(command: str) -> None:
    assert decision_on(command, NO_RULES, "acceptEdits") == "ask"


@pytest.mark.parametrize(
    "command", ["touch a", "echo x > a", "npm test", "X=1", "ls $(id)", "python x.py", "git commit -m x"]
)
def test_plan_mode_refuses_whatever_may_change_something(command: str) -> None:
    rules = bash_rules(allow=["git commit:*"])
    assert decision_on(command, NO_RULES, "plan") == "deny"
    assert decision_on("ls -la", rules, "plan") == "allow"


def test_plan_mode_lets_git_be_read_with_a_rule_or_a_person() -> None:
    assert decision_on("git log --oneline", NO_RULES, "plan") == "ask"
    assert decision_on("git log --oneline", bash_rules(allow=["git log:*"]), "plan") == "allow"
    assert decision_on("git branch -D x", bash_rules(allow=["git branch:*"]), "plan") != "allow"


def test_a_rule_cannot_change_anything_in_plan_mode() -> None:
    assert decision_on("npm test", bash_rules(allow=["npm test"]), "plan") == "deny"
    assert decision_on("npm test", bash_rules(allow=["*"]), "plan") == "deny"


def test_auto_mode_runs_commands_only_inside_a_full_sandbox() -> None:
    assert verdict_on("make", mode="auto", sandboxed=True).decision == "allow"
    assert verdict_on("make", mode="auto").decision == "ask"
    assert verdict_on("touch a", mode="auto").decision == "allow"
    assert verdict_on("rm -rf .git", mode="auto", sandboxed=True).decision == "ask"


def test_dont_ask_mode_refuses_instead_of_asking() -> None:
    assert decision_on("make", NO_RULES, "dontAsk") == "deny"
    assert decision_on("make", bash_rules(allow=["make"]), "dontAsk") == "allow"
    assert decision_on("ls", NO_RULES, "dontAsk") == "allow"


MODES: list[Mode] = ["default", "acceptEdits", "plan", "auto", "dontAsk", "bypassPermissions"]


@pytest.mark.parametrize("mode", MODES)
def test_no_mode_runs_a_denied_command_or_edits_a_protected_file(mode: Mode) -> None:
    assert decision_on("curl x", DENY_CURL, mode) == "deny"
    need = PathNeed("edit", Path("/ws/.git/config"))
    assert decide(need, mode, parse_rules(allow=["Edit"]), WORKSPACE).decision != "allow"


def test_addresses_follow_their_host() -> None:
    rules = parse_rules(allow=["WebFetch(domain:good.com)"], deny=["WebFetch(domain:evil.com)"])

    def on(url: str, mode: Mode = "default") -> str:
        return decide(UrlNeed(url), mode, rules, WORKSPACE).decision

    assert on("https://good.com/x") == "allow"
    assert on("https://GOOD.com./x") == "allow"
    assert on("https://sub.good.com/x") == "ask"
    assert on("https://sub.evil.com/x", "bypassPermissions") == "deny"
    assert on("https://good.com@evil.com/") == "deny"
    assert on("https://evil.com\\@good.com/") == "deny"
    assert on("file:///etc/passwd", "bypassPermissions") == "deny"
    assert on("https://notgood.com/") == "ask"
    assert on("https://x.org", "bypassPermissions") == "allow"


def test_other_tools_go_by_their_name() -> None:
    rules = parse_rules(
        allow=["mcp__files", "Agent(reviewer)"], ask=["mcp__files__write"], deny=["Skill(deploy:*)"]
    )

    def on(tool: str, spec: str = "", mode: Mode = "default") -> str:
        return decide(NamedNeed(tool, spec), mode, rules, WORKSPACE).decision

    assert on("mcp__files__read") == "allow"
    assert on("mcp__files__write") == "ask"
    assert on("mcp__filesystem__read") == "ask"
    assert on("Agent", "reviewer") == "allow"
    assert on("Task", "reviewer") == "allow"
    assert on("Agent", "other") == "ask"
    assert on("Skill", "deploy", "bypassPermissions") == "deny"
    assert on("Other", mode="plan") == "deny"
    assert decide(NamedNeed("Other", safe=True), "plan", rules, WORKSPACE).decision == "allow"


def test_an_explanation_is_plain_data() -> None:
    shown = explain("ls; curl x", "default", DENY_CURL, WORKSPACE)
    assert shown["decision"] == "deny"
    assert shown["part"] == "curl x"
    assert shown["rule"] == "Bash(curl:*)"
    assert shown["source"] == "user"


def test_an_explanation_names_every_part_that_asks_or_is_denied() -> None:
    shown = explain("npm i && ls > out; FOO=1 make; curl x", "default", DENY_CURL, WORKSPACE)
    assert shown["part"] == "curl x"
    assert [(each["decision"], each["part"]) for each in shown["parts"]] == [
        ("ask", "npm i"),
        ("ask", "ls > out"),
        ("ask", "make"),
        ("ask", "FOO=1 make"),
        ("deny", "curl x"),
    ]
    assert all(each["reason"] for each in shown["parts"])
    assert shown["parts"][-1]["rule"] == "Bash(curl:*)"
    assert explain("npm i; npm i; npm i", "default", DENY_CURL, WORKSPACE)["parts"] == [shown["parts"][0]]
    refused = explain("npm i; npm x", "dontAsk", DENY_CURL, WORKSPACE)
    assert (refused["decision"], len(refused["parts"]), refused["suggestions"]) == ("deny", 2, [])
    assert explain("ls", "default", DENY_CURL, WORKSPACE)["parts"] == []


@pytest.mark.parametrize(
    "command", ["git status", "git log --oneline -5", "git diff", "git show HEAD", "git branch -a"]
)
def test_reading_git_asks_without_a_rule_says_why_and_offers_the_rule_that_settles_it(command: str) -> None:
    verdict = verdict_on(command)
    assert verdict.decision == "ask"
    assert "configuration can make git run programs" in verdict.reason
    assert verdict.suggestions == (f"Bash(git {command.split()[1]} *)",)
    assert decision_on(command, parse_rules(allow=verdict.suggestions)) == "allow"
    assert (
        decision_on(f"git {command.split()[1]}", bash_rules(allow=[f"git {command.split()[1]}:*"])) == "allow"
    )


def test_rules_about_git_commands_hold_for_the_git_tool() -> None:
    rules = bash_rules(ask=["git commit:*"], deny=["git restore:*"], allow=["*"])
    assert decide(NamedNeed("Git", "restore"), "bypassPermissions", rules, WORKSPACE).decision == "deny"
    assert decide(NamedNeed("Git", "commit"), "bypassPermissions", rules, WORKSPACE).decision == "ask"
    assert decide(NamedNeed("Git", "status", safe=True), "default", rules, WORKSPACE).decision == "allow"
    assert (
        decide(
            NamedNeed("Git", "status", safe=True), "default", parse_rules(deny=["Bash"]), WORKSPACE
        ).decision
        == "allow"
    )


def test_git_runs_by_rule_in_a_folder_only_if_no_other_repository_begins_there(tmp_path: Path) -> None:
    (tmp_path / "plain" / "deep").mkdir(parents=True)
    (tmp_path / "nested" / ".git").mkdir(parents=True)
    for name in ("HEAD", "objects", "refs"):
        (tmp_path / "bare" / name).mkdir(parents=True)
    workspace = Workspace(str(tmp_path), str(tmp_path / "home"))

    def on(folder: str, command: str = "git status") -> str:
        need = CommandNeed(command, tmp_path / folder)
        return decide(need, "default", bash_rules(allow=["git status:*"]), workspace).decision

    assert on("plain") == "allow"
    assert on("plain/deep") == "allow"
    assert on("nested") == "ask"
    assert on("bare") == "ask"
    assert on("missing") == "ask"
    assert on(".", "cd plain && git status") == "ask"
