"""How many requests may run at once, where the account allows few."""

import asyncio
import re
from collections import deque
from types import TracebackType

from kcode.types.errors import ModelError

_CONCURRENCY = re.compile(r"concurren\w*\D{0,40}?(\d+)", re.IGNORECASE)


class Gate:
    """Lets requests through at once until the server says how many it takes; then the others queue.

    The smallest accounts may have one request at a time: sub-agents wait for one another.

    Attributes:
        limit: how many at once, 0 for any number.
    """

    def __init__(self) -> None:
        self.limit = 0
        self._running = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        while self.limit and self._running >= self.limit:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._wake()
                raise
            finally:
                if turn in self._waiting:
                    self._waiting.remove(turn)
        self._running += 1

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running -= 1
        if isinstance(error, ModelError):
            self._learn(error)
        self._wake()

    def _learn(self, error: ModelError) -> None:
        """Read the limit out of a refusal; what ran beside the refused request is known to be allowed."""
        if error.kind != "rate_limited" or "concurren" not in str(error).lower():
            return
        named = _CONCURRENCY.search(str(error))
        self.limit = max(1, int(named.group(1)) if named else self._running)

    def _wake(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
