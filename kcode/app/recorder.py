"""Where every event of a conversation goes: stored first, then shown."""

from collections import Counter
from collections.abc import Iterable

from kcode.app.faults import without_keys
from kcode.app.spending import Spending
from kcode.screen.printing import complain
from kcode.session.log import SessionLog
from kcode.session.timeline import Timeline
from kcode.types.events import Event, MessageAdded, Notice, ToolFinished
from kcode.types.frontend import Frontend
from kcode.types.messages import AssistantMessage


class Recorder:
    """The sink of all agents of a conversation.

    Attributes:
        log: what is written; replaced when another session is resumed.
        repairs: how often each kind of mending was needed.
        spending: what was spent.
        timeline: what changed after which prompt.

    Args:
        log: what is written first.
        frontend: what is shown.
        troubles: where the log puts what goes wrong with it; told as soon as it happened.
    """

    def __init__(self, log: SessionLog, frontend: Frontend, troubles: list[str]) -> None:
        self.log = log
        self._troubles = troubles
        self.repairs: Counter[str] = Counter()
        self.spending = Spending()
        self.timeline = Timeline()
        self._frontend = frontend
        self._complained = False

    async def __call__(self, event: Event) -> None:
        """Store an event, then show it; what a front end does wrong must not stop the agent."""
        self.log.append(event)
        self.count(event)
        await self._show(event)
        await self._tell()

    async def close(self) -> None:
        """Close the log, and tell what of it could not be saved."""
        self.log.close()
        await self._tell()

    async def _tell(self) -> None:
        while self._troubles:
            await self._show(Notice(level="warning", text=self._troubles.pop(0), code="not_saved"))

    async def _show(self, event: Event) -> None:
        try:
            await self._frontend.on_event(event)
        except Exception as error:  # noqa: BLE001 - see above
            self._complain(error)

    def count(self, event: Event) -> None:
        """Take in what an event tells of repairs, costs and changed files."""
        self.spending.count(event)
        self.timeline.apply(event)
        match event:
            case MessageAdded(message=AssistantMessage() as message):
                repairs = message.repairs
            case ToolFinished():
                repairs = event.repairs
            case _:
                return
        self.repairs.update(f"{repair.place}:{repair.kind}" for repair in repairs)

    def begin(self, log: SessionLog, events: Iterable[Event]) -> None:
        """Write another session from here on, and count what happened in it so far."""
        self.log.close()
        self.log = log
        self.repairs.clear()
        self.spending = Spending()
        self.timeline = Timeline()
        for event in events:
            self.count(event)

    def spent(self) -> float | None:
        """What the session cost so far in US dollars; None where no price is known."""
        return self.spending.total.cost

    def _complain(self, error: Exception) -> None:
        if not self._complained:
            self._complained = True
            complain(without_keys(f"kcode: showing an event failed: {type(error).__name__}: {error}"))
