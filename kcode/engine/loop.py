"""One turn: ask the model, run the tools that it calls, until it stops.

The loop holds no policy. Limits, nudges and the reading of odd endings are hooks.
"""

from dataclasses import dataclass
from itertools import count

from kcode.engine.execute import execute
from kcode.engine.ports import Ports
from kcode.engine.step import respond
from kcode.types.events import MessageAdded, Notice, StepEnded, StepStarted, Undone
from kcode.types.hooks import Continue, Stop
from kcode.types.messages import AssistantMessage, TextPart, UserMessage


@dataclass(slots=True)
class Progress:
    """How far a turn has come; kept outside the loop so that a cancelled turn can be told too."""

    steps: int = 0
    api_ms: int = 0


async def run_turn(ports: Ports, progress: Progress) -> Stop:
    """Drive the transcript forward until the model is done.

    Raises:
        ModelError: the model could not be asked.
    """
    for step in count(1):
        calls = True
        match await ports.hooks.before_step(ports.state, step):
            case Stop() as stop:
                return stop
            case Continue() as nudge:
                await _say(ports, nudge)
                calls = nudge.calls
            case None:
                pass
        await ports.emit(StepStarted(agent=ports.agent, step=step))
        progress.steps = step
        response, api_ms = await respond(ports, calls=calls)
        progress.api_ms += api_ms
        stop = await execute(ports, response) if response.tool_calls else None
        await ports.emit(StepEnded(agent=ports.agent, step=step, api_ms=api_ms))
        if stop is None:
            stop = await _go_on(ports, response)
        if stop is not None:
            return stop
    raise AssertionError("count() ended")


async def _go_on(ports: Ports, response: AssistantMessage) -> Stop | None:
    """Take in what was said meanwhile; None if there is a reason for another step."""
    steering = ports.steering()
    for message in steering:
        await ports.emit(MessageAdded(agent=ports.agent, message=message))
    if steering or response.tool_calls:
        return None
    match await ports.hooks.before_stop(response):
        case Stop() as stop:
            return stop
        case Continue() as nudge:
            await _say(ports, nudge)
            return None
        case None:
            return Stop("end_turn")


async def _say(ports: Ports, nudge: Continue) -> None:
    if nudge.note:
        await ports.emit(Notice(agent=ports.agent, level="warning", text=nudge.note, code="nudge"))
    if nudge.drop:
        await ports.emit(Undone(agent=ports.agent, upto=len(ports.state.transcript) - 1))
    if nudge.text:
        message = UserMessage(parts=(TextPart(text=nudge.text),), origin=nudge.origin)
        await ports.emit(MessageAdded(agent=ports.agent, message=message))
