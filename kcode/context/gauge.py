"""How long the next request will be: what the server last counted, and an estimate of what came since."""

from collections.abc import Sequence

from kcode.context import tokens
from kcode.context.project import Projection
from kcode.context.tokens import TokenCount
from kcode.types.messages import AssistantMessage
from kcode.types.model import ModelInfo, ToolSpec
from kcode.types.state import State

_LOOK_BACK = 64
"""Messages that are searched for the server's last count."""
_LEAST, _MOST = 0.7, 2.0
"""Where the correction ends. A count far below the estimate leaves something out, such as what was cached; other
models' tokenizers do make up to twice as many tokens of the same text."""
_WEIGHT = 0.3


class Gauge:
    """Estimates, corrected by what the server really counted.

    Attributes:
        scale: real tokens for each estimated one, of the model in use.
    """

    def __init__(self, count: TokenCount, projection: Projection) -> None:
        self.scale = 1.0
        self._count = count
        self._projection = projection
        self._model = ""
        self._sent: tuple[int, int] | None = None
        self._measured = False
        self._fixed: tuple[str, Sequence[ToolSpec], int] = ("", (), 0)

    def sends(self, state: State, model: ModelInfo) -> None:
        """Remember the estimate of a request, to compare it with the server's count."""
        self.use(model)
        self._sent = (len(state.transcript), self.raw(state))

    def use(self, model: ModelInfo) -> None:
        """Begin anew where the model is another one."""
        if model.id != self._model:
            self._model, self.scale, self._sent, self._measured = model.id, 1.0, None, False

    def learn(self, state: State) -> None:
        """Compare the last request with what the server counted."""
        if self._sent is None or len(state.transcript) <= self._sent[0]:
            return
        position, raw = self._sent
        self._sent = None
        answer = state.transcript[position]
        if not isinstance(answer, AssistantMessage) or answer.usage.estimated or not answer.usage.input:
            return
        ratio = min(_MOST, max(_LEAST, answer.usage.input / max(1, raw)))
        self.scale = ratio if not self._measured else (1 - _WEIGHT) * self.scale + _WEIGHT * ratio
        self._measured = True

    def refused(self, raw: int, window: int) -> None:
        """Take in that a request of `raw` estimated tokens was more than `window` real ones."""
        if raw * self.scale < window:
            self.scale = min(_MOST, 1.05 * window / max(1, raw))

    def fixed(self, state: State) -> int:
        """Estimate the system prompt and the tools, which every request carries."""
        system, tools, size = self._fixed
        if system is not state.system or tools is not state.tools:
            size = tokens.of_text(state.system) + tokens.of_tools(state.tools)
            self._fixed = (state.system, state.tools, size)
        return size

    def raw(self, state: State) -> int:
        """Estimate the next request without any correction."""
        return self.fixed(state) + self._projection.tokens(state)

    def used(self, state: State) -> int:
        """Estimate the tokens of the next request."""
        own = self.raw(state) * self.scale
        newer = 0
        first = max(state.reshaped, len(state.transcript) - _LOOK_BACK)
        for position in range(len(state.transcript) - 1, first - 1, -1):
            message = state.transcript[position]
            if isinstance(message, AssistantMessage) and message.usage.input and not message.usage.estimated:
                if self._model and message.model not in {"", self._model}:
                    return int(own)  # another model's tokens are others
                counted = message.usage.input + message.usage.output + newer * self.scale
                # A server that counts less than this leaves out what it had cached.
                return int(counted if counted > 0.4 * own else own)
            newer += self._count.one(message)
        return int(own)
