"""An agent: a state, its inbox, and the turns that drive it.

The main agent and every sub-agent are this class.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from kcode.engine.guards import PlainHooks
from kcode.engine.loop import Progress, run_turn
from kcode.engine.ports import Clock, Context, Ports, by_user
from kcode.engine.prepare import tool_specs
from kcode.engine.retry import Patience
from kcode.engine.settle import uninterrupted
from kcode.engine.step import quietly
from kcode.types.environment import Environment
from kcode.types.errors import ModelError
from kcode.types.events import (
    AgentFinished,
    AgentStarted,
    ErrorInfo,
    Event,
    MessageAdded,
    ModelChanged,
    PromptSet,
    TurnEnded,
    TurnStarted,
)
from kcode.types.frontend import Decision, PermissionRequest
from kcode.types.hooks import Hooks, Stop
from kcode.types.messages import AssistantMessage, ImagePart, TextPart, UserMessage
from kcode.types.model import Model, Request
from kcode.types.questions import Question
from kcode.types.state import State
from kcode.types.tool import AnyTool

INTERRUPTED = "[The user interrupted.]"
ALONE = frozenset({"Agent", "AskUserQuestion"})
"""Tools that a sub-agent does not have: it starts no others and asks nobody."""


async def _nobody(_: Question) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class AgentSpec:
    """What an agent is made of. `new_*` make what a sub-agent must have of its own."""

    model: Model
    tools: Mapping[str, AnyTool]
    system: str
    environment: Environment
    new_state: Callable[[str], State]
    new_context: Callable[[], Context]
    sink: Callable[[Event], Awaitable[None]]
    """Stores an event before it first awaits anything, then shows it; never raises."""
    authorize: Callable[[PermissionRequest], Awaitable[Decision]]
    new_hooks: Callable[[], Hooks] = PlainHooks
    ask: Callable[[Question], Awaitable[str | None]] = _nobody
    clock: Clock = field(default_factory=Clock)
    patience: Patience = field(default_factory=Patience)
    watch_text: bool = True
    enough: Callable[[str], bool] | None = None


class Agent:
    """One conversation with a model."""

    def __init__(
        self,
        spec: AgentSpec,
        *,
        state: State | None = None,
        name: str = "main",
        stopping: Callable[[], Stop] = by_user,
    ) -> None:
        """`stopping` says why whoever started this agent is being stopped, which stops this one too."""
        self.name = name
        self.state = state if state is not None else spec.new_state(name)
        self._spec = spec
        self._context = spec.new_context()
        self._hooks = spec.new_hooks()
        self._inbox: list[str] = []
        self._turn: asyncio.Task[TurnEnded] | None = None
        self._stop: Stop | None = None
        self._above = stopping
        self._children = 0

    @property
    def busy(self) -> bool:
        """Whether a turn runs."""
        return self._turn is not None

    @property
    def model(self) -> Model:
        """The model in use."""
        return self._spec.model

    @property
    def tool_names(self) -> Sequence[str]:
        """The names of its tools, in the order that the model sees."""
        return [spec.name for spec in tool_specs(self._spec.tools)]

    @property
    def context(self) -> Context:
        """What makes its requests."""
        return self._context

    def steer(self, text: str) -> None:
        """Say something while a turn runs; the model sees it before its next response."""
        self._inbox.append(text)

    def unsteer(self) -> list[str]:
        """Take back what was said and not yet seen by the model."""
        taken, self._inbox = self._inbox, []
        return taken

    def cancel(self, stop: Stop | None = None) -> None:
        """Stop the running turn, which ends as `stop` says, interrupted by default; the transcript stays valid.

        The first reason counts.
        """
        if self._turn is not None:
            self._stop = self._stop or stop or by_user()
            self._turn.cancel()

    def stopping(self) -> Stop:
        """Why the turn is being stopped, if it is."""
        return self._stop or self._above()

    async def finish(self) -> None:
        """Stop the running turn and wait until it has ended."""
        if self._turn is not None:
            self._turn.cancel()
            await uninterrupted(_done(self._turn))

    async def use_model(self, model: Model) -> None:
        """Send the next requests to another model."""
        self._spec = replace(self._spec, model=model)
        await self.emit(ModelChanged(agent=self.name, model=model.info.id, window=model.info.window))

    async def use_prompt(self, system: str, tools: Mapping[str, AnyTool], reason: str) -> None:
        """Change the system prompt or the tools; recorded only if something really changed."""
        self._spec = replace(self._spec, system=system, tools=tools)
        specs = tuple(tool_specs(tools))
        if system != self.state.system or specs != tuple(self.state.tools):
            await self.emit(PromptSet(agent=self.name, system=system, tools=specs, reason=reason))

    async def emit(self, event: Event) -> None:
        """Take an event in, store it and show it.

        Folding and storing happen before the first await, so that no cancellation comes between them and the
        log has the order of the fold.
        """
        self.state.apply(event)
        await self._spec.sink(event)

    async def prompt(self, text: str, images: Sequence[ImagePart] = ()) -> TurnEnded:
        """Run one turn and return how it ended, also where the model failed or the turn was cancelled."""
        if self._turn is not None:
            raise RuntimeError("a turn is already running")
        self._stop = None
        self._turn = asyncio.create_task(self._run(text, images))
        try:
            await asyncio.wait({self._turn})
            if not self._turn.cancelled():
                return self._turn.result()
            # Cancelled before its first line ran.
            stop = self.stopping()
            ended = TurnEnded(agent=self.name, stop_reason=stop.reason, limit=stop.limit, note=stop.note)
            await self.emit(ended)
        except asyncio.CancelledError:
            self._turn.cancel()
            await uninterrupted(_done(self._turn))
            raise
        else:
            return ended
        finally:
            self._turn = None

    async def compact(self, focus: str = "", *, fast: bool = False) -> tuple[int, int]:
        """Summarise the older conversation now; returns the tokens before and after."""
        ports = self._ports()
        return await self._context.compact(
            self.state, self.model.info, self.emit, lambda r: quietly(ports, r), focus=focus, fast=fast
        )

    async def aside(self, request: Request, name: str) -> AssistantMessage:
        """Ask something beside the conversation; attempts that break off are counted for `name`.

        Raises:
            ModelError: the model could not be asked, also after the retries.
        """
        return await quietly(self._ports(), request, beside=name)

    async def _run(self, text: str, images: Sequence[ImagePart]) -> TurnEnded:
        began = self._spec.clock.monotonic()
        progress = Progress()
        error: ErrorInfo | None = None
        cut = False
        try:
            if not self.state.system:
                await self.use_prompt(self._spec.system, self._spec.tools, "start")
            await self.emit(TurnStarted(agent=self.name))
            parts = (*images, *((TextPart(text=text),) if text or not images else ()))
            await self.emit(MessageAdded(agent=self.name, message=UserMessage(parts=parts)))
            stop = await run_turn(self._ports(), progress)
        except asyncio.CancelledError:
            stop, cut = self.stopping(), True
        except ModelError as failure:
            stop = Stop("error", str(failure))
            error = ErrorInfo(kind=failure.kind, message=str(failure), transient=failure.transient)
        except Exception as failure:  # noqa: BLE001 - whatever broke, the session must stay usable
            words = f"kcode itself failed: {type(failure).__name__}: {failure}"
            stop, error = Stop("error", words), ErrorInfo(kind="internal", message=words)
        ended = TurnEnded(
            agent=self.name,
            stop_reason=stop.reason,
            limit=stop.limit,
            error=error,
            note=stop.note,
            steps=progress.steps,
            duration_ms=int((self._spec.clock.monotonic() - began) * 1000),
            api_ms=progress.api_ms,
        )
        # A second cancel while the turn is being closed has nothing left to stop.
        with contextlib.suppress(asyncio.CancelledError):
            await uninterrupted(self._end(ended, cut=cut))
        return ended

    async def _end(self, ended: TurnEnded, *, cut: bool) -> None:
        by_user = ended.stop_reason == "cancelled"
        if by_user or cut:
            words = INTERRUPTED if by_user else f"[kcode ended the turn here: {ended.note}]"
            message = UserMessage(parts=(TextPart(text=words),), origin="harness")
            await self.emit(MessageAdded(agent=self.name, message=message))
        await self.emit(ended)

    def _ports(self) -> Ports:
        spec = self._spec
        return Ports(
            agent=self.name,
            model=spec.model,
            tools=spec.tools,
            environment=spec.environment,
            context=self._context,
            state=self.state,
            hooks=self._hooks,
            emit=self.emit,
            authorize=self._authorize,
            steering=self._drain,
            spawn=self._spawn,
            ask=spec.ask,
            clock=spec.clock,
            patience=spec.patience,
            watch_text=spec.watch_text,
            enough=spec.enough,
            stopping=self.stopping,
        )

    async def _authorize(self, request: PermissionRequest) -> Decision:
        settled = await self._hooks.before_call(request)
        return settled if settled is not None else await self._spec.authorize(request)

    def _drain(self) -> Sequence[UserMessage]:
        return [UserMessage(parts=(TextPart(text=text),)) for text in self.unsteer()]

    async def _spawn(self, prompt: str, *, call_id: str, tools: Sequence[str] | None = None) -> str:
        """Run a sub-agent: the same class and sink, a state of its own, no sub-agents below it."""
        self._children += 1
        allowed = {
            name: tool
            for name, tool in self._spec.tools.items()
            if name not in ALONE and (tools is None or name in tools)
        }
        spec = replace(self._spec, tools=allowed, ask=_nobody)
        child = Agent(spec, name=f"{self.name}/{self._children}", stopping=self.stopping)
        await self.emit(AgentStarted(agent=self.name, child=child.name, task=prompt, call_id=call_id))
        ended: TurnEnded | None = None
        try:
            ended = await child.prompt(prompt)
        finally:
            reason = ended.stop_reason if ended else self.stopping().reason
            finished = AgentFinished(agent=self.name, child=child.name, stop_reason=reason)
            await uninterrupted(self.emit(finished))
        answer = next(
            (m.text for m in reversed(child.state.transcript) if isinstance(m, AssistantMessage)), ""
        )
        early = f"[The sub-agent was stopped: {ended.note}]" if ended and ended.note else ""
        return f"{answer.strip() or 'The sub-agent gave no answer.'}\n\n{early}".strip()


async def _done(task: "asyncio.Task[TurnEnded]") -> None:
    await asyncio.wait({task})
