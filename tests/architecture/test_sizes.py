"""The limits that keep files readable, and the rule that names say something."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "kcode"
LONGEST_FILE = 500
WANTED_FILE = 300
ENGINE = 1_500
LOOP = 600
SAYS_NOTHING = {"core", "utils", "util", "helpers", "common", "manager", "base", "misc"}


def sources() -> Iterator[Path]:
    return (path for path in sorted(PACKAGE.rglob("*.py")) if "__pycache__" not in path.parts)


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_no_file_is_too_long() -> None:
    assert [f"{p.relative_to(ROOT)} {lines(p)}" for p in sources() if lines(p) > LONGEST_FILE] == []


def test_nearly_all_files_are_as_short_as_wanted() -> None:
    paths = list(sources())
    longer = [f"{p.relative_to(ROOT)} {lines(p)}" for p in paths if lines(p) > WANTED_FILE]
    assert len(longer) <= len(paths) // 20, longer


def test_the_loop_stays_small() -> None:
    engine = {p.name: lines(p) for p in (PACKAGE / "engine").glob("*.py")}
    assert sum(engine.values()) <= ENGINE
    assert engine["loop.py"] + engine["step.py"] + engine["execute.py"] <= LOOP


def test_no_name_of_a_module_says_nothing() -> None:
    names = {part for path in sources() for part in path.relative_to(PACKAGE).with_suffix("").parts}
    assert not SAYS_NOTHING & names


def test_the_layers_hold() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
