"""One response: make room, ask, show, retry, record."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from kcode.engine import retry
from kcode.engine.ports import Ports
from kcode.engine.settle import uninterrupted
from kcode.screen.repetition import RepetitionWatch
from kcode.types.errors import ModelError
from kcode.types.events import (
    CallDelta,
    MessageAdded,
    Notice,
    ResponseBroken,
    Retrying,
    TextDelta,
    ThinkingDelta,
)
from kcode.types.messages import AssistantMessage, TextPart, Usage, UserMessage
from kcode.types.model import Delta, OnDelta, Request
from kcode.types.questions import Option, Question

OVERFLOWS = 3
"""How often a request that the server found too long is made shorter."""
WAIT, STOP = "Wait", "Stop"
REPEATED = """Your answer repeated the same text without end and was dropped. \
Go on with the task: call a tool, or answer in a few words."""


class _EnoughError(ModelError):
    """The response is ended by kcode, and counts as it stands."""


async def respond(ports: Ports, *, calls: bool = True) -> tuple[AssistantMessage, int]:
    """Ask for one response and add it to the transcript; returns it and the milliseconds that it took.

    Without `calls` the model is to answer in words.

    Raises:
        ModelError: the model could not be asked, also after the retries.
    """
    retries = _Retries(ports)
    overflow: ModelError | None = None
    overflows, told = 0, False
    while True:
        await ports.context.make_room(
            ports.state, ports.model.info, ports.emit, lambda r: quietly(ports, r), overflow=overflow
        )
        overflow = None
        began = ports.clock.monotonic()
        try:
            response = await _ask(ports, _request(ports, calls=calls))
        except ModelError as error:
            if error.kind == "context_overflow" and overflows < OVERFLOWS:
                overflow, overflows = error, overflows + 1
                continue
            if error.kind == "repetition" and retries.spent(error) and not told:
                # The same request would bring the same: this one says what went wrong.
                told, retries = True, _Retries(ports)
                said = UserMessage(parts=(TextPart(text=REPEATED),), origin="harness")
                await ports.emit(MessageAdded(agent=ports.agent, message=said))
                continue
            await retries.wait(error)
        else:
            elapsed = int((ports.clock.monotonic() - began) * 1000)
            await ports.emit(MessageAdded(agent=ports.agent, message=response))
            for repair in response.repairs:
                if repair.kind == "refused":
                    text = f"The server refused a part of the request; from now on: {repair.detail}"
                    await ports.emit(Notice(agent=ports.agent, level="warning", text=text, code="adapted"))
            return response, elapsed


def _request(ports: Ports, *, calls: bool) -> Request:
    request = ports.context.request(ports.state, ports.model.info)
    last = next((m for m in reversed(ports.state.transcript) if isinstance(m, AssistantMessage)), None)
    if last is not None and last.finish == "length":
        # What was cut off once would be cut off again: once, there is twice the room.
        request = replace(request, max_output=2 * (request.max_output or ports.model.info.max_output))
    return request if calls else replace(request, calls=False)


async def _ask(ports: Ports, request: Request) -> AssistantMessage:
    said: list[str] = []
    repeated, thoughts = RepetitionWatch(), RepetitionWatch()

    async def show(delta: Delta) -> None:
        if delta.thinking:
            await ports.emit(ThinkingDelta(agent=ports.agent, text=delta.thinking))
        if delta.text:
            said.append(delta.text)
            await ports.emit(TextDelta(agent=ports.agent, text=delta.text))
        if delta.call:
            await ports.emit(CallDelta(agent=ports.agent, name=delta.call))
        if ports.watch_text and (repeated.feed(delta.text) or thoughts.feed(delta.thinking)):
            raise ModelError("The model repeated the same text without end.", kind="repetition")
        if ports.enough is not None and "}" in delta.text and ports.enough("".join(said)):
            raise _EnoughError("Nothing useful follows.", kind="repetition")

    try:
        return await _paid(ports, request, show)
    except _EnoughError:
        words = TextPart(text="".join(said))
        response = AssistantMessage(parts=(words,), usage=Usage(estimated=True), model=ports.model.info.id)
        return _counted(ports, response)
    except ModelError:
        raise
    except BaseException:
        await uninterrupted(_keep(ports, "".join(said)))
        raise


async def _paid(ports: Ports, request: Request, hear: OnDelta, *, beside: bool = False) -> AssistantMessage:
    """Send a request once; whatever becomes of the response, it is counted.

    `beside` says that the request is no continuation of the conversation.

    Raises:
        ModelError: as the model raised it.
    """
    received: list[str] = []
    asked = request if beside else None

    async def take(delta: Delta) -> None:
        received.append(delta.thinking + delta.text + delta.call)
        await hear(delta)

    try:
        response = await ports.model.respond(request, take)
    except _EnoughError:
        raise
    except ModelError as error:
        await _broke(ports, received, asked, error)
        raise
    except BaseException:
        await uninterrupted(_broke(ports, received, asked))
        raise
    return _counted(ports, response, asked)


def _counted(ports: Ports, response: AssistantMessage, asked: Request | None = None) -> AssistantMessage:
    """Estimate the tokens where the server counted none, so that the meter keeps moving."""
    if not response.usage.estimated or response.usage.input:
        return response
    return response.model_copy(update={"usage": _guessed(ports, response, asked)})


def _guessed(ports: Ports, response: AssistantMessage, asked: Request | None) -> Usage:
    """Estimate what a response used; where the server keeps a cache, what it last read came from there.

    `asked` is the request, if it was none of the conversation.
    """
    weigh = ports.context.weigh
    read, written = ports.context.estimate(ports.state), weigh(response)
    last = next((m.usage for m in reversed(ports.state.transcript) if isinstance(m, AssistantMessage)), None)
    cached = min(read, last.input) if last and last.cached else 0
    if asked is not None:
        read, cached = sum(weigh(message) for message in asked.messages), 0
    usage = Usage(input=read, cached=cached, output=written, estimated=True)
    price = ports.model.info.price
    return usage.model_copy(update={"cost": price.cost(usage) if price else None})


async def _broke(
    ports: Ports, received: Sequence[str], asked: Request | None, error: ModelError | None = None
) -> None:
    """Count a response that came to no good end, if the model had begun to write: it is paid for."""
    text = "".join(received) + (error.unshown if error else "")
    usage = error.usage if error else None
    if text or usage or (error and error.kind == "empty"):
        usage = usage or _guessed(ports, AssistantMessage(parts=(TextPart(text=text),)), asked)
        await ports.emit(ResponseBroken(agent=ports.agent, model=ports.model.info.id, usage=usage))


async def _keep(ports: Ports, text: str) -> None:
    """Keep what was said before an interrupt: the person has read it, so the model should know of it too."""
    if text.strip():
        message = AssistantMessage(parts=(TextPart(text=text),), model=ports.model.info.id)
        await ports.emit(MessageAdded(agent=ports.agent, message=message))


class _Retries:
    """The one place that decides about sending a request again, for one request."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._attempt = 1
        self._random = Random()  # noqa: S311 - jitter, not a secret

    def spent(self, error: ModelError) -> bool:
        """Whether this was the last attempt."""
        return self._attempt >= retry.attempts(error, self._ports.patience)

    async def wait(self, error: ModelError) -> None:
        """Wait until the request may be sent again, shown and cancellable.

        Raises:
            ModelError: it is given up.
        """
        ports, most = self._ports, retry.attempts(error, self._ports.patience)
        delay = retry.wait(error, self._attempt, self._random, ports.patience)
        if delay is None and self._attempt < most and error.retry_after is not None:
            delay = await self._asked(error, error.retry_after)
        if delay is None:
            raise error if self._attempt == 1 else self._given_up(error) from error
        event = Retrying(
            agent=ports.agent,
            attempt=self._attempt,
            attempts=most,
            delay=round(delay, 3),
            kind=error.kind,
            message=str(error),
        )
        self._attempt += 1
        await ports.emit(event)
        await ports.clock.sleep(delay)

    async def _asked(self, error: ModelError, seconds: float) -> float | None:
        """Let the person decide about a wait that is longer than anybody waits unasked."""
        words = f"{error} The server asks to wait {seconds / 60:.0f} minutes."
        answer = await self._ports.ask(
            Question(words, (Option(WAIT), Option(STOP)), header="Wait", closed=True)
        )
        return seconds if answer == WAIT else None

    def _given_up(self, error: ModelError) -> ModelError:
        words = f"{error} Given up after {self._attempt} attempts."
        if error.kind == "overloaded":
            words += " Another model may be free: /model, or fallbackModel in the settings."
        return ModelError(words, kind=error.kind, status=error.status, retry_after=error.retry_after)


async def _ignore(_: Delta) -> None:
    return


async def quietly(ports: Ports, request: Request, *, beside: str = "") -> AssistantMessage:
    """Ask for something that does not join the conversation, with the same retries.

    If the conversation is not even in the request, `beside` names whom it is counted for.
    """
    retries, paying = _Retries(ports), replace(ports, agent=beside or ports.agent)
    while True:
        try:
            return await _paid(paying, request, _ignore, beside=bool(beside))
        except ModelError as error:
            await retries.wait(error)
