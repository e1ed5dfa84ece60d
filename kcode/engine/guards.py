"""The hooks that every agent has: what joins several, and endings that are none."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kcode.types.frontend import Decision, PermissionRequest
from kcode.types.hooks import Continue, Hooks, Stop
from kcode.types.messages import AssistantMessage, ToolCall
from kcode.types.state import State
from kcode.types.tool import ToolOutput


class PlainHooks:
    """Hooks that change nothing; others override what they need."""

    async def before_step(self, state: State, step: int) -> Stop | Continue | None:
        """Let the step happen."""
        del state, step
        return None

    async def before_call(self, request: PermissionRequest) -> Decision | None:
        """Leave the decision to the permission rules."""
        del request
        return None

    async def before_effects(self, request: PermissionRequest) -> None:
        """Let it happen."""

    async def after_effects(self) -> None:
        """Leave it at that."""

    async def after_call(self, call: ToolCall, output: ToolOutput) -> ToolOutput:
        """Pass the result on."""
        del call
        return output

    async def before_stop(self, response: AssistantMessage) -> Stop | Continue | None:
        """Let the turn end."""
        del response
        return None


class Chain(PlainHooks):
    """Several hooks as one: each sees every step; otherwise the first that says something is heard."""

    def __init__(self, hooks: Sequence[Hooks]) -> None:
        self._hooks = hooks

    async def before_step(self, state: State, step: int) -> Stop | Continue | None:
        """Ask each in turn; a stop wins, and what several have to say is said at once."""
        said: list[Continue] = []
        for hook in self._hooks:
            match await hook.before_step(state, step):
                case Stop() as stop:
                    return stop
                case Continue() as more:
                    said.append(more)
                case None:
                    pass
        if not said:
            return None
        return Continue(
            "\n\n".join(s.text for s in said if s.text),
            note="\n".join(s.note for s in said if s.note),
            origin="memory" if any(s.origin == "memory" for s in said) else "harness",
            calls=all(s.calls for s in said),
        )

    async def before_call(self, request: PermissionRequest) -> Decision | None:
        """Ask each in turn."""
        for hook in self._hooks:
            if (said := await hook.before_call(request)) is not None:
                return said
        return None

    async def before_effects(self, request: PermissionRequest) -> None:
        """Tell each in turn."""
        for hook in self._hooks:
            await hook.before_effects(request)

    async def after_effects(self) -> None:
        """Tell each in turn."""
        for hook in self._hooks:
            await hook.after_effects()

    async def after_call(self, call: ToolCall, output: ToolOutput) -> ToolOutput:
        """Hand the result from one to the next."""
        for hook in self._hooks:
            output = await hook.after_call(call, output)
        return output

    async def before_stop(self, response: AssistantMessage) -> Stop | Continue | None:
        """Ask each in turn."""
        for hook in self._hooks:
            if (said := await hook.before_stop(response)) is not None:
                return said
        return None


@dataclass(frozen=True, slots=True)
class Endings:
    """How often in a turn the model is asked to go on after saying nothing, being cut off, only announcing a call."""

    empty: int = 2
    cut: int = 3
    announced: int = 2


_CUT = (
    "Your answer was cut off at the output limit. Go on exactly where it stopped, without repeating anything.",
    "the answer was cut off at the output limit; asked to go on",
)
_THOUGHT = (
    "You reached the output limit while thinking, before any answer. Think briefly now: call a tool, or answer.",
    "the thinking reached the output limit; asked to be brief",
)
_EMPTY = (
    "Your last response held no answer and no tool call. Go on with the task: call a tool, or answer.",
    "the response was empty; asked to go on",
)
_ANNOUNCED = (
    "You said what you would do next, but called no tool. Call it now; if nothing is left to do, say the result.",
    "a tool call was announced but not made; asked for it",
)
_RUN_IT = (
    "You showed what to run instead of running it, so nothing was done. Make the first of these calls now.",
    "a call was shown but not made; asked for it",
)
_SHOWN = re.compile(
    r'^```(?:ba|z)?sh(?:ell)?\s*\n(?P<command>.+)|"name"\s*:\s*"\w+"\s*,\s*"arguments"\s*:', re.MULTILINE
)
# For small models that do not find the tool-call interface: the form in which theirs are understood.
_WRITTEN = """A call is one JSON object and nothing else, such as \
{"name": "Bash", "arguments": {"command": %s}}, with the name and arguments that you need now."""


class EndingGuard(PlainHooks):
    """Nudges a model that stopped without an answer; a bounded number of times in a turn."""

    def __init__(self, endings: Endings | None = None, *, acting: Callable[[], bool] = lambda: True) -> None:
        """`acting` says whether the model is to act at all: while it plans, an announcement is an answer."""
        self._endings = endings or Endings()
        self._left = {"empty": 0, "cut": 0, "announced": 0}
        self._acting = acting
        self._writes, self._fresh = False, True

    async def before_step(self, state: State, step: int) -> Stop | Continue | None:
        """Start each turn with all nudges, and notice a model that writes its calls as text."""
        last = next((m for m in reversed(state.transcript) if isinstance(m, AssistantMessage)), None)
        if last is not None and any(r.kind == "written_call" for r in last.repairs):
            self._writes = True
        self._fresh = step == 1
        if self._fresh:
            given = self._endings
            self._left = {"empty": given.empty, "cut": given.cut, "announced": given.announced}
        return None

    async def before_stop(self, response: AssistantMessage) -> Stop | Continue | None:
        """Tell apart an answer, a cut-off one, an announcement and nothing at all."""
        text = response.text.strip()
        if response.finish == "content_filter":
            return Stop(
                "refusal",
                "The vendor's content filter ended the answer. Put the request differently; if it happens "
                "again, something said earlier is the cause: take it back with /rewind or start anew with /clear.",
            )
        if response.finish == "length":
            said = _CUT if text else _THOUGHT
            return self._nudge("cut", said) or Stop(
                "max_tokens", "The answer was cut off at the model's output limit."
            )
        if _promised(response):
            # An empty promise that stays one is an answer without words.
            nudge = self._nudge("announced", _ANNOUNCED) if self._acting() or not text else None
            return nudge if nudge or text else Stop("end_turn", "The model announced a call and made none.")
        shown = _SHOWN.search(text)
        if shown and (self._writes or (self._fresh and "arguments" in shown[0])):
            self._writes = True
            return self._nudge("announced", _RUN_IT, shown["command"] or "ls")
        if not text:
            return self._nudge("empty", _EMPTY) or Stop("end_turn", "The model stopped without an answer.")
        return None

    def _nudge(self, kind: str, said: tuple[str, str], command: str | None = None) -> Continue | None:
        if self._left[kind] <= 0:
            return None
        self._left[kind] -= 1
        shown = (
            f"{said[0]} {_WRITTEN % json.dumps(command or 'ls')}"
            if self._writes and kind != "cut"
            else said[0]
        )
        note = said[1][0].upper() + said[1][1:] + "."
        return Continue(shown, note=note, drop=command is not None)


_INTENT = re.compile(
    r"(?:(?:ok(?:ay)?|now|next|then|first|great|good|perfect|sure|so|all right)\b[,.:!]?\s+)*"
    r"(?:let me|let's|let us|i(?:['\u2019]ll| will| need to|['\u2019]m going to| am going to| should))\s+"
    r"(?:(?:now|first|next|then|also|quickly|start by|begin by|go ahead and|try to)\s+)*"
    r"(?:run|check|look|read|open|search|find|fix|edit|update|create|write|add|implement|test|examine|inspect|list"
    r"|explore|apply|change|modify|install|execute|verify|try|use|call|refactor|remove|delete|move|rename|build"
    r"|review|investigate|analy[sz]e|running|reading|looking|checking)\b",
    re.IGNORECASE,
)
_INTENT_ZH = re.compile(
    r"(?:好的?[,\uff0c]?)?(?:现在|接下来|下面|首先|然后)?[,\uff0c]?(?:让我|我来|我将|我会|我要|我先)"
    r"(?:先|再|来|去)?(?:运行|查看|检查|读取|看|打开|搜索|查找|修复|修改|编辑|更新|创建|编写|写|添加|实现|测试|执行|删除)"
)
_NO_INTENT = re.compile(
    r"\?|let me know|\bif you\b|\bonce you\b|\bwhen you\b|\bunless\b|\uff1f|请", re.IGNORECASE
)
_SENTENCE = re.compile(r"(?<=[.!?:;\u3002\uff01\uff1f\uff1a])\s+|(?<=[\u3002\uff01\uff1f])|\n+")


def _promised(response: AssistantMessage) -> bool:
    """Whether a call was announced: by the server's own word, or by what the answer ends with."""
    if any(r.kind == "finish" and r.detail == "tool_calls->stop" for r in response.repairs):
        return True
    last = next((s.strip() for s in reversed(_SENTENCE.split(response.text.strip()[-600:])) if s.strip()), "")
    last = last.lstrip("*_#>- ")
    intent = _INTENT.match(last) or _INTENT_ZH.match(last)
    return bool(intent) and len(last) <= 300 and not _NO_INTENT.search(last)
