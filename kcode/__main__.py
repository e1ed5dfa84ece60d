"""`python -m kcode`."""

import os
import sys

# Python has put the working folder first, where a project's own `argparse.py` would be taken for the real one.
sys.path[:] = [place for place in sys.path if place not in {"", os.getcwd()}]  # noqa: PTH109 - pathlib is not loaded

from kcode.cli import main  # noqa: E402 - not before

sys.exit(main())
