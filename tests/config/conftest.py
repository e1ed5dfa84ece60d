from pathlib import Path

import pytest
from config_places import Places


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path)
