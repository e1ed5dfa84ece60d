"""The calls of one response: prepare, authorise, schedule, run, settle.

Every call gets exactly one ToolMessage, in the order in which the model asked, whatever happens in between:
a server refuses a transcript in which one is missing.
"""

import asyncio
from dataclasses import dataclass, field

from kcode.engine.ports import Ports
from kcode.engine.prepare import Prepared, prepare
from kcode.engine.settle import uninterrupted
from kcode.types.errors import ToolError
from kcode.types.events import (
    MessageAdded,
    PermissionDecided,
    TodosSet,
    ToolFinished,
    ToolProgress,
    ToolStarted,
    ToolStatus,
)
from kcode.types.frontend import PermissionRequest
from kcode.types.hooks import Stop
from kcode.types.messages import AssistantMessage, ToolCall, ToolMessage
from kcode.types.tool import ToolContext, ToolOutput, text_output

AT_ONCE = 10
"""How many calls of one response run at the same time."""
INTERRUPTED = "Interrupted by the user while it ran; how far it came is unknown. Check before you repeat it."
NOT_RUN = "Not run: the user interrupted."
PRINTED = 8_000
"""Characters that are kept of what a call printed, for when it is stopped."""
REJECTED = "The user did not allow this call. Do not try the same in another way; ask what to do instead."


@dataclass(slots=True)
class _Slot:
    call: ToolCall
    prepared: Prepared | None = None
    task: asyncio.Task[None] | None = None
    status: ToolStatus | None = None
    output: ToolOutput = field(default_factory=lambda: text_output(""))
    printed: str = ""
    milliseconds: int = 0
    announced: bool = False


async def execute(ports: Ports, response: AssistantMessage) -> Stop | None:
    """Run the calls of one response and add their results; a Stop if the person ended the turn instead."""
    batch = _Batch(ports, response)
    try:
        return await batch.run()
    finally:
        await uninterrupted(batch.close())


class _Batch:
    def __init__(self, ports: Ports, response: AssistantMessage) -> None:
        self._ports = ports
        self._slots = [_Slot(call) for call in response.tool_calls]
        self._finished = response.finish != "length"
        self._told = 0
        self._effects = False
        self._room = asyncio.Semaphore(AT_ONCE)

    async def run(self) -> Stop | None:
        for slot in self._slots:
            stop = await self._begin(slot)
            if stop is not None:
                return stop
        running = [s.task for s in self._slots if s.task]
        if running:
            await asyncio.wait(running)
        return None

    async def close(self) -> None:
        """Stop what still runs and settle what is not settled."""
        running = [s.task for s in self._slots if s.task and not s.task.done()]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
        for slot in self._slots:
            if slot.status is None:
                output = text_output(_unfinished(slot, self._ports.stopping()), is_error=True)
                slot.output = await self._after(slot.call, output) if slot.task else output
                slot.status = "cancelled"
        await self._tell()
        if self._effects:
            await self._ports.hooks.after_effects()

    async def _begin(self, slot: _Slot) -> Stop | None:
        """Prepare, authorise and start one call, after the earlier ones that it conflicts with."""
        prepared = await self._prepare(slot)
        if isinstance(prepared, ToolOutput):
            await self._settle(slot, "failed", await self._ports.hooks.after_call(slot.call, prepared))
            return None
        slot.prepared = prepared
        request = PermissionRequest(
            agent=self._ports.agent,
            call_id=slot.call.id,
            tool=prepared.tool.name,
            arguments=prepared.arguments,
            invocation=prepared.invocation,
        )
        decision = await self._ports.authorize(request)
        if decision.source:
            await self._ports.emit(
                PermissionDecided(
                    agent=self._ports.agent,
                    call_id=slot.call.id,
                    tool=prepared.tool.name,
                    rule=prepared.invocation.rule,
                    allowed=decision.allowed,
                    source=decision.source,
                    reason=decision.reason or decision.feedback,
                )
            )
        if decision.outcome == "cancelled":
            return Stop("cancelled")
        if not decision.allowed:
            await self._settle(slot, "rejected", text_output(decision.feedback or REJECTED, is_error=True))
            return None
        if prepared.invocation.side_effects:
            self._effects = True
            await self._ports.hooks.before_effects(request)
        slot.task = asyncio.create_task(self._run(slot, prepared))
        return None

    async def _prepare(self, slot: _Slot) -> Prepared | ToolOutput:
        """Prepare a call; again once what it conflicts with has run, since files are different then."""
        prepared = await prepare(self._ports, slot.call, finished=self._finished)
        if isinstance(prepared, ToolOutput):
            earlier = self._running()
        else:
            earlier = [
                s
                for s in self._running()
                if s.prepared and s.prepared.invocation.access.conflicts(prepared.invocation.access)
            ]
        tasks = [s.task for s in earlier if s.task]
        if not tasks:
            return prepared
        await asyncio.wait(tasks)
        return await prepare(self._ports, slot.call, finished=self._finished)

    def _running(self) -> list[_Slot]:
        return [s for s in self._slots if s.task and not s.task.done()]

    async def _run(self, slot: _Slot, prepared: Prepared) -> None:
        async with self._room:
            began = self._ports.clock.monotonic()
            await self._ports.emit(_started(self._ports.agent, slot.call, prepared))
            output = await self._outcome(slot, prepared)
            slot.milliseconds = int((self._ports.clock.monotonic() - began) * 1000)
        await self._settle(slot, "failed" if output.is_error else "completed", output)

    async def _outcome(self, slot: _Slot, prepared: Prepared) -> ToolOutput:
        ports, call = self._ports, slot.call

        async def progress(text: str) -> None:
            slot.printed = (slot.printed + text)[-PRINTED:]
            await ports.emit(ToolProgress(agent=ports.agent, call_id=call.id, text=text))

        context = ToolContext(call.id, ports.environment, ports.state, progress, ports.spawn, ports.ask)
        return await self._after(call, await _run(prepared, context))

    async def _after(self, call: ToolCall, output: ToolOutput) -> ToolOutput:
        try:
            return await self._ports.hooks.after_call(call, output)
        except Exception as error:  # noqa: BLE001 - a bug in a hook is the model's to route around
            words = f"{call.name} failed inside kcode: {type(error).__name__}: {error}"
            return text_output(words, is_error=True)

    async def _settle(self, slot: _Slot, status: ToolStatus, output: ToolOutput) -> None:
        slot.output, slot.status = output, status
        await self._tell()

    async def _tell(self) -> None:
        """Emit what is settled: the end of each call at once, its message in the model's order."""
        for slot in self._slots:
            if slot.status is not None and not slot.announced:
                slot.announced = True
                await self._announce(slot, slot.status)
        while self._told < len(self._slots) and self._slots[self._told].announced:
            slot = self._slots[self._told]
            self._told += 1
            await self._ports.emit(MessageAdded(agent=self._ports.agent, message=_message(slot)))

    async def _announce(self, slot: _Slot, status: ToolStatus) -> None:
        output, prepared = slot.output, slot.prepared
        finished = ToolFinished(
            agent=self._ports.agent,
            call_id=slot.call.id,
            name=prepared.tool.name if prepared else slot.call.name,
            status=status,
            title=prepared.invocation.title if prepared else slot.call.name,
            duration_ms=slot.milliseconds,
            changes=output.changes,
            seen=output.seen,
            repairs=(*(prepared.repairs if prepared else ()), *output.repairs),
            details=output.details,
        )
        await self._ports.emit(finished)
        if output.todos is not None:
            await self._ports.emit(TodosSet(agent=self._ports.agent, todos=output.todos))


async def _run(prepared: Prepared, context: ToolContext) -> ToolOutput:
    try:
        return await prepared.invocation.run(context)
    except ToolError as error:
        return text_output(str(error), is_error=True)
    except Exception as error:  # noqa: BLE001 - a bug in a tool is the model's to route around
        words = f"{prepared.tool.name} failed inside kcode: {type(error).__name__}: {error}"
        return text_output(words, is_error=True)


def _started(agent: str, call: ToolCall, prepared: Prepared) -> ToolStarted:
    invocation = prepared.invocation
    return ToolStarted(
        agent=agent,
        call_id=call.id,
        name=prepared.tool.name,
        kind=invocation.kind,
        title=invocation.title,
        arguments=prepared.arguments,
        paths=tuple(str(path) for path in invocation.paths),
        diff=invocation.diff,
        side_effects=invocation.side_effects,
    )


def _unfinished(slot: _Slot, stop: Stop) -> str:
    """Say that a call was stopped or never begun, after the end of what it printed."""
    by_user = stop.reason == "cancelled"
    if slot.task is None:
        return NOT_RUN if by_user else f"Not run: {stop.note}"
    words = (
        INTERRUPTED
        if by_user
        else f"Stopped while it ran: {stop.note} How far it came is unknown. Check before you repeat it."
    )
    printed = slot.printed.strip("\n")
    earlier = "[...]" if len(slot.printed) == PRINTED else ""
    return f"{earlier}{printed}\n[{words}]" if printed.strip() else words


def _message(slot: _Slot) -> ToolMessage:
    name = slot.prepared.tool.name if slot.prepared else slot.call.name
    return ToolMessage(
        call_id=slot.call.id, name=name, parts=slot.output.parts, is_error=slot.status != "completed"
    )
