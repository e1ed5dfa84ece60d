"""The demonstration is no film: it varies, and it fails when a tool does not do its work."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import kcode
from kcode.frontends.demo.repository import BUGS, plant

PACKAGE = Path(kcode.__file__).parent


def demo(*arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(path)} if path else dict(os.environ)
    return subprocess.run(
        [sys.executable, "-m", "kcode", "demo", *arguments],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
        env=env,
        stdin=subprocess.DEVNULL,
        cwd=path or Path.cwd(),
    )


def test_it_shows_the_session_the_proof_and_the_way_on() -> None:
    done = demo("--seed", "1")
    assert done.returncode == 0, done.stderr
    out = done.stdout
    for expected in ("$ python -m pytest", "* Grep", "* Read", "* Edit", "tokens in", "git diff", "2 passed"):
        assert expected in out
    assert "The model was scripted" in out
    assert "MOONSHOT_API_KEY" in out
    assert "1 connection to 127.0.0.1" in out


def test_bug_file_and_line_vary_by_seed(tmp_path: Path) -> None:
    seen: set[tuple[str, str, int]] = set()
    for seed in range(30):
        folder = tmp_path / str(seed)
        planted = plant(folder, seed)
        lines = (folder / planted.source).read_text().splitlines()
        seen.add((planted.bug.name, planted.source, lines.index(planted.bug.wrong)))
    assert {name for name, _, _ in seen} == {bug.name for bug in BUGS}
    assert len({source for _, source, _ in seen}) > 5
    assert len({line for _, _, line in seen}) > 5


def test_its_tests_can_be_run_where_pytest_is_not_installed(tmp_path: Path) -> None:
    planted = plant(tmp_path, 1)
    command = [sys.executable, "-m", "unittest", "discover", "-t", ".", "-s", "tests"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert f"FAIL: test_{planted.bug.name}" in done.stderr


@pytest.mark.parametrize("tool", ["bash", "grep", "read", "edit"])
def test_breaking_a_tool_makes_it_fail(tmp_path: Path, tool: str) -> None:
    copy = tmp_path / "kcode"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    source = copy / "tools" / f"{tool}.py"
    # The tool still answers, but does nothing: what a broken tool looks like from outside.
    source.write_text(
        source.read_text()
        + "\n\nfrom dataclasses import replace as _replace\n"
        + "from kcode.types.tool import text_output as _text_output\n"
        + "_prepare = TOOL.prepare\n"
        + "async def _nothing(args, context):\n"
        + "    async def run(context):\n"
        + "        return _text_output('')\n"
        + "    return _replace(await _prepare(args, context), run=run)\n"
        + "TOOL = _replace(TOOL, prepare=_nothing)\n"
    )
    done = demo("--seed", "2", path=tmp_path)
    assert done.returncode == 1, done.stdout
    assert "The demonstration failed" in done.stderr


@pytest.mark.parametrize("seed", range(3, 8))
def test_it_succeeds_for_any_seed(seed: int) -> None:
    assert demo("--seed", str(seed)).returncode == 0


def test_it_leaves_nothing_behind(tmp_path: Path) -> None:
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "kcode", "demo", "--seed", "1"],
        capture_output=True,
        timeout=110,
        check=False,
        env=env,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0
    assert list(tmp_path.iterdir()) == []
