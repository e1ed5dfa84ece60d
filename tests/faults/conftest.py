import os

import pytest
from fault_bench import faults

__all__ = ["faults"]


@pytest.fixture(autouse=True)
def without_its_handling(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what a test is there for, where it is asked whether the test would notice."""
    if os.environ.get("KCODE_FAULTS_WITHOUT") == "1":
        from removals import REMOVALS

        REMOVALS[request.node.originalname](monkeypatch)
