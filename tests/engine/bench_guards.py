"""What the guards and the watch on repetition cost: CPU of a step and of a streamed delta, with and without them.

    python tests/engine/bench_guards.py

No server and no real tools: everything else of a step is small here, so that the difference shows.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from typing import cast

from engine_bench import Words, allow, tool

from kcode.app.endings import EndingGuard
from kcode.app.limits import LimitGuard, Limits, Meter
from kcode.context.window import ContextWindow
from kcode.engine.agent import Agent, AgentSpec
from kcode.engine.guards import Chain, PlainHooks
from kcode.engine.loops import LoopGuard, MistakeGuard
from kcode.engine.ports import Clock
from kcode.providers.scripted import ScriptedModel, call, says
from kcode.screen.repetition import RepetitionWatch
from kcode.session.fold import Fold
from kcode.types.environment import Environment
from kcode.types.events import Event
from kcode.types.hooks import Hooks
from kcode.types.model import Model
from kcode.types.tool import ToolContext, ToolOutput, text_output

STEPS = 300


def guards() -> Hooks:
    """All guards, as a conversation has them."""
    meter = Meter(lambda: 0.1)
    return Chain([LimitGuard(Limits(usd=100), Clock(), meter), MistakeGuard(), LoopGuard(), EndingGuard()])


def echoing(model: Model, hooks: Callable[[], Hooks], *, times: int) -> Agent:
    """Return an agent whose one tool says so many times what it is told."""

    async def echo(args: Words, _: ToolContext) -> ToolOutput:
        return text_output(f"{args.text} " * times)

    async def sink(_: Event) -> None:
        return

    return Agent(
        AgentSpec(
            model=model,
            tools={"Echo": tool("Echo", echo)},
            system="You are under test.",
            environment=cast("Environment", None),
            new_state=Fold,
            new_context=ContextWindow,
            sink=sink,
            authorize=allow,
            new_hooks=hooks,
        )
    )


def step(hooks: Callable[[], Hooks]) -> float:
    """Return the milliseconds of CPU for a step with a result of four kilobytes."""

    async def run() -> float:
        steps = [says("", call("Echo", text=f"{i:03}")) for i in range(STEPS)]
        agent = echoing(ScriptedModel([*steps, says("Done.")]), hooks, times=1_000)
        began = time.process_time()
        await agent.prompt("go")
        return (time.process_time() - began) / STEPS * 1e3

    return min(asyncio.run(run()) for _ in range(5))


def delta() -> float:
    """Return the microseconds for the watch on one streamed delta of five characters."""
    watch, count = RepetitionWatch(), 200_000
    words = [f"{i:04} " for i in range(10_000)]
    began = time.process_time()
    for i in range(count):
        watch.feed(words[i % 10_000])
    return (time.process_time() - began) / count * 1e6


def main() -> int:
    """Measure and print."""
    without, with_all = step(PlainHooks), step(guards)
    print(f"a step: {without:.3f} ms CPU without guards, {with_all:.3f} ms with all of them")
    print(f"a streamed delta: {delta():.3f} us CPU for the watch on repetition")
    return 0


if __name__ == "__main__":
    sys.exit(main())
