"""What a crash or a kill left open, and the events that close it."""

from collections.abc import Sequence

from kcode.types.events import Event, MessageAdded, ToolFinished, ToolStarted, TurnEnded
from kcode.types.messages import TextPart, ToolCall, ToolMessage

_STARTED = (
    "Interrupted; outcome unknown. kcode ended while this call ran, so it may have been done in part. "
    "Look at what it changed before you repeat it."
)
_UNSTARTED = "Interrupted; outcome unknown. kcode ended before any record says that this call began."


def lost_result(call: ToolCall, *, started: bool) -> ToolMessage:
    """Answer a call whose result is not in the log."""
    text = _STARTED if started else _UNSTARTED
    return ToolMessage(call_id=call.id, name=call.name, parts=(TextPart(text=text),), is_error=True)


class Openings:
    """What began and did not end; `turn` tells whether a turn did."""

    def __init__(self) -> None:
        self.turn = False
        self._running: dict[str, ToolStarted] = {}
        self._begun: set[str] = set()

    def start(self, event: ToolStarted) -> None:
        """A call runs."""
        self._running[event.call_id] = event
        self._begun.add(event.call_id)

    def finish(self, call_id: str) -> None:
        """A call ended."""
        self._running.pop(call_id, None)

    def end(self) -> None:
        """The turn ended, and with it everything in it."""
        self.turn = False
        self._running.clear()
        self._begun.clear()

    def started(self, call_id: str) -> bool:
        """Whether a record says that the call began."""
        return call_id in self._begun

    def settle(self, agent: str, waiting: Sequence[ToolCall]) -> Sequence[Event]:
        """Return the events that close all of it; `waiting` are the calls without a result."""
        events: list[Event] = [
            ToolFinished(agent=agent, call_id=e.call_id, name=e.name, status="cancelled", title=e.title)
            for e in self._running.values()
        ]
        events += [
            MessageAdded(agent=agent, message=lost_result(call, started=self.started(call.id)))
            for call in waiting
        ]
        if self.turn:
            note = "kcode ended before the turn did."
            events.append(TurnEnded(agent=agent, stop_reason="cancelled", note=note))
        return events
