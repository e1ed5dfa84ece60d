"""The terminal in front of the real engine, whose model plays a script: a child process for tests."""

import asyncio
import sys
from pathlib import Path

from kcode.app.start import open_conversation
from kcode.config.options import Options
from kcode.frontends.repl.conversation import Conversation
from kcode.frontends.repl.main import run
from kcode.providers.scripted import ScriptedModel, call, says
from kcode.types.frontend import Frontend
from kcode.types.messages import AssistantMessage, ToolMessage, UserMessage
from kcode.types.model import Delta, OnDelta, Request


async def answer(request: Request) -> AssistantMessage:
    """Answer by the last word that the person said."""
    if isinstance(request.messages[-1], ToolMessage):
        return says("Finished.")
    words = [m.text for m in request.messages if isinstance(m, UserMessage) and m.origin == "user"][-1]
    match words.split()[-1]:
        case "first-token":
            await asyncio.sleep(600)
        case "approval":
            return says("I will ask.", call("Bash", command="rm -rf nothing"))
        case "tool":
            return says("I will run.", call("Bash", command="echo begun; sleep 600"))
        case _:
            pass
    return says(f"Answer to {words}.")


class SlowModel(ScriptedModel):
    """Streams without end where it is asked to."""

    async def respond(self, request: Request, on_delta: OnDelta) -> AssistantMessage:
        last = request.messages[-1]
        if isinstance(last, UserMessage) and last.text.endswith("streaming"):
            for i in range(10_000):
                await on_delta(Delta(text=f"piece {i} "))
                await asyncio.sleep(0.01)
        return await super().respond(request, on_delta)


async def opener(options: Options, frontend: Frontend) -> Conversation:
    return await open_conversation(options, frontend, model=SlowModel([answer] * 100))


if __name__ == "__main__":
    sys.exit(run(Options(cwd=Path.cwd(), interactive=True, permission_mode="default"), opener))
