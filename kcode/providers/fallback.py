"""Other models for when the first one cannot be had: those that the person named, in their order."""

import time
from collections.abc import Awaitable, Callable, Sequence

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
        others: Sequence[Callable[[], Awaitable[Model]]],
        tell: Callable[[str], Awaitable[None]],
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`others` open the models to fall back to, each when it is needed; `tell` informs the person."""
        self._models: list[Model | None] = [first, *(None for _ in others)]
        self._others = others
        self._tell = tell
        self._now = now
        self._until = [0.0] * len(self._models)
        self._row = 0
        self._first = first

    @property
    def info(self) -> ModelInfo:
        """What is known of the model in use."""
        return self._model.info

    async def respond(self, request: Request, on_delta: OnDelta) -> AssistantMessage:
        """Return one response.

        Raises:
            ModelError: the request failed, and no other model could answer it.
        """
        while True:
            model = self._model
            try:
                answer = await model.respond(request, on_delta)
            except ModelError as error:
                if not await self._moved(model, error):
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
        for model in self._models:
            if model is not None:
                await model.close()

    @property
    def _model(self) -> Model:
        now = self._now()
        ready = (
            m for m, until in zip(self._models, self._until, strict=True) if m is not None and until <= now
        )
        return next(ready, self._first)

    async def _moved(self, model: Model, error: ModelError) -> bool:
        """Take a model out of use after a failure if there is another one; whether it is."""
        self._row += 1
        if error.kind not in _AT_ONCE and (error.kind not in _IN_TIME or self._row < _AFTER):
            return False
        place = self._models.index(model)
        before, self._until[place] = self._until[place], self._now() + COOL
        found = await self._next(error)
        if found is None:
            self._until[place] = before
            return False
        self._row = 0
        await self._tell(
            f"{model.info.id} cannot be had at the moment ({error}) "
            f"{found.info.id} is asked instead for {COOL / 60:.0f} minutes."
        )
        return True

    async def _next(self, error: ModelError) -> Model | None:
        for place, until in enumerate(self._until):
            if until > self._now():
                continue
            model = self._models[place]
            if model is None:
                try:
                    model = await self._others[place - 1]()
                except (ModelError, ConfigError) as failed:
                    self._until[place] = self._now() + COOL
                    await self._tell(f"A model to fall back to cannot be used: {failed}")
                    continue
                self._models[place] = model
            return model
        del error
        return None
