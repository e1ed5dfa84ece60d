"""One streamed reply: bytes in, what may be shown out, a message at the end. Everything below meets here."""

from collections.abc import Sequence

from kcode.arguments import resolve
from kcode.providers.assemble import Assembler, Response
from kcode.providers.repair import repair
from kcode.providers.repair_filter import MarkupFilter
from kcode.types.errors import ModelError
from kcode.types.messages import AssistantMessage, Usage
from kcode.types.model import Delta, ToolSpec


class Reply:
    """Receives one reply."""

    def __init__(self, tools: Sequence[ToolSpec] = (), *, model: str = "", wanted: bool = True) -> None:
        """`wanted` says whether calls of these tools are: otherwise those in the text are left out and not made."""
        self._tools = tools
        self._wanted = wanted
        self._names = [tool.name for tool in tools]
        self._model = model
        self._assembler = Assembler()
        self._content = MarkupFilter(self._names)
        self._reasoning = MarkupFilter(self._names, words=False)
        self._shown: list[str] = []

    @property
    def events(self) -> int:
        """How many events came; keep-alive comments do not count, so that a watchdog can tell."""
        return self._assembler.events

    @property
    def done(self) -> bool:
        """Whether nothing more will come: the end marker or an error did."""
        return self._assembler.done or self._assembler.failed

    @property
    def usage(self) -> Usage | None:
        """What the server counted so far."""
        return self._assembler.usage

    @property
    def arguments(self) -> str:
        """The arguments of all calls so far, which are not shown."""
        return self._assembler.arguments

    def feed(self, data: bytes) -> list[Delta]:
        """Take in bytes as they come from the connection; return what may be shown."""
        shown: list[Delta] = []
        for delta in self._assembler.feed(data):
            if delta.call:
                shown.append(Delta(call=resolve(delta.call, self._names) or delta.call))
                continue
            text, thinking = self._content.feed(delta.text) if delta.text else ("", "")
            if delta.thinking:
                said = self._reasoning.feed(delta.thinking)
                thinking = said.thinking + said.text + thinking
            if text or thinking:
                self._shown.append(text)
                shown.append(Delta(text, thinking))
        return shown

    def finish(self, *, cut: bool = False) -> tuple[AssistantMessage, list[Delta]]:
        """Return the message, and what of it was not shown yet.

        Args:
            cut: whether the connection broke before the server closed it.

        Raises:
            ModelError: the server reported an error, the reply is cut off or empty.
        """
        response = self._assembler.finish(cut=cut)
        message = repair(response, self._tools, model=self._model, wanted=self._wanted)
        _refuse_empty(message, response)
        said = self._reasoning.finish()
        thinking = said.thinking + said.text
        text, more = self._content.finish(calls_came=bool(response.calls))
        rest = self._rest(message.text, text)
        return message, [Delta(rest, thinking + more)] if rest or thinking or more else []

    def _rest(self, text: str, held: str) -> str:
        shown = "".join(self._shown)
        # The two differ only where thinking was recognised as such too late.
        return text[len(shown) :] if text.startswith(shown) else held


def _refuse_empty(message: AssistantMessage, response: Response) -> None:
    if message.finish != "stop" or message.text.strip() or message.tool_calls:
        return
    said = "only thinking, no answer" if message.thinking else "nothing at all"
    promised = (
        " although it announced a tool call" if response.finish in {"tool_calls", "function_call"} else ""
    )
    raise ModelError(f"The model sent {said}{promised}.", kind="empty")
