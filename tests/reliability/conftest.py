from pathlib import Path

import pytest

from tests.frontends.installed import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    folder, home = tmp_path / "work", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    return Place(folder, home)
