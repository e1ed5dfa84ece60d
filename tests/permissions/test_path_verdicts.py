import os
from pathlib import Path

import pytest
from permission_cases import WORKSPACE

from kcode.permissions.paths import Action, Workspace
from kcode.permissions.policy import decide
from kcode.permissions.rules import RuleSet, parse_rules
from kcode.types.events import Mode
from kcode.types.tool import PathNeed


def on(action: Action, path: str, mode: Mode = "acceptEdits", workspace: Workspace = WORKSPACE) -> str:
    return decide(PathNeed(action, Path(path)), mode, RuleSet(), workspace).decision


@pytest.mark.parametrize(
    "path",
    [
        "/ws/.git/config",
        "/ws/.GIT/config",
        "/ws/sub/.git/hooks/x",
        "/ws/.git",
        "/ws/.kcode/settings.json",
        "/ws/.claude/settings.json",
        "/ws/.mcp.json",
        "/ws/.MCP.json",
        "/ws/.vscode/tasks.json",
        "/ws/.github/workflows/ci.yml",
        "/ws/.gitmodules",
        "/ws/.envrc",
        "/ws/.bashrc",
        "/ws/.git./config",
        "/home/u/.zshrc",
        "/home/u/.ssh/authorized_keys",
    ],
)
def test_protected_paths_ask_in_every_mode(path: str) -> None:
    assert on("edit", path) == "ask"
    assert on("edit", path, "bypassPermissions") == "ask"


@pytest.mark.parametrize(
    "path", ["/ws/.gitignore", "/ws/.gitattributes", "/ws/git/config", "/ws/.github/README.md", "/ws/a.git/x"]
)
def test_names_that_only_look_alike_are_free(path: str) -> None:
    assert on("edit", path) == "allow"


def test_a_decomposed_spelling_of_a_protected_name_is_the_same_name() -> None:
    workspace = Workspace("/ws", "/home/\u00e9", resolve=os.path.normpath, links=lambda _: 1)
    assert on("edit", "/home/e\u0301/.kcode/x", "bypassPermissions", workspace) == "deny"


def test_a_working_directory_below_a_protected_name_can_be_worked_in() -> None:
    workspace = Workspace(
        "/home/u/.kcode/worktrees/a", "/home/u", resolve=os.path.normpath, links=lambda _: 1
    )
    assert on("edit", "/home/u/.kcode/worktrees/a/x.py", workspace=workspace) == "allow"
    assert on("edit", "/home/u/.kcode/worktrees/a/.git", workspace=workspace) == "ask"
    assert on("edit", "/home/u/.kcode/settings.json", workspace=workspace) == "deny"


@pytest.mark.parametrize(
    "path", ["/ws/.env", "/ws/a/.env.local", "/ws/id_rsa", "/ws/x.pem", "/ws/.npmrc", "/ws/credentials.json"]
)
def test_secret_files_ask_before_they_are_read(path: str) -> None:
    assert on("read", path) == "ask"


@pytest.mark.parametrize(
    "path", ["/ws/.env.example", "/ws/id_rsa.pub", "/ws/environment.py", "/ws/keys.py", "/ws/src/token.py"]
)
def test_files_that_hold_no_secret_are_read(path: str) -> None:
    assert on("read", path) == "allow"


@pytest.mark.parametrize(
    "path",
    ["/home/u/.ssh/id_ed25519", "/home/u/.aws/credentials", "/home/u/.netrc", "/home/u/.kcode/settings.json"],
)
def test_the_users_keys_are_never_read_without_a_rule(path: str) -> None:
    assert on("read", path, "bypassPermissions") == "deny"
    rules = parse_rules(allow=[f"Read(/{path})"])
    assert decide(PathNeed("read", Path(path)), "default", rules, WORKSPACE).decision == "allow"


def test_folders_that_may_be_read_are_not_asked_about() -> None:
    workspace = Workspace(
        "/ws",
        "/home/u",
        resolve=os.path.normpath,
        links=lambda _: 1,
        also_readable=("/home/u/.kcode/skills",),
    )
    assert on("read", "/home/u/.kcode/skills/a/SKILL.md", "default", workspace) == "allow"
    assert on("edit", "/home/u/.kcode/skills/a/SKILL.md", "bypassPermissions", workspace) == "deny"


@pytest.mark.parametrize("path", ["/ws/../x", "/wsx/a", "/etc/passwd", "/home/u/notes", "/proc/self/cwd/a"])
def test_outside_asks(path: str) -> None:
    assert on("read", path) == "ask"
    assert on("edit", path) == "ask"


def test_added_directories_are_inside() -> None:
    workspace = Workspace("/ws", "/home/u", ("/lib",), resolve=os.path.normpath, links=lambda _: 1)
    assert on("edit", "/lib/a", workspace=workspace) == "allow"
    assert on("edit", "/libx/a", workspace=workspace) == "ask"


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/tty", "/dev/sda"])
def test_devices_are_refused(path: str) -> None:
    assert on("read", path, "bypassPermissions") == "deny"


def test_links_are_judged_by_where_they_lead(tmp_path: Path) -> None:
    workspace = Workspace(str(tmp_path / "ws"), str(tmp_path / "home"))
    (tmp_path / "ws" / "src").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    (tmp_path / "ws" / "link").symlink_to(tmp_path / "out")
    (tmp_path / "ws" / "hook").symlink_to(tmp_path / "ws" / ".git" / "hooks" / "x")
    (tmp_path / "out" / "s").write_text("x")
    os.link(tmp_path / "out" / "s", tmp_path / "ws" / "hard")
    assert on("edit", str(tmp_path / "ws" / "link" / "new"), workspace=workspace) == "ask"
    assert on("edit", str(tmp_path / "ws" / "hook"), workspace=workspace) == "ask"
    assert on("edit", str(tmp_path / "ws" / "hard"), workspace=workspace) == "ask"
    assert on("edit", str(tmp_path / "ws" / "src" / "new"), workspace=workspace) == "allow"
    rules = parse_rules(allow=["Edit(/link/**)"])
    need = PathNeed("edit", tmp_path / "ws" / "link" / "new")
    assert decide(need, "default", rules, workspace).decision == "ask"


def test_a_name_with_hidden_characters_is_not_written_unseen() -> None:
    assert on("edit", "/ws/a\u202etxt.py") == "ask"
    assert on("read", "/ws/evil\x1b[2J.txt") == "allow"
    reason = decide(PathNeed("edit", Path("/ws/a\u202etxt.py")), "default", RuleSet(), WORKSPACE).reason
    assert "\u202e" not in reason


def test_plan_mode_reads_and_never_writes() -> None:
    assert on("read", "/ws/a", "plan") == "allow"
    assert on("edit", "/ws/a", "plan") == "deny"
    rules = parse_rules(allow=["Edit"])
    assert decide(PathNeed("edit", Path("/ws/a")), "plan", rules, WORKSPACE).decision == "deny"


def test_default_mode_asks_before_an_edit() -> None:
    assert on("edit", "/ws/a", "default") == "ask"
    assert on("read", "/ws/a", "default") == "allow"
