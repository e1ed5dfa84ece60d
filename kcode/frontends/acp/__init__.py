"""`kcode acp`: an editor talks to kcode over the Agent Client Protocol on stdin and stdout."""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kcode.config.options import Options
from kcode.screen.printing import complain

MODES = ("default", "acceptEdits", "plan", "auto", "dontAsk", "bypassPermissions")
HINT = """\
kcode acp speaks JSON-RPC with an editor: let the editor start it. To talk here, start `kcode`.
"""


def run(options: Options, arguments: Sequence[str]) -> int:
    """Serve an editor until it closes stdin or ends this process; returns the exit status."""
    flags = _parser().parse_args(arguments)
    if flags.setup:
        # The terminal front end asks for what is missing; an editor runs this in a terminal of its own.
        os.execv(sys.executable, [sys.executable, "-P", "-m", "kcode"])  # noqa: S606 - this very program
    folders = [Path(folder).expanduser().resolve() for folder in flags.add_dir]
    for folder in folders:
        if not folder.is_dir():
            complain(f"kcode: --add-dir {folder}: no such folder")
            return 2
    options = replace(
        options,
        model=flags.model,
        permission_mode=flags.permission_mode,
        add_dirs=tuple(folders),
        settings=flags.settings,
        append_system_prompt=flags.append_system_prompt,
        max_turns=flags.max_turns,
        max_budget_usd=flags.max_budget_usd,
        trust=flags.trust,
        interactive=True,
    )
    if sys.stdin is not None and sys.stdin.isatty():
        sys.stderr.write(HINT)
    from kcode.frontends.acp.serve import serve  # noqa: PLC0415 - the protocol's package, only for an editor

    return serve(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kcode acp", description="Serve an editor over the Agent Client Protocol on stdin and stdout."
    )
    add = parser.add_argument
    add("--model", metavar="ID", help="the model, as the endpoint names it")
    add("--permission-mode", choices=MODES, help="who is asked before what; the editor may change it")
    add("--add-dir", action="append", default=[], metavar="DIR", help="a further folder to work in")
    add("--settings", metavar="FILE|JSON", help="settings for this run")
    add("--append-system-prompt", metavar="TEXT", help="added to the system prompt")
    add("--max-turns", type=int, metavar="N", help="end a turn after N steps")
    add("--max-budget-usd", type=float, metavar="USD", help="end when this much is spent")
    add("--trust", action="store_true", help="let every folder's own settings and instructions count")
    add("--setup", action="store_true", help="set up a model in this terminal")
    return parser
