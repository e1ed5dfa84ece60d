"""What a verdict costs, counted in calls instead of seconds: the same on every machine."""

import collections
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from permission_cases import NO_RULES, bash_rules

from kcode.permissions.paths import Workspace
from kcode.permissions.policy import decide
from kcode.permissions.rules import RuleSet
from kcode.types.tool import CommandNeed

RULES = bash_rules(
    allow=["git log:*", "ls:*", "grep:*", "cat:*"], ask=["git commit:*"], deny=["rm:*", "git push:*"]
)
CHAINS: dict[str, Callable[[int], str]] = {
    "the same part": lambda _: "ls -la src",
    "other words": lambda n: f"grep -n 'name{n}' src/file{n}.py",
    "pipes": lambda n: f"cat f{n} | head -{n}",
    "redirections": lambda n: f"cat src/a{n}.py 2>/dev/null",
    "wrappers": lambda n: f"timeout {n} ls -la d{n}",
    "sed": lambda n: f"sed -n '{n},80p' src/a{n}.py",
    "git": lambda n: f"git log --oneline -{n}",
    "tests": lambda n: f"if [ -f x{n} ]; then cat x{n}; fi",
    "loops": lambda n: f'for f{n} in *.py; do wc -l "$f{n}"; done',
    "the same loop": lambda _: 'for f in *.py; do wc -l "$f"; done',
    "substitutions": lambda n: f"echo $(ls x{n})",
    "asks, with a rule to offer each": lambda n: f"npm run x{n}",
    "denied": lambda n: f"rm x{n}",
}
MOST_CALLS_A_PART = 350


def calls(command: str, rules: RuleSet = RULES, workspace: Workspace | None = None) -> int:
    """How many functions of Python a verdict calls."""
    workspace = workspace or Workspace("/ws", "/home/u", resolve=os.path.normpath, links=lambda _: 1)
    need = CommandNeed(command, Path("/ws"))
    decide(need, "default", rules, workspace)
    counted = 0

    def count(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal counted
        counted += event == "call"

    sys.setprofile(count)
    try:
        decide(need, "default", rules, workspace)
    finally:
        sys.setprofile(None)
    return counted


def chain(part: Callable[[int], str], parts: int) -> str:
    return "; ".join(part(number) for number in range(1, parts + 1))


@pytest.mark.parametrize("kind", CHAINS)
def test_a_chain_costs_as_much_as_its_parts(kind: str) -> None:
    ten, thirty, hundred = (calls(chain(CHAINS[kind], parts)) for parts in (10, 30, 100))
    assert (thirty - ten) / 20 < MOST_CALLS_A_PART
    assert (hundred - thirty) / 70 < 1.1 * (thirty - ten) / 20


def test_rules_about_other_programs_cost_nothing() -> None:
    command = chain(CHAINS["other words"], 10)
    few = bash_rules(allow=["grep:*"], deny=["rm:*"])
    many = bash_rules(
        allow=["grep:*", *(f"make x{n}" for n in range(200))], deny=["rm:*", *(f"p{n}" for n in range(200))]
    )
    assert calls(command, many) == calls(command, few)


def test_a_path_is_followed_once_however_many_parts_name_it() -> None:
    asked: collections.Counter[str] = collections.Counter()

    def follow(path: str) -> str:
        asked[path] += 1
        return os.path.normpath(path)

    workspace = Workspace("/ws", "/home/u", resolve=follow, links=lambda _: 1)
    need = CommandNeed("; ".join(["cat src/a.py", "sed -n 1p src/a.py", "cd src"] * 9), Path("/ws"))
    decide(need, "default", NO_RULES, workspace)
    asked.clear()
    decide(need, "default", NO_RULES, workspace)
    assert asked["/ws/src/a.py"] == 1
    assert max(asked.values()) == 1


def test_links_lead_the_same_way_when_the_folders_above_were_followed_before(tmp_path: Path) -> None:
    root = tmp_path / "w"
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "b" / "f").write_text("x", encoding="utf-8")
    (root / "out").symlink_to(tmp_path)
    (root / "in").symlink_to("a/b")
    (root / "a" / "up").symlink_to("..")
    (root / "loop").symlink_to("loop")
    (root / "gone").symlink_to("nowhere/x")
    names = ("", "a", "b", "f", "in", "out", "up", "gone", "..", ".", "none", "w")
    workspace = Workspace(str(root), str(tmp_path)).remembering()
    paths = [f"{root}/{x}/{y}/{z}" for x in names for y in names for z in (*names, "loop")]
    wrong = {p: workspace.resolve(p) for p in paths if workspace.resolve(p) != os.path.realpath(p)}
    assert wrong == {}
    assert workspace.resolve("/" + "a/" * 5000) == os.path.realpath("/" + "a/" * 5000)
