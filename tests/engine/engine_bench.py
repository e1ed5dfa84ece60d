"""An agent with a scripted model, a real fold and tools made for the case."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import BaseModel

from kcode.context.window import ContextWindow
from kcode.engine.agent import Agent, AgentSpec
from kcode.engine.guards import PlainHooks
from kcode.engine.ports import Clock
from kcode.providers.scripted import ScriptedModel, Step
from kcode.session.fold import Fold
from kcode.types.environment import Environment
from kcode.types.events import Event
from kcode.types.frontend import Decision, PermissionRequest
from kcode.types.hooks import Hooks
from kcode.types.messages import AssistantMessage, ToolMessage
from kcode.types.tool import (
    Access,
    AnyTool,
    Invocation,
    NamedNeed,
    PrepareContext,
    Tool,
    ToolContext,
    ToolOutput,
)


class Words(BaseModel):
    """Arguments of the tools made for tests."""

    text: str = ""


Run = Callable[[Words, ToolContext], Awaitable[ToolOutput]]


def tool(name: str, run: Run, *, access: Callable[[Words], Access] | None = None) -> AnyTool:
    """Make a tool that touches what `access` says, everything by default."""

    async def prepare(args: Words, context: PrepareContext) -> Invocation:
        del context
        return Invocation(
            kind="other",
            title=f"{name} {args.text}".strip(),
            rule=f"{name}({args.text})",
            needs=(NamedNeed(name, args.text),),
            run=lambda context: run(args, context),
            access=access(args) if access else Access(everything=True),
        )

    return Tool(name=name, description=name, args=Words, prepare=prepare)


def file_access(args: Words) -> Access:
    """Say that a call writes the file that its text names."""
    return Access(writes=frozenset({Path("/w") / args.text}))


async def allow(request: PermissionRequest) -> Decision:
    """Allow everything."""
    del request
    return Decision("allow_once", source="")


@dataclass
class Bench:
    """An agent and everything that it emitted."""

    agent: Agent
    model: ScriptedModel
    events: list[Event] = field(default_factory=list[Event])

    @property
    def results(self) -> list[ToolMessage]:
        return [m for m in self.agent.state.transcript if isinstance(m, ToolMessage)]

    def of(self, kind: type[Any]) -> list[Any]:
        return [e for e in self.events if isinstance(e, kind)]


MakeBench = Callable[..., Bench]


@pytest.fixture
def bench() -> MakeBench:
    def make(
        steps: Iterable[Step],
        *tools: AnyTool,
        authorize: Callable[[PermissionRequest], Awaitable[Decision]] = allow,
        hooks: Callable[[], Hooks] = PlainHooks,
        sleep: Callable[[float], Awaitable[None]] | None = None,
    ) -> Bench:
        model = ScriptedModel(steps)
        events: list[Event] = []

        async def sink(event: Event) -> None:
            events.append(event)
            await asyncio.sleep(0)

        named: Mapping[str, AnyTool] = {t.name: t for t in tools}
        spec = AgentSpec(
            model=model,
            tools=named,
            system="You are under test.",
            environment=cast("Environment", None),
            new_state=Fold,
            new_context=ContextWindow,
            sink=sink,
            authorize=authorize,
            new_hooks=hooks,
            clock=Clock(sleep=sleep) if sleep else Clock(),
        )
        return Bench(Agent(spec), model, events)

    return make


def assert_legal(messages: Iterable[object]) -> None:
    """Check that each response's calls are answered once, in order, directly after it."""
    waiting: list[str] = []
    for message in messages:
        if isinstance(message, ToolMessage):
            assert waiting, f"a result without its call: {message.call_id}"
            assert message.call_id == waiting.pop(0)
        else:
            assert not waiting, f"calls without results: {waiting}"
            waiting = [c.id for c in message.tool_calls] if isinstance(message, AssistantMessage) else []
    assert not waiting
