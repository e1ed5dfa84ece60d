import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

_LIMITED = """
import resource, sys
from pathlib import Path
from session_logs import ended, header, user
from kcode.session.log import SessionLog

_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
log = SessionLog(Path(sys.argv[1]), header(), on_warning=print)
for n in range(50):
    log.append(user(f"message {n} " + "x" * 300))
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
log.append(ended())
log.close()
"""


@pytest.fixture
def limited() -> Callable[[str], str]:
    """Record a conversation in a process whose files may not grow beyond 5,000 bytes for a while."""

    def run(path: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", _LIMITED, path],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
        return done.stdout

    return run
