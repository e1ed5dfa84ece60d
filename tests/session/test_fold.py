from hypothesis import given
from hypothesis import strategies as st
from session_logs import answer, ended, finished, logs, objections, result, started, turn, user

from kcode.session.fold import Fold, fold, settle
from kcode.types.events import (
    Cleared,
    Compacted,
    ContextTrimmed,
    Event,
    Hidden,
    MessageAdded,
    ModeChanged,
    ModelChanged,
    PromptSet,
    ResponseBroken,
    Todo,
    TodosSet,
    ToolFinished,
    TurnEnded,
    TurnStarted,
    Undone,
)
from kcode.types.messages import AssistantMessage, TextPart, ToolMessage, Usage
from kcode.types.model import ToolSpec
from kcode.types.state import State


def resumed(events: list[Event]) -> Fold:
    return fold([*events, *settle(events)])


@given(logs(), st.data())
def test_every_prefix_of_a_log_settles_to_a_transcript_that_a_server_accepts(
    log: list[Event], data: st.DataObject
) -> None:
    prefix = log[: data.draw(st.integers(0, len(log)))]
    state = resumed(prefix)
    assert objections(state.transcript) == []
    assert not state.in_turn
    assert list(state.settlement()) == []


@given(logs(), st.data())
def test_a_log_that_lost_records_anywhere_still_settles_to_a_transcript_that_a_server_accepts(
    log: list[Event], data: st.DataObject
) -> None:
    lost = data.draw(st.sets(st.integers(0, len(log))))
    state = resumed([event for n, event in enumerate(log) if n not in lost])
    assert objections(state.transcript) == []


@given(logs(), st.data())
def test_a_log_whose_records_were_shuffled_still_settles_to_a_transcript_that_a_server_accepts(
    log: list[Event], data: st.DataObject
) -> None:
    assert objections(resumed(data.draw(st.permutations(log))).transcript) == []


def test_a_call_that_ran_when_kcode_died_is_answered_as_unknown_and_its_turn_ends_cancelled() -> None:
    events: list[Event] = [
        TurnStarted(),
        user(),
        answer("", "a", "b"),
        started("a"),
        finished("a"),
        started("b"),
    ]
    closing = settle([*events, result("a")])
    finish, message, end = closing
    assert isinstance(finish, ToolFinished)
    assert (finish.call_id, finish.status) == ("b", "cancelled")
    assert isinstance(message, MessageAdded)
    assert isinstance(message.message, ToolMessage)
    assert (message.message.call_id, message.message.is_error) == ("b", True)
    assert "outcome unknown" in message.message.text
    assert isinstance(end, TurnEnded)
    assert end.stop_reason == "cancelled"


def test_a_call_that_had_not_begun_is_told_apart_from_one_that_had() -> None:
    events: list[Event] = [TurnStarted(), user(), answer("", "a", "b"), started("a")]
    texts = [m.text for m in resumed(events).transcript if isinstance(m, ToolMessage)]
    assert len(set(texts)) == 2


def test_a_finished_conversation_needs_no_settling() -> None:
    assert list(settle(turn("hello", "a"))) == []


def test_results_that_come_out_of_order_are_put_into_the_order_of_the_calls() -> None:
    events: list[Event] = [user(), answer("", "a", "b", "c"), result("c"), result("a"), result("b")]
    assert [m.call_id for m in fold(events).transcript if isinstance(m, ToolMessage)] == ["a", "b", "c"]


def test_the_fold_is_the_state_that_the_engine_asks_for() -> None:
    state: State = Fold()
    assert state.system == ""
    assert list(state.transcript) == []


def test_prompt_model_and_mode_are_the_newest_ones() -> None:
    tool = ToolSpec(name="Read", description="", parameters={})
    state = fold(
        [
            PromptSet(system="one", tools=()),
            PromptSet(system="two", tools=(tool,), reason="mcp"),
            ModelChanged(model="k3", window=1000),
            ModeChanged(mode="plan"),
        ]
    )
    assert (state.system, list(state.tools), state.model, state.window, state.mode) == (
        "two",
        [tool],
        "k3",
        1000,
        "plan",
    )


def test_undo_takes_back_messages_and_everything_learnt_after_them() -> None:
    first: list[Event] = [
        TurnStarted(), user("one"), answer("", "a"), started("a"), finished("a", "/f/old"),
        TodosSet(todos=(Todo(content="old"),)), result("a"), answer(), ended(),
    ]  # fmt: skip
    second: list[Event] = [
        TurnStarted(), user("two"), answer("", "b"), started("b"), finished("b", "/f/new"),
        TodosSet(todos=(Todo(content="new"),)), result("b"), answer(), ended(),
    ]  # fmt: skip
    before = fold(first)
    state = fold([*first, *second])
    assert set(state.seen) == {"/f/old", "/f/new"}
    state.apply(Undone(upto=4))
    assert list(state.transcript) == list(before.transcript)
    assert dict(state.seen) == dict(before.seen)
    assert list(state.todos) == list(before.todos)


def test_undo_into_a_batch_of_calls_leaves_the_cut_ones_to_be_settled() -> None:
    events: list[Event] = [*turn("one", "a", "b"), Undone(upto=3)]
    assert [call.id for call in fold(events).waiting] == ["b"]
    assert objections(resumed(events).transcript) == []


def test_undo_revokes_a_compaction_of_messages_that_are_gone_and_keeps_an_older_one() -> None:
    older, newer = Compacted(upto=2, summary="a"), Compacted(upto=4, summary="b")
    state = fold([*turn("one"), *turn("two"), older, newer, *turn("three")])
    state.apply(Undone(upto=4))
    assert state.compacted == newer
    state.apply(Undone(upto=3))
    assert state.compacted == older
    state.apply(Undone(upto=1))
    assert state.compacted is None


def test_clear_forgets_the_conversation_but_not_what_it_cost() -> None:
    spent = Usage(input=10, output=5, cost=0.5)
    events: list[Event] = [
        PromptSet(system="s", tools=()),
        user(),
        answer(usage=spent),
        Compacted(upto=1, summary="x"),
    ]
    state = fold([*events, finished("a", "/f"), Cleared()])
    assert (list(state.transcript), dict(state.seen), state.compacted) == ([], {}, None)
    assert state.usage == spent
    assert state.system == "s"


def test_hidden_results_and_emptied_reasoning_add_up() -> None:
    trims = [
        ContextTrimmed(hidden=(Hidden(call_id="a", placeholder="[a]"),), reasoning_before=2),
        ContextTrimmed(hidden=(Hidden(call_id="b", placeholder="[b]"),), reasoning_before=1),
    ]
    state = fold([*turn("one", "a", "b"), *trims])
    assert dict(state.hidden) == {"a": "[a]", "b": "[b]"}
    assert state.reasoning_before == 2


def test_usage_adds_up_and_an_unknown_price_does_not_count_as_free() -> None:
    events: list[Event] = [user(), answer(usage=Usage(input=10, cached=4, output=3, reasoning=1))]
    assert fold(events).usage.cost is None
    priced = Usage(input=1, cached=1, cache_write=2, output=1, cost=0.25)
    state = fold([*events, answer(usage=priced), answer(usage=priced)])
    assert state.usage == Usage(input=12, cached=6, cache_write=4, output=5, reasoning=1, cost=0.5)


def test_summaries_and_responses_that_broke_off_are_counted_too() -> None:
    paid = Usage(input=7, output=2, cost=1.0)
    guessed = paid.model_copy(update={"estimated": True})
    compacted = Compacted(upto=1, summary="s", usage=paid)
    state = fold(
        [
            user(),
            answer(),
            compacted,
            ResponseBroken(usage=guessed),
            ResponseBroken(agent="main/1", usage=paid),
        ]
    )
    assert (state.usage.input, state.usage.cost, state.usage.estimated) == (21, 3.0, True)


def test_a_sub_agent_adds_to_the_cost_and_to_nothing_else() -> None:
    said = AssistantMessage(parts=(TextPart(text="hi"),), usage=Usage(input=7, cost=1.0))
    state = fold([user(), MessageAdded(agent="main/1", message=said)])
    assert state.usage.input == 7
    assert len(state.transcript) == 1
    assert len(fold([MessageAdded(agent="main/1", message=said)], "main/1").transcript) == 1
    assert fold([MessageAdded(agent="other", message=said)]).usage.input == 0


def test_times_and_changed_lines_add_up() -> None:
    state = fold([*turn("one"), finished("a", "/f"), *turn("two")])
    totals = state.totals
    assert (totals.duration_ms, totals.api_ms, totals.added, totals.removed) == (20, 8, 2, 1)


def test_reshaped_tells_where_requests_last_changed_other_than_by_growing() -> None:
    state = fold([PromptSet(system="s", tools=()), *turn("one"), *turn("two")])
    assert state.reshaped == 0
    state.apply(ModeChanged(mode="plan"))
    assert state.reshaped == 0
    state.apply(ContextTrimmed(reasoning_before=1))
    assert state.reshaped == 4
    state.apply(Undone(upto=2))
    assert state.reshaped == 2
    state.apply(Cleared())
    assert state.reshaped == 0
