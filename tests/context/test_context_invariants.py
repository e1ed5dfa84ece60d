"""What must hold for every request of every conversation, whatever happens in it."""

from collections.abc import Coroutine
from typing import Any

import pytest
from context_session import Session, words
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

WINDOWS = [16_384, 32_768, 65_536, 131_072, 262_144, 1_048_576]


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run what never waits; an event loop for each step would take most of the time."""
    try:
        work.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("the context room waited for something")


class Conversation(RuleBasedStateMachine):
    """Everything that can happen to a conversation, in any order; `Session` checks every request."""

    @initialize(
        window=st.sampled_from(WINDOWS),
        seed=st.integers(0, 1 << 20),
        factor=st.sampled_from([0.8, 1.0, 1.25]),
    )
    def begin(self, window: int, seed: int, factor: float) -> None:
        self.unit = window // 128
        self.session = Session(window, seed, factor=factor)
        self.session.say("Fix the bug in src/app.py; never touch vendor/. " + words(self.session.rng, 30))

    @rule(sizes=st.lists(st.integers(1, 12), max_size=4), long=st.integers(1, 20))
    def works(self, sizes: list[int], long: int) -> None:
        run(self.session.step([s * self.unit for s in sizes], args=long * 8))

    @rule(count=st.integers(3, 8), size=st.integers(2, 10))
    def works_for_a_while(self, count: int, size: int) -> None:
        for _ in range(count):
            run(self.session.step([size * self.unit]))

    @rule()
    def gets_a_giant_result(self) -> None:
        run(self.session.step([self.session.model.window]))

    @rule(picture=st.booleans(), size=st.integers(1, 10))
    def hears_the_user(self, picture: bool, size: int) -> None:
        self.session.say(words(self.session.rng, size * 20), picture=picture)

    @rule()
    def hears_a_giant_paste(self) -> None:
        self.session.say(words(self.session.rng, int(0.9 * self.session.model.window)))

    @rule()
    def sees_pictures(self) -> None:
        run(self.session.step([20, 20], picture=True))

    @rule(share=st.floats(0, 1))
    def is_undone(self, share: float) -> None:
        session = self.session
        places = [i for i, m in enumerate(session.state.transcript) if m.role == "user"]
        session.undo(places[int(share * (len(places) - 1))] + 1)

    @rule()
    def is_resumed(self) -> None:
        self.session.resume()

    @rule(fast=st.booleans())
    def is_compacted(self, fast: bool) -> None:
        session = self.session
        run(
            session.context.compact(
                session.state, session.model, session.emit, session.respond, focus="", fast=fast
            )
        )

    @precondition(lambda self: self.session.state.compacted is not None)
    @rule()
    def is_uncompacted(self) -> None:
        session = self.session
        run(session.context.uncompact(session.state, session.model, session.emit))

    @rule(kind=st.sampled_from(["good", "fails", "empty", "huge"]))
    def meets_another_summariser(self, kind: str) -> None:
        self.session.server.summaries = kind

    @rule(window=st.sampled_from(WINDOWS))
    def changes_the_model(self, window: int) -> None:
        self.session.switch(window)

    @rule(share=st.floats(0.6, 1))
    def meets_a_smaller_server(self, share: float) -> None:
        self.session.server.window = int(self.session.model.window * share)

    @rule(data=st.data())
    def is_pinned_and_dropped(self, data: st.DataObject) -> None:
        session = self.session
        ids = [m.call_id for m in session.state.transcript if m.role == "tool"]
        if ids:
            pin = data.draw(st.sampled_from(ids))
            drop = data.draw(st.sampled_from(ids))
            run(session.context.adjust(session.state, session.emit, pin=[pin], unpin=[], hide=[drop]))


TestConversation = Conversation.TestCase
TestConversation.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


async def long_session(session: Session, steps: int) -> None:
    rng, unit = session.rng, min(session.model.window, 131_072) // 128
    session.say("Make the tests of src/app.py pass. Never edit vendor/. " + words(rng, 20))
    for n in range(1, steps + 1):
        sizes = [max(1, int(rng.lognormvariate(0.6, 0.8) * unit)) for _ in range(rng.choice([1, 1, 1, 2, 4]))]
        await session.step(sizes, picture=n % 17 == 0)
        if n % 9 == 0:
            session.say(words(rng, 30), picture=n % 27 == 0)
        if n % 31 == 0:
            session.undo(
                len(session.state.transcript) - 1
                if session.state.transcript[-1].role == "user"
                else max(i for i, m in enumerate(session.state.transcript) if m.role == "user") + 1
            )
        if n % 37 == 0:
            session.resume()
        if n % 71 == 0:
            await session.context.compact(
                session.state, session.model, session.emit, session.respond, focus="", fast=n % 2 == 0
            )
        await _disturb(session, n)


async def _disturb(session: Session, step: int) -> None:
    server = session.server
    server.summaries = "fails" if 100 <= step < 120 else "good"
    if step == 150:
        server.window = int(server.window * 0.7)
    if step == 160:
        await session.step([session.model.window])
    if step == 170:
        session.say(words(session.rng, session.model.window))


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("seed", [1, 2])
async def test_a_long_session_goes_through_every_level(window: int, seed: int) -> None:
    session = Session(window, seed, fixed=min(1_000, window // 40))
    await long_session(session, 240)
    for level in ("batch", "reasoning", "summary", "fallback", "shortened", "undo", "resume", "extended"):
        assert session.fired[level], f"{level} did not happen: {session.fired}"
    assert session.failed == 0
    assert session.fired["extended"] > 100


@pytest.mark.parametrize("window", WINDOWS)
async def test_without_summaries_the_oldest_exchanges_go_and_the_first_message_stays(window: int) -> None:
    session = Session(window, 3, auto=False)
    session.say("Keep this in mind: the answer is 42.")
    steps = 40
    for n in range(steps):
        await session.step([window // 200], args=window // 25, thinking=10)
        if n % 7 == 0:
            session.resume()
    assert session.fired["hard"]
    assert session.failed == 0
    assert "the answer is 42" in "".join(m.text for m in session.view() if m.role == "user")


@settings(max_examples=15, deadline=None)
@given(window=st.sampled_from(WINDOWS[:5]), seed=st.integers(0, 1 << 20), factor=st.floats(0.7, 1.4))
def test_prefixes_change_rarely(window: int, seed: int, factor: float) -> None:
    """Batches and summaries are at most one for each tenth of what the request may grow by."""

    async def work() -> None:
        session = Session(window, seed, factor=factor)
        session.say("go")
        unit = window // 128
        for _ in range(80):
            await session.step([max(1, int(session.rng.lognormvariate(0.3, 0.7) * unit))])
        grown = sum(max(0, b - a) for a, b in zip(session.sizes, session.sizes[1:], strict=False))
        events = session.fired["batch"] + session.fired["summary"] + session.fired["fallback"]
        assert events <= 1 + grown / (0.1 * min(window // 2, 80_000)), (events, grown, session.fired)

    run(work())
