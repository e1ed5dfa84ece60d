"""What draws the live region ends when it is told to."""

import asyncio

from kcode.frontends.repl.feed import FRAME, Feed
from kcode.frontends.repl.live import Live
from kcode.frontends.repl.render.canvas import Canvas
from kcode.frontends.repl.scroll import Scroll
from kcode.frontends.repl.status import Status
from kcode.frontends.repl.theme import Theme

PLAIN = Theme(colour=False, drawable=False)


class Paper:
    """Takes what is printed."""

    columns = 80

    def print(self, text: str) -> None:
        del text

    def redraw(self) -> None:
        return


async def test_it_ends_also_when_something_happens_at_the_same_moment() -> None:
    canvas = Canvas(PLAIN)
    feed = Feed(Scroll(Paper(), canvas), Live(canvas), Status(PLAIN))
    feed.begin("Working")
    task = asyncio.create_task(feed.tick())
    await asyncio.sleep(FRAME * 2)
    feed.show_queue([])
    task.cancel()
    await asyncio.wait({task}, timeout=2)
    assert task.cancelled()
