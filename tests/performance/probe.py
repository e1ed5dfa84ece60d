"""A real conversation, watched from within: what is called, written and kept, step by step.

    python probe.py calls|memory EVERY

Asks the endpoint of the environment and prints JSON: what had happened by each EVERY-th step.
"""

import asyncio
import gc
import json
import sys
import tracemalloc
from collections import Counter
from pathlib import Path
from types import BuiltinFunctionType, FrameType
from typing import Any

from kcode.app.start import open_conversation
from kcode.config.options import Options
from kcode.types.events import Event, StepEnded
from kcode.types.frontend import Decision, PermissionRequest
from kcode.types.questions import Question


class Watcher:
    """A front end that shows nothing and remembers how much there would have been to show."""

    def __init__(self, every: int, *, memory: bool) -> None:
        self.calls: Counter[str] = Counter()
        self.events: Counter[str] = Counter()
        self.marks: list[dict[str, Any]] = []
        self._every = every
        self._memory = memory

    def note(self, frame: FrameType, kind: str, argument: object) -> None:
        """Count a call; `sys.setprofile` takes this."""
        if kind == "call":
            place = Path(frame.f_code.co_filename).parts
            self.calls["all"] += 1
            if "kcode" in place:
                self.calls[f"{place[-1].removesuffix('.py')}:{frame.f_code.co_name}"] += 1
        elif kind == "c_call" and isinstance(argument, BuiltinFunctionType):
            self.calls[f"{argument.__module__}:{argument.__name__}"] += 1

    async def on_event(self, event: Event) -> None:
        self.events[event.type] += 1
        if isinstance(event, StepEnded) and event.step % self._every == 0:
            kept = 0
            if self._memory:
                gc.collect()
                kept = tracemalloc.get_traced_memory()[0]
            self.marks.append({"calls": {**self.calls}, "events": {**self.events}, "kept": kept})

    async def decide(self, request: PermissionRequest) -> Decision:
        raise AssertionError(f"nobody should be asked about {request.tool}")

    async def ask(self, question: Question) -> str | None:
        raise AssertionError(f"nobody should be asked {question.text}")


async def main(mode: str, every: int) -> None:
    watcher = Watcher(every, memory=mode == "memory")
    conversation = await open_conversation(Options(cwd=Path.cwd(), allowed_tools=("Bash",)), watcher)
    if mode == "memory":
        tracemalloc.start()
    else:
        sys.setprofile(watcher.note)
    ended = await conversation.prompt("Go on until the end.")
    sys.setprofile(None)
    await conversation.close()
    json.dump({"stop": ended.stop_reason, "note": ended.note, "marks": watcher.marks}, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
