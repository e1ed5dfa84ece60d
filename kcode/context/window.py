"""The context of one agent: what the next request carries, and what must happen for it to fit."""

from collections.abc import Sequence

from kcode.context import levels, report
from kcode.context.budget import Budget, Limits, budget
from kcode.context.compact import ReadView
from kcode.context.gauge import Gauge
from kcode.context.ledger import Ledger
from kcode.context.levels import Emit, Job, Respond, Save
from kcode.context.project import Projection
from kcode.context.tokens import TokenCount
from kcode.context.trim import choose
from kcode.types.errors import ModelError
from kcode.types.events import ContextTrimmed, Notice, Uncompacted
from kcode.types.messages import AssistantMessage, Message
from kcode.types.model import JsonObject, ModelInfo, Request
from kcode.types.state import State

MEDIA = 1_200_000
"""Bytes of pictures and videos in one request: servers refuse bodies of more than two megabytes."""
_FRUITLESS = 2
"""Compactions in a row that bring too little, after which no more are made by themselves."""


class ContextWindow:
    """Keeps requests within the window: hides old tool results first, summarises when that is not enough."""

    def __init__(
        self,
        *,
        agent: str = "main",
        auto: bool = True,
        limits: Limits | None = None,
        read: ReadView | None = None,
        save: Save | None = None,
    ) -> None:
        """Begin with what the settings say.

        Args:
            agent: whose context this is.
            auto: whether to summarise by itself.
            limits: the thresholds.
            read: reads files again after a compaction; without it their newest views in the transcript are used.
            save: stores outputs that leave the view.
        """
        self._limits = limits or Limits()
        self._auto = auto and self._limits.auto
        self._count = TokenCount()
        self._projection = Projection(self._count)
        self._gauge = Gauge(self._count, self._projection)
        self._tools = levels.Tools(agent, self._count, self._projection, self._gauge, Ledger(), read, save)
        self._agent = agent
        self._fruitless = 0
        self._judged_from = -1
        self._left = 0
        self._judged_model: str = ""
        self._told = False
        self._stopped = False

    async def make_room(
        self, state: State, model: ModelInfo, emit: Emit, respond: Respond, *, overflow: ModelError | None
    ) -> None:
        """Hide and summarise until the next request fits.

        Raises:
            ModelError: (context_overflow) it does not fit, whatever is hidden.
        """
        self._gauge.use(model)
        self._gauge.learn(state)
        media = self._projection.media(state)
        heavy = overflow is not None and overflow.bytes_only and media > 0
        if overflow is not None and not heavy:
            await self._learn(state, model, emit, overflow)
        room = self._room(state, model)
        used = self._gauge.used(state)
        await self._judge(state, model, emit, room)
        job = Job(self._tools, state, room, emit, respond)
        if heavy:
            # Pictures are many bytes and few tokens: the conversation is not too long.
            await levels.lighten(job, media // 3)
            used, overflow = job.used(), None
        if self._projection.media(state) > MEDIA:
            await levels.lighten(job, MEDIA // 2)
            used = job.used()
        trigger = room.limit if state.uncompacted else room.soft
        if used > trigger or overflow is not None:
            await self._relieve(job)
            used = job.used()
        if used > room.limit:
            raise ModelError(
                f"The conversation needs about {used:,} tokens and the model takes {room.limit:,}. "
                "Start anew with /clear, or choose a model with a larger window (/model).",
                kind="context_overflow",
            )

    def request(self, state: State, model: ModelInfo) -> Request:
        """Return the next request."""
        self._gauge.sends(state, model)
        room = self._room(state, model)
        free = room.window - self._gauge.used(state) - (room.window // 64)
        output = max(1_024, min(model.max_output, free))
        return Request(state.system, list(self._projection.view(state)), state.tools, max_output=output)

    def estimate(self, state: State) -> int:
        """Estimate the tokens of the next request."""
        return self._gauge.used(state)

    def weigh(self, message: Message) -> int:
        """Estimate the tokens of one message."""
        return int(self._count.one(message) * self._gauge.scale)

    async def compact(
        self,
        state: State,
        model: ModelInfo,
        emit: Emit,
        respond: Respond,
        *,
        focus: str,
        fast: bool,
    ) -> tuple[int, int]:
        """Summarise now; returns the tokens before and after, which are the same where it brought nothing."""
        before = self.estimate(state)
        job = Job(self._tools, state, self._room(state, model), emit, respond)
        if await levels.summarise(job, focus=focus, fast=fast, trigger_manual=True):
            self._fruitless, self._stopped = 0, False
        else:
            return before, before
        return before, self.estimate(state)

    async def uncompact(self, state: State, model: ModelInfo, emit: Emit) -> str:
        """Take the last compaction back; returns what happened, in words."""
        compacted = state.compacted
        if compacted is None:
            return "No summary is in force."
        room = self._room(state, model)
        shadow = self._projection.without(state, state.compacted_before)
        size = int((shadow + self._gauge.fixed(state)) * self._gauge.scale)
        if size > room.limit:
            return (
                f"Without the summary the conversation would need about {size:,} tokens, and {model.id} takes "
                f"{room.limit:,}. Use a model with a larger window first (/model)."
            )
        await emit(Uncompacted(agent=self._agent))
        self._judged_from = -1
        return f"The summary was taken back: about {self.estimate(state):,} tokens are in view again."

    async def adjust(
        self, state: State, emit: Emit, *, pin: Sequence[str], unpin: Sequence[str], hide: Sequence[str]
    ) -> None:
        """Pin, unpin and hide tool results by their call ids, all in one batch."""
        hidden = report.hidden_by_hand(state, hide)
        before = self.estimate(state)
        event = ContextTrimmed(
            agent=self._agent, hidden=hidden, pinned=tuple(pin), unpinned=tuple(unpin), tokens_before=before
        )
        await emit(event)

    def report(self, state: State, model: ModelInfo, *, plan: bool = False) -> JsonObject:
        """Say what fills the window, in tokens; with `plan` what a compaction now would do."""
        room = self._room(state, model)
        if plan:
            return report.plan(self._tools, state, room)
        return report.report(self._tools, state, room, auto=self._auto and not self._stopped)

    def _room(self, state: State, model: ModelInfo) -> Budget:
        fixed = int(self._gauge.fixed(state) * self._gauge.scale)
        return budget(model, self._limits, window=state.window_learnt, fixed=fixed)

    async def _learn(self, state: State, model: ModelInfo, emit: Emit, overflow: ModelError) -> None:
        """Take in a refusal: its window where it names one, else that this request was too long."""
        room = self._room(state, model)
        used = self._gauge.used(state)
        window = overflow.window or int(0.85 * min(used, room.window))
        self._gauge.refused(self._gauge.raw(state), min(window, room.window))
        if window < room.window:
            await emit(
                ContextTrimmed(agent=self._agent, window=window, tokens_before=used, tokens_after=used)
            )

    async def _relieve(self, job: Job) -> None:
        """Go through the levels until the request is small enough."""
        limit = job.room.limit
        if job.used() > limit:
            await levels.squeeze(job, room=max(job.room.output, limit // 4))
        await self._batch_or_summary(job)
        if job.used() > limit:
            await levels.hide(job, choose(job.state, self._count, job.room, free=1 << 40, everything=True))
        if job.used() > limit:
            await levels.squeeze(job, room=job.room.output)
        if job.used() > limit:
            await levels.drop(job)
        if job.used() > limit:
            await levels.squeeze(job, room=512)

    async def _batch_or_summary(self, job: Job) -> None:
        used = job.used()
        batch = choose(job.state, self._count, job.room, free=job.raw(used - job.room.low))
        freed = job.real(batch.freed)
        enough = freed >= job.room.worth and used - freed <= job.room.summarise
        if not enough and self._auto and not self._stopped:
            if await levels.summarise(job):
                self._judged_from = len(job.state.transcript)
                self._left = job.used()
                return
            self._fruitless += 1
            used = job.used()
            batch = choose(job.state, self._count, job.room, free=job.raw(used - job.room.low))
            freed = job.real(batch.freed)
        if freed >= job.room.worth or used > job.room.limit:
            await levels.hide(job, batch)

    async def _judge(self, state: State, model: ModelInfo, emit: Emit, room: Budget) -> None:
        """Stop what brings nothing: compactions of a head that is fixed, and those that are full again at once."""
        if model.id != self._judged_model:
            self._judged_model, self._fruitless = model.id, 0
            self._told = self._stopped = False
        fixed = self._gauge.fixed(state) * self._gauge.scale
        if fixed > 0.5 * room.limit and not self._told:
            self._told = self._stopped = True
            text = (
                f"The system prompt and the tools alone take about {int(fixed):,} of the {room.limit:,} tokens that "
                f"{model.id} takes. Summaries would not help and are switched off; use fewer tools or a larger window."
            )
            await emit(Notice(agent=self._agent, level="warning", text=text, code="context-fixed"))
        self._count_fruitless(state, room)
        if self._fruitless >= _FRUITLESS and not self._stopped:
            self._stopped = True
            text = (
                "Summaries bring too little room and are switched off. Old tool results are still hidden. "
                "/compact tries again; /clear starts anew."
            )
            await emit(Notice(agent=self._agent, level="warning", text=text, code="context-fruitless"))

    def _count_fruitless(self, state: State, room: Budget) -> None:
        """Look at what the first request after a summary really was, where the server has said it."""
        if not 0 <= self._judged_from < len(state.transcript):
            return
        answer = state.transcript[self._judged_from]
        if isinstance(answer, AssistantMessage) and answer.usage.input and not answer.usage.estimated:
            self._left = answer.usage.input
        self._judged_from = -1
        self._fruitless = self._fruitless + 1 if self._left > 0.8 * room.soft else 0
