import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("fake_conversation.py")
ROOT = Path(__file__).parents[2]


def test_without_a_terminal_the_way_out_is_named() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT)],
        input="hello\n",
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 2
    assert "-p" in done.stderr
    assert done.stdout == ""
