"""1,500 steps over HTTP against a server that refuses what is over its window or not well-formed."""

from collections.abc import Iterator
from random import Random
from typing import cast

import pytest
from pydantic import BaseModel

from kcode.context import compact
from kcode.context.budget import Limits
from kcode.context.cap import OutputCap
from kcode.context.window import ContextWindow
from kcode.engine.agent import Agent, AgentSpec
from kcode.engine.guards import Chain
from kcode.providers.dialect import choose, target
from kcode.providers.openai_chat import OpenAIChat
from kcode.providers.scripted import Step, call, says
from kcode.providers.scripted_rules import refusal
from kcode.providers.scripted_server import ScriptedServer
from kcode.session.fold import Fold, fold
from kcode.types.connection import Connection
from kcode.types.environment import Environment
from kcode.types.events import EVENT, Compacted, ContextTrimmed, Event, FileSeen
from kcode.types.frontend import Decision, PermissionRequest
from kcode.types.messages import AssistantMessage, Message, ToolMessage
from kcode.types.model import ModelInfo, Request
from kcode.types.state import State
from kcode.types.tool import (
    Access,
    Invocation,
    NamedNeed,
    PrepareContext,
    Tool,
    ToolContext,
    ToolOutput,
    text_output,
)

STEPS = 1_500
INSTRUCTIONS = [f"Rule {n}: the value of item {n} must stay {n * 7919}." for n in range(1, 21)]
FIRST = "Port the parser.\n" + "\n".join(INSTRUCTIONS)
MODEL = "kimi-k2.5"


class Look(BaseModel):
    """Arguments of the tool."""

    text: str = ""


class Trial:
    """The server's side: it checks each body and decides what is answered."""

    def __init__(self, window: int) -> None:
        self.window = window
        self.refusals: list[str] = []
        self.bodies = 0
        self.broken = 0
        self.largest = 0
        self.last = b""
        self._summary = False

    def rules(self, body: bytes) -> str:
        words = refusal(body, window=self.window)
        if words:
            self.refusals.append(words)
            return words
        self._summary = compact.INSTRUCTION[:60].encode() in body[-4_000:]
        messages = body[: body.rindex(b"]")]
        messages = messages[messages.index(b'"messages":[') :]
        self.broken += not messages.startswith(self.last)
        self.last = messages
        self.bodies += 1
        self.largest = max(self.largest, len(body))
        return ""

    def steps(self) -> Iterator[Step]:
        n = 0
        while n < STEPS:
            if self._summary:
                yield says(f"I am porting the parser; {n} steps are done. Next: go on.")
                continue
            n += 1
            calls = [call("Look", text=f"part {n} of {i}") for i in range(1 + n % 3 // 2)]
            yield says(f"Step {n}.", *calls, thinking=f"Part {n} is next, as planned. " * 4)
        while True:
            yield says("The parser is ported.")


def look(rng: Random, shown: list[int]) -> Tool[Look]:
    """A tool that shows a part of a file or of an output, of a size like real ones."""

    async def prepare(args: Look, context: PrepareContext) -> Invocation:
        del context

        async def run(context: ToolContext) -> ToolOutput:
            del context
            size = int(min(60_000, rng.lognormvariate(6.9, 1.0)))
            text = f"{args.text}\n" + "abcdefg hijklmn opqrstu\n" * (size // 24)
            shown.append(len(text))
            path = f"/w/f{rng.randrange(30)}.py"
            seen = (FileSeen(path=path, sha256=f"{rng.randrange(9):064x}", whole=True),)
            return text_output(text, seen=seen if rng.random() < 0.4 else ())

        need = (NamedNeed("Look", args.text),)
        access = Access()
        return Invocation("read", args.text, "Look", need, run, access=access, side_effects=False)

    return Tool(name="Look", description="Looks at a part.", args=Look, prepare=prepare)


async def allow(request: PermissionRequest) -> Decision:
    del request
    return Decision("allow_once", source="")


@pytest.mark.slow
@pytest.mark.timeout(280)
@pytest.mark.parametrize("window", [131_072, 262_144])
async def test_a_long_task_ends_done_with_every_instruction_in_view(window: int) -> None:
    trial = Trial(window)
    log: list[str] = []
    marks: list[tuple[int, list[Message]]] = []
    shown: list[int] = []
    info = ModelInfo(MODEL, window=window, max_output=16_384, thinking=True)
    async with ScriptedServer(trial.steps(), model=MODEL, keep=False, rules=trial.rules) as server:
        connection = Connection(server.base_url, api_key="k", model=MODEL, source="test")
        model = OpenAIChat(connection, info, choose(target(connection, MODEL)))

        async def sink(event: Event) -> None:
            if event.durable:
                log.append(EVENT.dump_json(event).decode())

        class Marked(ContextWindow):
            """Notes what requests carried, to compare them with those of resumed sessions."""

            def request(self, state: State, model: ModelInfo) -> Request:
                made = super().request(state, model)
                if len(marks) < 60 and trial.bodies % 31 == 0:
                    marks.append((len(log), list(made.messages)))
                return made

        spec = AgentSpec(
            model=model,
            tools={"Look": look(Random(5), shown)},
            system="You port parsers. " * 200,
            environment=cast("Environment", None),
            new_state=Fold,
            new_context=Marked,
            sink=sink,
            authorize=allow,
            new_hooks=lambda: Chain([OutputCap(Limits(), window)]),
        )
        agent = Agent(spec)
        ended = await agent.prompt(FIRST)
        await model.close()
    assert ended.stop_reason == "end_turn", ended.note
    assert agent.state.transcript[-1].text == "The parser is ported."
    assert sum(shown) >= 3_000_000
    assert not trial.refusals
    last = agent.context.request(agent.state, info)
    text = "\n".join(m.text for m in last.messages)
    assert all(rule in text for rule in INSTRUCTIONS)
    events = [EVENT.validate_json(line) for line in log]
    shrinking = [e for e in events if isinstance(e, ContextTrimmed | Compacted)]
    summaries = [e for e in events if isinstance(e, Compacted)]
    assert summaries
    # Each summary is two requests that do not extend the one before: that for it does, that after it does not.
    assert trial.broken <= len(shrinking) + len(summaries) + 1
    for position, messages in marks[::4]:
        resumed = fold(events[:position])
        assert list(ContextWindow().request(resumed, info).messages) == messages
        assert not _unanswered(messages)


def _unanswered(messages: list[Message]) -> set[str]:
    calls = {c.id for m in messages if isinstance(m, AssistantMessage) for c in m.tool_calls}
    return calls - {m.call_id for m in messages if isinstance(m, ToolMessage)}
