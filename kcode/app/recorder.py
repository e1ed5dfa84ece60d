"""Where every event of a conversation goes: stored first, then shown."""

import sys
from collections import Counter

from kcode.session.log import SessionLog
from kcode.types.events import Event, MessageAdded, ToolFinished
from kcode.types.frontend import Frontend
from kcode.types.messages import AssistantMessage


class Recorder:
    """The sink of all agents of a conversation.

    Attributes:
        log: what is written; replaced when another session is resumed.
        repairs: how often each kind of mending was needed.
    """

    def __init__(self, log: SessionLog, frontend: Frontend) -> None:
        self.log = log
        self.repairs: Counter[str] = Counter()
        self._frontend = frontend
        self._complained = False

    async def __call__(self, event: Event) -> None:
        """Store an event, then show it; what a front end does wrong must not stop the agent."""
        self.log.append(event)
        self.count(event)
        try:
            await self._frontend.on_event(event)
        except Exception as error:  # noqa: BLE001 - see above
            self._complain(error)

    def count(self, event: Event) -> None:
        """Count the repairs that an event tells of."""
        match event:
            case MessageAdded(message=AssistantMessage() as message):
                repairs = message.repairs
            case ToolFinished():
                repairs = event.repairs
            case _:
                return
        self.repairs.update(f"{repair.place}:{repair.kind}" for repair in repairs)

    def _complain(self, error: Exception) -> None:
        if not self._complained:
            self._complained = True
            print(f"kcode: showing an event failed: {type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201
