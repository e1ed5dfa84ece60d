"""Every row of the shared corpus, judged as it asks."""

import collections
import os
from pathlib import Path
from typing import Any

import pytest
from permission_cases import bash_rules, corpus, decision_on

from kcode.permissions.path_policy import decide_path
from kcode.permissions.paths import Workspace
from kcode.permissions.rules import parse_rules

SEVERITY = {"allow": 0, "ask": 1, "deny": 2}
LATER = {
    "race": "the open itself must fail; the environment owns that",
    "windows": "kcode does not run on Windows",
}


def test_no_command_falls_below_its_floor_and_none_asks_without_need() -> None:
    rulesets = {r["name"]: r for r in corpus("rulesets.jsonl")}
    wrong: dict[str, list[str]] = collections.defaultdict(list)
    for row in corpus("commands.jsonl"):
        lists = rulesets[row["rules"]]
        rules = bash_rules(lists["allow"], lists["ask"], lists["deny"])
        mode = "bypassPermissions" if lists["default"] == "allow" else "default"
        got = decision_on(row["cmd"], rules, mode)
        if SEVERITY[got] < SEVERITY[row["floor"]]:
            wrong["below the floor"].append(row["id"])
        elif got != row["want"]:
            wrong["not as wanted"].append(f"{row['id']}: {got} for {row['want']}")
    assert dict(wrong) == {}


def rows_of_paths() -> list[Any]:
    try:
        rows = corpus("paths.jsonl")
    except pytest.skip.Exception:
        return [
            pytest.param({}, marks=pytest.mark.skip(reason="the shared corpus is absent; set KCODE_SHARED"))
        ]
    return [pytest.param(row, id=row["id"]) for row in rows]


def arrange(row: dict[str, Any], spelled: dict[str, str]) -> None:
    for each in row.get("setup", []):
        path = Path(fill(each["path"], spelled))
        path.parent.mkdir(parents=True, exist_ok=True)
        match each["kind"]:
            case "file":
                path.write_text("x", encoding="utf-8")
            case "dir":
                path.mkdir(exist_ok=True)
            case "symlink":
                path.symlink_to(fill(each["target"], spelled))
            case "hardlink":
                os.link(fill(each["target"], spelled), path)
            case _:
                pass


def fill(text: str, spelled: dict[str, str]) -> str:
    for name, folder in spelled.items():
        text = text.replace(f"{{{name}}}", folder)
    return text


@pytest.mark.parametrize("row", rows_of_paths())
def test_a_path_is_judged_as_the_corpus_wants(row: dict[str, Any], tmp_path: Path) -> None:
    if row["cls"] in LATER:
        pytest.skip(LATER[row["cls"]])
    if row["want"] == "deny" and "directory" in row["why"]:
        pytest.skip(
            "searching a directory needs the same permission as reading in it; the read tool refuses it"
        )
    spelled = {"W": f"{tmp_path}/w/ws", "H": f"{tmp_path}/home/u", "O": f"{tmp_path}/out"}
    for folder in spelled.values():
        Path(folder).mkdir(parents=True)
    arrange(row, spelled)
    lists = row.get("rules", {})
    workspace = Workspace(
        fill(lists.get("workspace_opened_as", "{W}"), spelled),
        spelled["H"],
        tuple(fill(extra, spelled) for extra in lists.get("additional", [])),
    )
    rules = parse_rules(**{kind: lists.get(kind, []) for kind in ("deny", "ask", "allow")})
    named = fill(row["path"], spelled)
    path = workspace.absolute(named, workspace.root) if named else ""
    action = "edit" if row["op"] == "write" else "read"
    assert decide_path(action, path, row["mode"], rules, workspace).decision == row["want"]


def test_git_commands_that_run_programs_need_a_rule() -> None:
    running = [r["cmd"] for r in corpus("git_vectors.jsonl") if r["kind"] == "vector" and r["runs"]]
    assert {c: decision_on(c) for c in running} == dict.fromkeys(running, "ask")
