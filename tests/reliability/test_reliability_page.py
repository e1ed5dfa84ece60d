"""The page of faults names every fault, and tests that there are."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "design" / "reliability.md").read_text(encoding="utf-8")
ROWS = 60
NOT_YET = {"54": "no MCP servers yet", "55": "no hooks yet"}


def test_every_fault_names_a_test_that_exists() -> None:
    rows = re.findall(r"^\| (\d+) \| (.*?) \| (.*?) \| ([^|]*)\|$", PAGE.replace(r"\|", "/"), re.MULTILINE)
    assert [number for number, *_ in rows] == [str(number) for number in range(1, ROWS + 1)]
    for number, fault, does, tests in rows:
        assert fault
        assert does
        named = re.findall(r"`([a-z]+/[a-z_0-9]+\.py)::(\w+)`", tests)
        assert named or NOT_YET[number] in does, number
        for file, name in named:
            path = ROOT / "tests" / file
            assert path.is_file(), f"{number}: {file}"
            text = path.read_text(encoding="utf-8")
            assert re.search(rf"def {name}\b", text), f"{number}: {file} has no {name}"


def test_what_does_not_apply_yet_is_really_not_there() -> None:
    assert not (ROOT / "kcode" / "mcp").exists()
    assert not (ROOT / "kcode" / "features").exists()
