"""What can be read off a conversation: its state, its place, its rules, what it cost."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from kcode.app.authorize import Authorizer
from kcode.app.confine import Confinement
from kcode.app.context import MemoryDesk
from kcode.app.limits import Meter
from kcode.app.recorder import Recorder
from kcode.app.rewinding import Rewinding
from kcode.app.sessions import Sessions
from kcode.config.layers import Loaded
from kcode.config.options import Options
from kcode.engine.agent import Agent
from kcode.engine.ports import Clock
from kcode.screen.secrets import Secrets
from kcode.types.command import RewindPoint, SessionSummary
from kcode.types.connection import Connection
from kcode.types.environment import Environment
from kcode.types.events import Mode
from kcode.types.frontend import Frontend
from kcode.types.messages import Usage
from kcode.types.model import JsonObject, Model, ModelInfo
from kcode.types.questions import Ask
from kcode.types.state import State


@dataclass(slots=True)
class Parts:
    """What a conversation is made of."""

    options: Options
    loaded: Loaded
    frontend: Frontend
    environment: Environment
    connection: Connection
    authorizer: Authorizer
    recorder: Recorder
    sessions: Sessions
    rewinding: Rewinding
    confinement: Confinement
    new_agent: Callable[[State | None], Agent]
    open_model: Callable[[str, str, bool], Awaitable[Model]]
    thinking: Callable[[str, str], JsonObject]
    list_models: Callable[[], Awaitable[Sequence[ModelInfo]]]
    meter: Meter
    clock: Clock = field(default_factory=Clock)
    memory: MemoryDesk | None = None
    notices: list[str] = field(default_factory=list[str])
    secrets: Secrets = field(default_factory=Secrets)
    """What is never shown."""


class View:
    """The half of `kcode.types.command.CommandContext` that changes nothing."""

    def __init__(self, parts: Parts, agent: Agent) -> None:
        self._parts = parts
        self._agent = agent

    @property
    def state(self) -> State:
        """The conversation so far."""
        return self._agent.state

    @property
    def environment(self) -> Environment:
        """Files, processes, git."""
        return self._parts.environment

    @property
    def model(self) -> ModelInfo:
        """The model in use."""
        return self._agent.model.info

    @property
    def mode(self) -> Mode:
        """The permission mode."""
        return self._parts.authorizer.mode

    @property
    def modes(self) -> Sequence[Mode]:
        """The permission modes that may be used here."""
        return self._parts.authorizer.modes

    @property
    def session_id(self) -> str:
        """The session's id."""
        return self._parts.recorder.log.id

    @property
    def connection(self) -> Connection:
        """Where the model is asked."""
        return self._parts.connection

    @property
    def effort(self) -> str:
        """How much the model is asked to think; "" for what it does by itself."""
        return self._parts.connection.effort

    def thinking(self, effort: str) -> JsonObject:
        """The fields by which the endpoint is asked for an effort."""
        return self._parts.thinking(self.model.id, effort)

    @property
    def loaded(self) -> Loaded:
        """The settings in force."""
        return self._parts.loaded

    @property
    def sandbox(self) -> str:
        """How far commands are fenced in, in words."""
        return self._parts.confinement.shown

    async def sandbox_line(self) -> str:
        """How far commands are fenced in, in few words, found out if need be; empty where that is off."""
        return await self._parts.confinement.brief(unasked=self.mode == "auto")

    @property
    def ask(self) -> Ask:
        """Asks the person."""
        return self._parts.frontend.ask

    @property
    def busy(self) -> bool:
        """Whether a turn runs."""
        return self._agent.busy

    @property
    def tool_names(self) -> Sequence[str]:
        """The tools that the model has."""
        return self._agent.tool_names

    def rules(self) -> Sequence[tuple[str, str, str]]:
        """Permission rules as (behaviour, rule, source)."""
        return self._parts.authorizer.listed()

    def explain(self, command: str) -> JsonObject:
        """Say what the rules make of a shell command."""
        return self._parts.authorizer.explain(command, self.environment.processes.cwd)

    def cost(self) -> JsonObject:
        """Money, time and tokens of this session."""
        totals, spending = self._parts.sessions.totals(self.state), self._parts.recorder.spending
        models: dict[str, JsonValue] = {name: _tokens(usage) for name, usage in spending.by_model.items()}
        agents: dict[str, JsonValue] = {n: _tokens(u) for n, u in spending.by_agent.items() if n != "main"}
        repairs: dict[str, JsonValue] = dict(self._parts.recorder.repairs)
        return {
            "usd": spending.total.cost,
            "estimated": spending.total.estimated,
            "turn": _tokens(spending.turn),
            "budget": self._parts.meter.ceiling,
            "requests": spending.requests,
            "broken": {"requests": spending.breaks, **_tokens(spending.broken)},
            "duration_ms": totals.duration_ms,
            "api_ms": totals.api_ms,
            "lines_added": totals.added,
            "lines_removed": totals.removed,
            "models": models,
            "agents": agents,
            "repairs": repairs,
        }

    def context_report(self) -> JsonObject:
        """How the window is filled, in tokens."""
        return self._agent.context.report(self.state, self.model)

    async def models(self) -> Sequence[ModelInfo]:
        """The models that the endpoint offers."""
        return await self._parts.list_models()

    def context_plan(self) -> JsonObject:
        """What a summary now would replace."""
        return self._agent.context.report(self.state, self.model, plan=True)

    def memory_files(self) -> Sequence[tuple[str, str, str]]:
        """The instruction files as (path, what they are, text)."""
        desk = self._parts.memory
        return [(str(f.path), f.scope, f.text) for f in desk.files()] if desk else []

    def sessions(self) -> Sequence[SessionSummary]:
        """The stored sessions of this folder, the newest first."""
        return self._parts.sessions.listed()

    async def rewind_points(self) -> Sequence[RewindPoint]:
        """The prompts of this conversation, the oldest first."""
        return await self._parts.rewinding.points(self.state)

    @property
    def redoable(self) -> bool:
        """Whether there is a going back that can be taken back."""
        return self._parts.rewinding.redoable(self.state)

    async def git_line(self) -> str:
        """Name the branch and its state in a few words."""
        return await self.environment.git.status_line()


def _tokens(usage: Usage) -> JsonObject:
    return {
        "input": usage.input,
        "cached": usage.cached,
        "cache_write": usage.cache_write,
        "output": usage.output,
        "usd": usage.cost,
        "estimated": usage.estimated,
    }
