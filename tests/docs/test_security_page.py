import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")


def test_every_guarantee_names_tests_that_exist() -> None:
    rows = re.findall(r"^\| (G\d+) \|.*?\| ([^|]*) \|$", PAGE, re.MULTILINE)
    assert [name for name, _ in rows] == [f"G{number}" for number in range(1, 13)]
    for name, proofs in rows:
        files = re.findall(r"`(tests/[^`]+)`", proofs)
        assert files, name
        assert [file for file in files if not (ROOT / file).is_file()] == [], name
