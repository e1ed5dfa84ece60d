"""Copies of a folder, asked directly."""

import subprocess
from pathlib import Path

import pytest

from kcode.session.shadow import Caps, Shadow


@pytest.fixture
def shadow(tmp_path: Path) -> Shadow:
    root = tmp_path / "root"
    root.mkdir()
    subprocess.run(["git", "init", "-q", "."], cwd=root, check=True)
    return Shadow(tmp_path / "copies", root, "one", caps=Caps(single=1_000))


async def test_what_came_into_being_right_before_a_copy_counts_as_having_been_there(shadow: Shadow) -> None:
    (shadow.top / "first.txt").write_text("first\n")
    await shadow.snapshot()
    for number in range(20):
        ignored, large = shadow.top / f"{number}.log", shadow.top / f"{number}.large"
        (shadow.top / ".gitignore").write_text("*.log\n")
        ignored.write_text("person's\n")
        large.write_text("x" * 2_000)
        before = await shadow.snapshot()
        (shadow.top / ".gitignore").write_text("\n")
        large.write_text("small\n")
        (shadow.top / f"{number}.new").write_text("agent's\n")
        after = await shadow.snapshot(before)
        made = {change.path for change in await shadow.changes(before.tree, after.tree) if not change.before}
        assert made == {f"{number}.new"}
