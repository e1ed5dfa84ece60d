"""Endings that are none: nothing said, cut off, announced and not made, shown and not made."""

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass

from kcode.app.next_call import OPEN, failing, how_to_mend, reply_with, suggest, what_next
from kcode.app.seen import Seen, what_was_seen
from kcode.app.shown import Shown, find_shown
from kcode.engine.guards import PlainHooks, with_words
from kcode.types.hooks import Continue, Stop
from kcode.types.messages import AssistantMessage, Message, ToolCall, ToolMessage, UserMessage
from kcode.types.state import State
from kcode.types.tool import ToolOutput


@dataclass(frozen=True, slots=True)
class Endings:
    """How often in a turn the model is asked to go on after each kind of ending.

    `shown` counts calls and code that were shown instead of made; between two calls, `announced` bounds it too.
    """

    empty: int = 2
    cut: int = 3
    announced: int = 2
    shown: int = 8


_CUT = (
    "Your answer was cut off at the output limit. Go on exactly where it stopped, without repeating anything.",
    "The answer was cut off at the output limit; asked to go on.",
)
_THOUGHT = (
    "You reached the output limit while thinking, before any answer. Think briefly now: call a tool, or answer.",
    "The thinking reached the output limit; asked to be brief.",
)
_EMPTY = (
    "Your last response held no answer and no tool call. Go on with the task: call a tool, or answer.",
    "The response was empty; asked to go on.",
)
_ANNOUNCED = (
    "You said what you would do next, but called no tool. Call it now; if nothing is left to do, say the result.",
    "A tool call was announced but not made; asked for it.",
)
_FIX = "How do you fix it? Show the corrected code."
_NEXT = "What comes next? Show the code or the command."
_TASK = 400
"""Characters of a task that are repeated."""


class EndingGuard(PlainHooks):
    """Nudges a model that stopped without an answer; a bounded number of times in a turn.

    Args:
        endings: the bounds.
        acting: whether the model is to act at all: while it plans, an announcement is an answer.
        small: whether the model is one that explains where it should act. Others may show code as their answer.
    """

    def __init__(
        self,
        endings: Endings | None = None,
        *,
        acting: Callable[[], bool] = lambda: True,
        small: bool = False,
    ) -> None:
        self._endings = endings or Endings()
        self._left = dict.fromkeys(asdict(self._endings), 0)
        self._in_a_row, self._asked, self._question = 0, "", ""
        self._acting, self._small = acting, small
        self._writes, self._fresh = False, True
        self._state: State | None = None

    async def before_step(self, state: State, step: int) -> Stop | Continue | None:
        """Start each turn with all nudges, and notice a model that writes its calls as text."""
        self._state = state
        last = next((m for m in reversed(state.transcript) if isinstance(m, AssistantMessage)), None)
        if last is not None and any(r.kind == "written_call" for r in last.repairs):
            self._writes = True
        if last is not None and last.tool_calls:
            self._in_a_row, self._asked = 0, ""
            if self._loses():
                # Each step of a small model may need help: between two calls the bounds hold.
                self._left |= {"empty": self._endings.empty, "announced": self._endings.announced}
        self._fresh = step == 1
        if self._fresh:
            self._in_a_row, self._asked, self._question = 0, "", ""
            self._left = asdict(self._endings)
        question, self._question = self._question, ""
        return Continue(question) if question else None

    async def after_call(self, call: ToolCall, output: ToolOutput) -> ToolOutput:
        """Bring the task back with each result: small models lose it in a few of them."""
        if not self._loses() or not self._prompt():
            return output
        result = ToolMessage(call_id=call.id, name=call.name, parts=output.parts, is_error=output.is_error)
        if not self._can_mend():
            return with_words(output, self._task(OPEN))
        seen = self._seen(AssistantMessage(parts=(call,)), result)
        # Code is shown in answer to a person; asked for in a result, it is met with silence as often as not.
        self._question = how_to_mend(self._prompt(), seen)
        return output if self._question else with_words(output, self._task(what_next(self._prompt(), seen)))

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
        if not text:
            return self._nudge("empty", _EMPTY) or Stop("end_turn", "The model stopped without an answer.")
        return self._ask_for(self._shown(text)) if self._acting() else None

    def _shown(self, text: str) -> Shown | None:
        """What was shown instead of done, as far as this model is known to do so."""
        state = self._state
        # A larger model that plans calls with its first words is asked for them; later on it may show some.
        if state is None or not (self._loses() or (self._fresh and '"arguments"' in text)):
            return None
        shown = find_shown(text, self._prompt(), [tool.name for tool in state.tools], self._seen())
        if shown is None or (shown.kind == "prose" and not self._small):
            return None
        return shown if self._loses() or shown.kind == "call" else None

    def _prompt(self) -> str:
        """What the person asked for last."""
        said = self._state.transcript if self._state else ()
        return next((m.text for m in reversed(said) if isinstance(m, UserMessage) and m.origin == "user"), "")

    def _ask_for(self, shown: Shown | None) -> Continue | None:
        if shown is None or self._left["shown"] <= 0 or self._in_a_row >= self._endings.announced:
            return None
        self._left["shown"] -= 1
        self._in_a_row += 1
        self._asked = shown.call
        # A model that sees calls or commands that it showed would show them again; code it has to see to put it in.
        asked = f"{shown.told}. {reply_with(shown.call, again=self._in_a_row > 1)}"
        return Continue(asked, note=shown.note, drop=shown.kind != "code")

    def _nudge(self, kind: str, said: tuple[str, str]) -> Continue | None:
        if self._left[kind] <= 0:
            return None
        self._left[kind] -= 1
        if kind == "cut" or not self._loses():
            return Continue(said[0], note=said[1])
        prompt, seen = self._prompt(), self._seen()
        question = how_to_mend(prompt, seen, again=True) if self._can_mend() else ""
        call = self._asked or ("" if question else suggest(prompt, seen))
        # Small models that say nothing when they are told to call or answer do answer a plain question.
        asked = question or (_FIX if failing(prompt) else _NEXT)
        words = f"{said[0]} {reply_with(call, again=bool(self._asked))}" if call else asked
        return Continue(words, note=said[1], drop=kind == "announced")

    def _seen(self, *more: Message) -> Seen:
        state = self._state
        return what_was_seen(state.system, (*state.transcript, *more)) if state else Seen()

    def _loses(self) -> bool:
        return self._writes or self._small

    def _can_mend(self) -> bool:
        """Whether the model may and can do what is asked of it by name: run, read and change."""
        offered = {tool.name for tool in self._state.tools} if self._state else set[str]()
        return self._acting() and {"Bash", "Read", "Edit"} <= offered

    def _task(self, asked: str) -> str:
        """Say what the person wants, and ask for what comes next."""
        prompt = self._prompt()
        short = prompt if len(prompt) <= _TASK else f"{prompt[:_TASK]} ..."
        return f"[kcode: the task is: {short}\n{asked}]"


_INTENT = re.compile(
    r"(?:to [^.\n]{3,120}?, )?"
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
