"""Showing a stored session again, from what was kept of it."""

from collections.abc import Sequence

from kcode.frontends.acp.session import Session
from kcode.frontends.acp.updates import Place, Translator
from kcode.types.events import Cleared, Event


async def replay(session: Session, events: Sequence[Event]) -> None:
    """Tell everything since the conversation was last cleared.

    Terminals are left out: those that the editor knew are gone.
    """
    last = max((n for n, event in enumerate(events) if isinstance(event, Cleared)), default=-1)
    translator = Translator(Place(session.spelling.shown), session.can, live=False)
    for event in events[last + 1 :]:
        await session.tell(*await translator.of(event))
    session.translator.titled = translator.titled
