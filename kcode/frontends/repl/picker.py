"""Choosing among stored sessions."""

import time
from collections.abc import Sequence

from kcode.frontends.repl.forms import Asker, Choice, Form
from kcode.frontends.repl.render.canvas import one_line
from kcode.types.command import SessionSummary


async def pick(dialog: Asker, sessions: Sequence[SessionSummary]) -> str:
    """Let the person choose; returns the session's id, "" for a new conversation."""
    if not sessions:
        return ""
    choices = tuple(
        Choice(
            one_line(s.title or "(no title)", 70), f"{ago(time.time() - s.updated)}, {s.messages} messages"
        )
        for s in sessions
    )
    answer = await dialog.ask(Form("Which conversation?", choices, filtering=True))
    return sessions[answer.picks[0]].id if answer else ""


def ago(seconds: float) -> str:
    """Return a time in the past in words."""
    for size, word in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        count = int(seconds // size)
        if count:
            return f"{count} {word}{'s' if count > 1 else ''} ago"
    return "just now"
