"""Other models for when the first one cannot be had: those that the person named, in their order."""

import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping

from kcode.types.errors import ConfigError, ModelError, ModelErrorKind
from kcode.types.messages import AssistantMessage
from kcode.types.model import Model, ModelInfo, OnDelta, Request

COOL = 300.0
"""Seconds for which a model that failed is left alone."""
_AFTER = 2
"""Failures in a row after which the next model is asked."""
_AT_ONCE: frozenset[ModelErrorKind] = frozenset({"quota", "not_found", "auth", "forbidden"})
_IN_TIME: frozenset[ModelErrorKind] = frozenset(
    {"overloaded", "rate_limited", "server", "timeout", "network"}
)


class FallbackModel:
    """Asks the first model that is not cooling down.

    Waiting and retrying stay with whoever asks: a failure that may pass is raised as it is, and only the next
    request goes elsewhere. One that does not pass by waiting is answered by the next model at once.
    """

    def __init__(
        self,
        first: Model,
        others: Mapping[str, Callable[[], Awaitable[Model]]],
        tell: Callable[[str], Awaitable[None]],
        *,
        now: Callable[[], float] = time.monotonic,
        until: MutableMapping[str, float] | None = None,
    ) -> None:
        """Begin with the first.

        Args:
            first: the model that is wanted.
            others: by name, what opens the models to fall back to, each when it is needed.
            tell: informs the person.
            now: seconds.
            until: by name, until when a model is left alone; shared with those that come after this one.
        """
        self._models: dict[str, Model] = {first.info.id: first}
        self._others = others
        self._names = (first.info.id, *others)
        self._tell = tell
        self._now = now
        self._until: MutableMapping[str, float] = {} if until is None else until
        self._row = 0

    @property
    def info(self) -> ModelInfo:
        """What is known of the model in use."""
        return self._models[self._name].info

    async def respond(self, request: Request, on_delta: OnDelta) -> AssistantMessage:
        """Return one response.

        Raises:
            ModelError: the request failed, and no other model could answer it.
        """
        if self._cools(self._name):
            # Those before it left it alone too: what they asked instead has to be opened once more.
            await self._next()
        while True:
            name = self._name
            try:
                answer = await self._models[name].respond(request, on_delta)
            except ModelError as error:
                if not await self._moved(name, error):
                    raise
                if error.kind not in _AT_ONCE:
                    # The one that is asked next has not asked anybody to wait.
                    raise ModelError(
                        str(error), kind=error.kind, status=error.status, retry_after=0
                    ) from error
            else:
                self._row = 0
                return answer

    async def close(self) -> None:
        """Release the connections of all."""
        for model in self._models.values():
            await model.close()

    @property
    def _name(self) -> str:
        ready = (name for name in self._names if name in self._models and not self._cools(name))
        return next(ready, self._names[0])

    def _cools(self, name: str) -> bool:
        return self._until.get(name, 0.0) > self._now()

    async def _moved(self, name: str, error: ModelError) -> bool:
        """Take a model out of use after a failure if there is another one; whether it is."""
        self._row += 1
        if error.kind not in _AT_ONCE and (error.kind not in _IN_TIME or self._row < _AFTER):
            return False
        before, self._until[name] = self._until.get(name, 0.0), self._now() + COOL
        found = await self._next()
        if found is None:
            self._until[name] = before
            return False
        self._row = 0
        await self._tell(
            f"{self._models[name].info.id} cannot be had at the moment ({error}) "
            f"{found.info.id} is asked instead for {COOL / 60:.0f} minutes."
        )
        return True

    async def _next(self) -> Model | None:
        """Open the first model that is not cooling down; None where all are."""
        for name in self._names:
            if self._cools(name):
                continue
            if name not in self._models:
                try:
                    self._models[name] = await self._others[name]()
                except (ModelError, ConfigError) as failed:
                    self._until[name] = self._now() + COOL
                    await self._tell(f"A model to fall back to cannot be used: {failed}")
                    continue
            return self._models[name]
        return None
