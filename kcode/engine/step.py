"""One response: make room, ask, show, retry, record."""

from random import Random

from kcode.engine import retry
from kcode.engine.ports import Ports
from kcode.engine.settle import uninterrupted
from kcode.types.errors import ModelError
from kcode.types.events import CallDelta, MessageAdded, Retrying, TextDelta, ThinkingDelta
from kcode.types.messages import AssistantMessage, TextPart
from kcode.types.model import Delta, Request

OVERFLOWS = 3
"""How often a request that the server found too long is made shorter."""


async def respond(ports: Ports) -> tuple[AssistantMessage, int]:
    """Ask for one response and add it to the transcript; returns it and the milliseconds that it took.

    Raises:
        ModelError: the model could not be asked, also after the retries.
    """
    random = Random()  # noqa: S311 - jitter, not a secret
    overflow: ModelError | None = None
    overflows = 0
    attempt = 1
    while True:
        await ports.context.make_room(
            ports.state, ports.model.info, ports.emit, lambda r: quietly(ports, r), overflow=overflow
        )
        began = ports.clock.monotonic()
        try:
            response = await _ask(ports)
        except ModelError as error:
            if error.kind == "context_overflow" and overflows < OVERFLOWS:
                overflow, overflows = error, overflows + 1
                continue
            delay = retry.wait(error, attempt, random)
            if delay is None:
                raise
            await _wait(ports, error, attempt, delay)
            attempt += 1
        else:
            elapsed = int((ports.clock.monotonic() - began) * 1000)
            await ports.emit(MessageAdded(agent=ports.agent, message=response))
            return response, elapsed


async def _ask(ports: Ports) -> AssistantMessage:
    said: list[str] = []

    async def show(delta: Delta) -> None:
        if delta.thinking:
            await ports.emit(ThinkingDelta(agent=ports.agent, text=delta.thinking))
        if delta.text:
            said.append(delta.text)
            await ports.emit(TextDelta(agent=ports.agent, text=delta.text))
        if delta.call:
            await ports.emit(CallDelta(agent=ports.agent, name=delta.call))

    finished = False
    try:
        response = await ports.model.respond(ports.context.request(ports.state, ports.model.info), show)
        finished = True
    except ModelError:
        finished = True
        raise
    finally:
        # Interrupted by the person, who has read the beginning: the model should know of it too.
        if not finished and "".join(said).strip():
            await uninterrupted(_keep(ports, "".join(said)))
    return response


async def _keep(ports: Ports, text: str) -> None:
    message = AssistantMessage(parts=(TextPart(text=text),), model=ports.model.info.id)
    await ports.emit(MessageAdded(agent=ports.agent, message=message))


async def _wait(ports: Ports, error: ModelError, attempt: int, delay: float) -> None:
    event = Retrying(
        agent=ports.agent,
        attempt=attempt,
        attempts=retry.attempts(error),
        delay=round(delay, 3),
        kind=error.kind,
        message=str(error),
    )
    await ports.emit(event)
    await ports.clock.sleep(delay)


async def quietly(ports: Ports, request: Request) -> AssistantMessage:
    """Ask for something that is not part of the conversation, with the same retries."""

    async def ignore(_: Delta) -> None:
        return

    random = Random()  # noqa: S311 - jitter, not a secret
    attempt = 1
    while True:
        try:
            return await ports.model.respond(request, ignore)
        except ModelError as error:
            delay = retry.wait(error, attempt, random)
            if delay is None:
                raise
            await _wait(ports, error, attempt, delay)
            attempt += 1
