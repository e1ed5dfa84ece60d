"""How a conversation is opened where nobody says otherwise."""

import asyncio

from kcode.frontends.repl.conversation import Opener


def default_opener() -> Opener:
    """Return the composition root's own way."""
    from kcode.app.start import open_conversation  # noqa: PLC0415 - what needs a second must not delay the prompt

    return open_conversation


async def preload() -> None:
    """Load, in a thread, what the first request needs: half a second that the person spends reading or typing."""
    from kcode.providers.connect import preload as load  # noqa: PLC0415 - as above

    await asyncio.to_thread(load)
