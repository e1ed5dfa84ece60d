"""Repositories to run commands in."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from command_desk import Desk

from kcode.environment.local import LocalEnvironment


@pytest.fixture
def new_desk(tmp_path: Path) -> Callable[[str], Desk]:
    def make(below: str = "") -> Desk:
        root = Path(os.path.realpath(tmp_path)) / "work" / below
        root.mkdir(parents=True, exist_ok=True)
        return Desk(LocalEnvironment(root))

    return make


@pytest.fixture
def desk(new_desk: Callable[[str], Desk]) -> Desk:
    """A repository with two commits."""
    desk = new_desk("")
    desk.git("init", "-q", "-b", "main")
    desk.git("config", "user.email", "somebody@example.org")
    desk.git("config", "user.name", "Somebody")
    desk.file("a.txt", "one\n")
    desk.file("sub/b.txt", "two\n")
    desk.git("add", ".")
    desk.git("commit", "-qm", "docs: begin")
    desk.file("a.txt", "one\nmore\n")
    desk.git("commit", "-qam", "docs: go on")
    return desk
