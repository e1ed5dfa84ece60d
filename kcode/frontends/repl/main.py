"""Starting and ending the terminal front end.

The prompt is drawn first and takes keys at once. Everything else is imported and opened behind it.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from kcode.frontends.repl import theme as themes

if TYPE_CHECKING:
    # Not imported to draw the prompt: the types cost as much as the terminal itself.
    from kcode.config.options import Options
    from kcode.frontends.repl.conversation import Opener

NO_TERMINAL = """\
kcode needs a terminal to talk in, and standard input is not one.
For a script or a pipe use -p:  kcode -p "what to do"   or   command | kcode -p "what to do with it"
"""
_EXIT = {signal.SIGTERM: 143, signal.SIGHUP: 129}


def run(options: "Options", opener: "Opener | None" = None) -> int:
    """Run the terminal front end and return the exit status.

    Args:
        options: the flags.
        opener: opens the conversation; the composition root's own by default.
    """
    if not sys.stdin.isatty():
        sys.stderr.write(NO_TERMINAL)
        return 2
    theme = themes.detect(os.environ, sys.stdout.encoding or "ascii", terminal=sys.stdout.isatty())
    if not theme.drawable:
        from kcode.frontends.repl.opening import default_opener  # noqa: PLC0415 - only where nothing can be drawn
        from kcode.frontends.repl.plain import run_plain  # noqa: PLC0415 - as above

        status = run_plain(options, opener or default_opener(), theme)
        _let_go()
        return status
    from kcode.frontends.repl.room import Room  # noqa: PLC0415 - prompt_toolkit, only where it can draw

    async def main() -> int:
        room = Room(options, theme, history_path(), opener)
        _on_signals(room.leave)
        return await room.run()

    try:
        status = asyncio.run(main())
    except KeyboardInterrupt:
        status = 130
    _let_go()
    return status


def _let_go() -> None:
    """Keep the interpreter from complaining about a terminal that has gone away."""
    for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
        try:
            stream.flush()
        except (OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)


def history_path() -> Path:
    """Return where earlier prompts are kept."""
    home = os.environ.get("KCODE_HOME")
    return (Path(home) if home else Path.home() / ".kcode") / "history"


def _on_signals(leave: Callable[[int], None]) -> None:
    """End in good order when asked to, or when the terminal goes away."""
    loop = asyncio.get_running_loop()
    for number, status in _EXIT.items():
        loop.add_signal_handler(number, leave, status)
