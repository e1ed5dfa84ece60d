"""A workspace with real files, and a way to call a tool as the engine does."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from kcode import registry
from kcode.environment.local import LocalEnvironment
from kcode.session.fold import Fold
from kcode.types.environment import Environment
from kcode.types.errors import ToolError
from kcode.types.events import TodosSet, ToolFinished, ToolStarted
from kcode.types.questions import Question
from kcode.types.tool import AnyTool, Invocation, PrepareContext, ToolContext, ToolOutput


@dataclass
class Bench:
    """Calls tools on a real folder; what they report is folded into a real state."""

    environment: Environment
    state: Fold = field(default_factory=Fold)
    asked: list[Question] = field(default_factory=list)
    answer: str | None = None
    spawned: list[tuple[str, Sequence[str] | None]] = field(default_factory=list)
    calls: int = 0

    @property
    def root(self) -> Path:
        """The workspace."""
        return self.environment.root

    def file(self, name: str, content: str | bytes = "") -> Path:
        """Make a file with its folders."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    async def prepare(self, name: str, arguments: Mapping[str, Any]) -> Invocation:
        """Say what a call would do."""
        tool = cast("AnyTool", registry.load("kcode.tools", name, "TOOL", object))
        parsed = tool.args.model_validate(arguments)
        return await tool.prepare(parsed, PrepareContext(self.environment, self.state))

    async def finish(self, invocation: Invocation) -> ToolOutput:
        """Run a prepared call and remember what it reports."""
        self.calls += 1
        call_id = f"call-{self.calls}"
        output = await invocation.run(
            ToolContext(call_id, self.environment, self.state, self._progress, self._spawn, self._ask)
        )
        self.state.apply(ToolStarted(call_id=call_id, name="x", kind=invocation.kind, title=invocation.title))
        self.state.apply(
            ToolFinished(
                call_id=call_id, name="x", status="completed", seen=output.seen, changes=output.changes
            )
        )
        if output.todos is not None:
            self.state.apply(TodosSet(todos=output.todos))
        return output

    async def call(self, tool: str, **arguments: Any) -> ToolOutput:
        """Prepare a call and run it."""
        return await self.finish(await self.prepare(tool, arguments))

    async def text(self, tool: str, **arguments: Any) -> str:
        """Return the words of a call's result."""
        output = await self.call(tool, **arguments)
        return "\n".join(part.text for part in output.parts if part.type == "text")

    async def refusal(self, tool: str, **arguments: Any) -> str:
        """Return the words with which a call is refused."""
        with pytest.raises(ToolError) as error:
            await self.call(tool, **arguments)
        return str(error.value)

    async def _progress(self, text: str) -> None:
        del text

    async def _spawn(self, prompt: str, *, call_id: str, tools: Sequence[str] | None = None) -> str:
        del call_id
        self.spawned.append((prompt, tools))
        return f"did: {prompt}"

    async def _ask(self, question: Question) -> str | None:
        self.asked.append(question)
        return self.answer


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    root = Path(os.path.realpath(tmp_path)) / "work"
    root.mkdir()
    return Bench(LocalEnvironment(root))
