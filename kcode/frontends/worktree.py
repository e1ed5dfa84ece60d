"""Running another front end inside a worktree: `kcode -w`."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from kcode.config.options import Options
from kcode.environment.worktree import leave_worktree, open_worktree
from kcode.screen.printing import complain
from kcode.types.errors import ConfigError

USAGE = 2


def run(options: Options, name: str, start: Callable[[Options], int]) -> int:
    """Make or find the worktree, run in it, and remove it if nothing was done there."""
    try:
        tree = asyncio.run(open_worktree(options.cwd, name))
    except ConfigError as error:
        complain(f"kcode: {error}")
        return USAGE
    try:
        return start(replace(options, cwd=tree.cwd))
    finally:
        if words := asyncio.run(leave_worktree(tree)):
            complain(words)
