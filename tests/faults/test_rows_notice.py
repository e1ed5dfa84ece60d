"""The tests of the rows are worth something: each of these fails once its row's handling is taken away."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from removals import REMOVALS


@pytest.mark.slow
def test_rows_fail_without_their_handling():
    names = " or ".join(REMOVALS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", "--tb=no", "-rA",
         "--timeout=30", str(Path(__file__).parent), "-k", names],
        env=os.environ | {"KCODE_FAULTS_WITHOUT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    failed = set(re.findall(r"^FAILED \S+::(test_\w+)", done.stdout, re.MULTILINE))
    assert set(REMOVALS) - failed == set(), done.stdout[-3_000:]
