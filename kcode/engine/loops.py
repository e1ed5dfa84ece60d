"""Calls that lead nowhere: the same again and again, and ones that cannot be run."""

import json
from collections import deque
from dataclasses import dataclass
from typing import TypeAlias, cast

from kcode.arguments import example, resolve
from kcode.engine.guards import PlainHooks, with_words
from kcode.types.frontend import Decision, PermissionRequest
from kcode.types.hooks import Continue, Stop
from kcode.types.messages import AssistantMessage, TextPart, ToolCall
from kcode.types.model import ToolSpec
from kcode.types.state import State
from kcode.types.tool import ToolOutput

INVALID = "invalid"
"""The field of a result's details that marks a call which could not be understood."""
_Key: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Repeats:
    """When a repeated call is pointed out, and after how many the model has to answer in words.

    `last` 0 never ends a turn; `window` is how many of the latest calls are looked at, so that calls which
    alternate are found too.
    """

    reminders: tuple[int, ...] = (3, 5, 8)
    last: int = 12
    window: int = 60


@dataclass(frozen=True, slots=True)
class Mistakes:
    """After how many unusable calls in a row the schema is shown, and the turn ended; 0 for never."""

    schema: int = 3
    last: int = 5


class LoopGuard(PlainHooks):
    """Finds a call that is repeated with the same result.

    The result is always given in full, since a model that is told "unchanged" asks again. A call whose result
    changes is no repetition, nor is one made again after something else was changed.
    """

    def __init__(self, repeats: Repeats | None = None) -> None:
        self._repeats = repeats or Repeats()
        self._recent: deque[_Key] = deque(maxlen=self._repeats.window)
        self._caught = ""
        self._ending = False

    async def before_step(self, state: State, step: int) -> Stop | Continue | None:
        """Have the model answer in words once it was caught, and end the turn after that."""
        del state
        if step == 1:
            self._recent.clear()
            self._caught, self._ending = "", False
        if self._ending:
            return self._stop()
        if not self._caught:
            return None
        self._ending = True
        text = (
            f"You made the same {self._caught} call {self._repeats.last} times, with the same result each time. "
            "Tools are off for this answer: say what you found out, what is done, and what stands in the way."
        )
        return Continue(text, note=f"Asked for a summary: {self._why()}.", calls=False)

    async def before_call(self, request: PermissionRequest) -> Decision | None:
        """Refuse calls in the step that is to be an answer."""
        del request
        if not self._ending:
            return None
        return Decision("reject_once", feedback="Not run: the turn ends here, in words.", source="loop")

    async def after_call(self, call: ToolCall, output: ToolOutput) -> ToolOutput:
        """Count, and add a reminder below the result."""
        key = _key(call, output)
        if output.changes and key not in self._recent:
            self._recent.clear()
        self._recent.append(key)
        times = self._recent.count(key)
        if self._repeats.last and times >= self._repeats.last:
            self._caught = call.name
        if times not in self._repeats.reminders:
            return output
        words = (
            f"[kcode: this is the same {call.name} call with the same result {times} times now. "
            "Nothing will change by repeating it: use what it says, try something else, or answer.]"
        )
        return with_words(output, words)

    async def before_stop(self, response: AssistantMessage) -> Stop | Continue | None:
        """End the turn after the answer that was asked for."""
        del response
        return self._stop() if self._ending else None

    def _stop(self) -> Stop:
        return Stop("max_turn_requests", f"Stopped: {self._why()}.")

    def _why(self) -> str:
        return f"the model made the same {self._caught} call {self._repeats.last} times with the same result"


class MistakeGuard(PlainHooks):
    """Helps a model whose calls cannot be understood, and ends a turn that consists of such calls."""

    def __init__(self, mistakes: Mistakes | None = None) -> None:
        self._mistakes = mistakes or Mistakes()
        self._row = 0
        self._words = ""
        self._tools: dict[str, ToolSpec] = {}

    async def before_step(self, state: State, step: int) -> Stop | Continue | None:
        """End the turn after too many of them."""
        if step == 1:
            self._row = 0
        self._tools = {tool.name: tool for tool in state.tools}
        if not self._mistakes.last or self._row < self._mistakes.last:
            return None
        why = f"Stopped: the last {self._row} calls of the model could not be understood."
        return Stop("max_turn_requests", f"{why} The last one: {self._words}")

    async def after_call(self, call: ToolCall, output: ToolOutput) -> ToolOutput:
        """Count them, and show the whole schema with an example when the short words did not help."""
        if INVALID not in output.details:
            self._row = 0
            return output
        self._row += 1
        self._words = " ".join(p.text for p in output.parts if isinstance(p, TextPart)).split("\n")[0][:300]
        known = resolve(call.name, self._tools)
        if not self._mistakes.schema or self._row < self._mistakes.schema or known is None:
            return output
        schema = self._tools[known].parameters
        sample = json.dumps(example(schema, known, schema), ensure_ascii=False)
        whole = json.dumps(schema, ensure_ascii=False)
        return with_words(output, f"The schema of {known}: {whole}\nA call that would work: {sample}")


def _key(call: ToolCall, output: ToolOutput) -> _Key:
    """Describe a call and its result so that spelling does not matter."""
    try:
        value: object = json.loads(call.arguments or "{}")
    except ValueError:
        written = call.arguments
    else:
        written = json.dumps(_plain(value), sort_keys=True)
    shown = "\0".join(p.text if isinstance(p, TextPart) else p.data for p in output.parts)
    return call.name, " ".join(written.split()), shown


def _plain(value: object) -> object:
    """Leave out differences of white space within texts."""
    if isinstance(value, str):
        return " ".join(value.split())
    if isinstance(value, list):
        return [_plain(item) for item in cast("list[object]", value)]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in cast("dict[str, object]", value).items()}
    return value
