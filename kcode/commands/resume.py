"""/resume."""

import time

from kcode.types.command import Command, CommandContext, CommandResult, SessionSummary
from kcode.types.errors import SessionError
from kcode.types.questions import Option, Question

SHOWN = 20


async def run(context: CommandContext, arguments: str) -> CommandResult:
    """Go on with a stored session."""
    wanted = arguments.strip()
    if not wanted:
        stored = [s for s in context.sessions() if s.id != context.session_id][:SHOWN]
        if not stored:
            return CommandResult("There is no other session of this folder.")
        options = [Option(s.id, describe(s)) for s in stored]
        wanted = (await context.ask(Question("Which session?", options, header="Resume")) or "").strip()
    if not wanted:
        return CommandResult("Nothing was chosen; `/resume ID` names a session.")
    try:
        await context.resume(wanted)
    except SessionError as error:
        return CommandResult(str(error), is_error=True)
    return CommandResult(f"Resumed session {context.session_id}.", action="resumed")


def describe(session: SessionSummary) -> str:
    """Write a session in one line."""
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(session.updated))
    return f"{when}, {session.messages} messages: {session.title}"


COMMAND = Command(name="resume", description="goes on with a stored session", run=run, hint="[id]")
