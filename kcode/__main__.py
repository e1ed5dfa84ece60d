"""`python -m kcode`."""

import os
import sys

try:
    here = os.getcwd()  # noqa: PTH109 - pathlib is not loaded
except OSError:
    # It is gone; `main` says so.
    here = ""
# Python has put the working folder first, where a project's own `argparse.py` would be taken for the real one.
sys.path[:] = [place for place in sys.path if place not in {"", here}]

from kcode.cli import main  # noqa: E402 - not before

sys.exit(main())
