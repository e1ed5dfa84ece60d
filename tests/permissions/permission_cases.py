"""Shared by the permission tests: a workspace that needs no files, and a short way to ask for a verdict."""

import ast
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from kcode.permissions.paths import Workspace
from kcode.permissions.policy import decide
from kcode.permissions.rules import RuleSet, parse_rules
from kcode.permissions.verdict import Verdict
from kcode.types.events import Mode
from kcode.types.tool import CommandNeed

WORKSPACE = Workspace("/ws", "/home/u", resolve=os.path.normpath, links=lambda _: 1)
NO_RULES = RuleSet()


def bash_rules(allow: Sequence[str] = (), ask: Sequence[str] = (), deny: Sequence[str] = ()) -> RuleSet:
    """Rules for commands, without the `Bash(…)` around each."""
    return parse_rules(
        allow=[f"Bash({r})" for r in allow],
        ask=[f"Bash({r})" for r in ask],
        deny=[f"Bash({r})" for r in deny],
        source="user",
    )


def verdict_on(
    command: str,
    rules: RuleSet = NO_RULES,
    mode: Mode = "default",
    *,
    tainted: str = "",
    sandboxed: bool = False,
) -> Verdict:
    """The verdict on a command run in the workspace."""
    need = CommandNeed(command, Path("/ws"), tainted)
    return decide(need, mode, rules, WORKSPACE, sandboxed=sandboxed)


def decision_on(command: str, rules: RuleSet = NO_RULES, mode: Mode = "default") -> str:
    """Only whether a command is allowed."""
    return verdict_on(command, rules, mode).decision


def texts(folder: str, name: str) -> tuple[str, ...]:
    """One list of a folder beside this file, written as Python's texts, one a line."""
    lines = Path(__file__).with_name(folder).joinpath(f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return tuple(str(ast.literal_eval(line)) for line in lines)


def corpus(name: str) -> list[dict[str, Any]]:
    """Rows of the shared corpus; skips the test, saying so, where it is not there."""
    beside = Path(__file__).resolve().parents[2].parent / "shared"
    path = Path(os.environ.get("KCODE_SHARED", str(beside))) / "corpus" / "permissions" / name
    if not path.is_file():
        pytest.skip(f"the shared corpus is absent ({name}); set KCODE_SHARED to its folder")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
