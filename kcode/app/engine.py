"""What the settings make of the engine: its guards and its patience."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kcode.app.authorize import Authorizer
from kcode.app.endings import EndingGuard, Endings
from kcode.app.guarding import GuardHooks, Guarding
from kcode.app.limits import LimitGuard, Limits, Meter
from kcode.app.rewinding import CheckpointHooks, Rewinding
from kcode.config.schema import Settings
from kcode.engine.guards import Chain
from kcode.engine.loops import LoopGuard, MistakeGuard, Mistakes, Repeats
from kcode.engine.ports import Clock
from kcode.engine.retry import Patience
from kcode.types.hooks import Hooks


@dataclass(frozen=True, slots=True)
class Engine:
    """What the agents of a conversation have in common."""

    settings: Settings
    authorizer: Authorizer
    meter: Meter
    rewinding: Rewinding
    guarding: Guarding
    clock: Clock
    more: Callable[[], Sequence[Hooks]] = tuple

    @property
    def patience(self) -> Patience:
        """How long failures are waited out."""
        retries = self.settings.retries
        return Patience(retries.overloaded_seconds, retries.longest_wait_seconds)

    def hooks(self, limits: Limits, *, small: bool = False) -> Hooks:
        """The guards of one agent; `small` says whether its model is one that explains where it should act."""
        ends = self.settings.turn_endings
        return Chain(
            [
                GuardHooks(self.guarding),
                LimitGuard(limits, self.clock, self.meter),
                *self.more(),
                MistakeGuard(Mistakes(ends.invalid_calls, ends.invalid_calls_stop)),
                LoopGuard(Repeats(ends.repeated_calls, ends.repeated_calls_stop)),
                EndingGuard(
                    Endings(ends.empty, ends.cut_off, ends.announced, ends.shown),
                    acting=lambda: self.authorizer.mode != "plan",
                    small=small,
                ),
                CheckpointHooks(self.rewinding),
            ]
        )
