"""`python -m kcode`."""

import sys

from kcode.cli import main

sys.exit(main())
