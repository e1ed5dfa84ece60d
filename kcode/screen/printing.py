"""The way to the terminal for front ends that print: nothing foreign in a text can control it or hide there."""

import contextlib
import sys
from typing import TextIO

from kcode.screen.sanitise import sanitise


def presentable(text: str, file: TextIO) -> str:
    """Return what may be written to a stream: the text as it is for a program, sanitised for a terminal."""
    try:
        watched = file.isatty()
    except ValueError:
        # It is closed already.
        watched = False
    return sanitise(text, max_line=None) if watched else text


def say(text: str) -> None:
    """Print a text on standard output."""
    print(presentable(text, sys.stdout), flush=True)  # noqa: T201 - this is the way


def complain(text: str) -> None:
    """Print a message for a person on standard error; it may quote a server, a file or a command line."""
    with contextlib.suppress(OSError, UnicodeEncodeError):
        print(sanitise(text, max_line=None), file=sys.stderr, flush=True)  # noqa: T201 - this is the way
