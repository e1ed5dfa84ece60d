"""Finishing what must be finished, whatever is cancelled meanwhile."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def uninterrupted(work: Coroutine[Any, Any, T]) -> T:
    """Run something to its end even if the caller is cancelled; the cancellation is raised afterwards.

    `asyncio.shield` alone would return early and leave the work to itself.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
        except Exception:  # noqa: BLE001 - the result below raises it again
            break
    if cancelled is not None and not task.cancelled():
        task.exception()
        raise cancelled
    return task.result()
