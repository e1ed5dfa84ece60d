"""The editor against 1,103 cases from real files and 171 from other editors' own suites."""

import gzip
import importlib.util
import json
import os
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kcode.editing import EditRefused, apply

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("KCODE_SHARED") or ROOT.parent / "shared")
EDITS = SHARED / "corpus" / "edits"

pytestmark = pytest.mark.skipif(
    not EDITS.is_dir(), reason=f"the corpus of edits is not at {EDITS}; set KCODE_SHARED to where it is"
)


@pytest.fixture(scope="module")
def judge() -> ModuleType:
    spec = importlib.util.spec_from_file_location("run_edits", EDITS / "run_edits.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["run_edits"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def results(judge: ModuleType) -> list[tuple[dict[str, Any], str, float]]:
    with gzip.open(EDITS / "cases.jsonl.gz", "rt", encoding="utf-8", newline="") as lines:
        cases = [json.loads(line) for line in lines]
    return [(case, verdict, took) for case, verdict, took, _, _ in judge.run(cases, apply, 10)]


def test_no_case_is_harmed(results: list[tuple[dict[str, Any], str, float]]):
    harmed = [
        case["id"]
        for case, verdict, _ in results
        if verdict in {"mangled", "elsewhere", "misapplied", "timeout"}
    ]
    assert harmed == []


def test_nothing_is_applied_where_only_a_refusal_is_right(results: list[tuple[dict[str, Any], str, float]]):
    refuse = Counter(verdict for case, verdict, _ in results if case["want"] == "refuse")
    assert set(refuse) == {"right"}


def test_most_cases_come_out_right(results: list[tuple[dict[str, Any], str, float]]):
    right = sum(verdict == "right" for _, verdict, _ in results)
    must = [verdict for case, verdict, _ in results if case["want"] == "apply"]
    assert right >= 0.92 * len(results)
    assert must.count("right") >= 0.97 * len(must)


def test_edits_are_quick(results: list[tuple[dict[str, Any], str, float]]):
    took = sorted(seconds for _, _, seconds in results)
    assert took[int(0.95 * (len(took) - 1))] < 0.015


def test_disagreements_with_other_editors_are_few_and_decided():
    decided = (ROOT / "docs" / "design" / "editing.md").read_text(encoding="utf-8")
    cases = [json.loads(line) for line in (EDITS / "peers.jsonl").read_text(encoding="utf-8").splitlines()]
    apart: list[str] = []
    for case in cases:
        try:
            got = apply(case["text"], case["old"], case["new"], case["replace_all"])
        except EditRefused:
            got = None
        if got != case["peer_result"].get("text"):
            apart.append(case["id"])
    assert len(cases) - len(apart) >= 147
    assert [name for name in apart if f"`{name}`" not in decided] == []
