"""How the handling of some rows is taken away, to show that their tests would notice."""

import importlib
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

import kcode.engine.retry
import kcode.engine.step
import kcode.providers.assemble
import kcode.providers.openai_chat
import kcode.providers.repair
import kcode.providers.reply
from kcode.app.endings import EndingGuard
from kcode.arguments.mend import mend
from kcode.engine.guards import PlainHooks
from kcode.engine.loops import LoopGuard, MistakeGuard
from kcode.providers.gate import Gate
from kcode.screen.repetition import RepetitionWatch
from kcode.types.errors import ModelError

Patch = pytest.MonkeyPatch
_PARSING: Any = importlib.import_module("kcode.arguments.parse")


def _gives(value: object) -> Callable[..., object]:
    def answer(*_: object, **__: object) -> object:
        return value

    return answer


def _comments_count_as_events(patch: Patch) -> None:
    seen = iter(range(1_000_000))

    def another(_: object) -> int:
        return next(seen)

    patch.setattr(kcode.providers.reply.Reply, "events", property(another))


def _a_cut_response_counts(patch: Patch) -> None:
    patch.setattr(kcode.providers.assemble.Assembler, "_ended", _gives(value=True))


def _leaks_stay_text(patch: Patch) -> None:
    def read(text: str, *_: object, **__: object) -> object:
        return kcode.providers.repair._Channel(text)

    patch.setattr(kcode.providers.repair, "_read", read)


def _ids_are_the_servers(patch: Patch) -> None:
    defaults = kcode.providers.repair.repair.__kwdefaults__
    assert defaults is not None
    patch.setitem(defaults, "call_id", _gives("bash_0"))


def _arguments_are_not_mended(patch: Patch) -> None:
    def strict(text: str, **_: object) -> object:
        value = json.loads(text)
        return type("Mended", (), {"value": value, "kinds": ()})

    patch.setattr(_PARSING, "mend", strict)


def _cut_arguments_are_closed(patch: Patch) -> None:
    def closing(text: str, **_: object) -> object:
        return mend(text, may_close=True)

    patch.setattr(_PARSING, "mend", closing)


def _an_empty_ending_is_an_ending(patch: Patch) -> None:
    patch.setattr(EndingGuard, "before_stop", PlainHooks.before_stop)


def _loops_go_on(patch: Patch) -> None:
    patch.setattr(LoopGuard, "after_call", PlainHooks.after_call)


def _mistakes_go_on(patch: Patch) -> None:
    patch.setattr(MistakeGuard, "after_call", PlainHooks.after_call)


def _repetition_goes_on(patch: Patch) -> None:
    patch.setattr(RepetitionWatch, "feed", _gives(value=False))


def _nothing_is_learnt(patch: Patch) -> None:
    patch.setattr(kcode.providers.openai_chat, "adapt", _gives(None))


def _an_overflow_is_the_end(patch: Patch) -> None:
    patch.setattr(kcode.engine.step, "OVERFLOWS", 0)


def _nothing_is_retried(patch: Patch) -> None:
    patch.setattr(kcode.engine.retry, "attempts", _gives(1))


def _all_requests_run_at_once(patch: Patch) -> None:
    patch.setattr(Gate, "_learn", _gives(None))


def _nothing_is_estimated(patch: Patch) -> None:
    def same(_: object, response: object) -> object:
        return response

    patch.setattr(kcode.engine.step, "_counted", same)


def _no_model_is_suggested(patch: Patch) -> None:
    async def same(_: object, error: ModelError) -> ModelError:
        return error

    patch.setattr(kcode.providers.openai_chat.OpenAIChat, "_suggesting", same)


REMOVALS: Mapping[str, Callable[[Patch], None]] = {
    "test_row_03_without_usage_the_meter_moves_by_estimate": _nothing_is_estimated,
    "test_row_05_comments_alone_do_not_keep_a_request_alive": _comments_count_as_events,
    "test_row_09_a_cut_after_text_is_retried_from_the_same_history": _a_cut_response_counts,
    "test_row_12_an_error_in_the_stream_is_of_its_kind": _nothing_is_retried,
    "test_row_26_leaked_calls_in_the_text_run_and_are_never_shown": _leaks_stay_text,
    "test_row_36_ids_that_repeat_in_later_turns_are_paired_right": _ids_are_the_servers,
    "test_row_38_arguments_are_mended_and_the_history_carries_valid_json": _arguments_are_not_mended,
    "test_row_39_a_missing_brace_is_closed_for_reading_and_refused_for_changing": _cut_arguments_are_closed,
    "test_row_47_unusable_calls_get_the_schema_and_then_end_the_turn": _mistakes_go_on,
    "test_row_48_an_empty_response_is_asked_for_again_then_nudged_then_told": _an_empty_ending_is_an_ending,
    "test_row_54_a_repeated_call_gets_reminders_a_summary_and_an_end": _loops_go_on,
    "test_row_59_text_that_repeats_itself_is_stopped_and_not_kept": _repetition_goes_on,
    "test_row_61_a_sampling_parameter_that_is_refused_is_never_sent_again": _nothing_is_learnt,
    "test_row_69_an_overflow_makes_the_conversation_shorter_and_goes_on": _an_overflow_is_the_end,
    "test_row_72_a_model_that_is_gone_comes_with_the_nearest_that_is_there": _no_model_is_suggested,
    "test_row_75_where_one_request_is_allowed_sub_agents_queue": _all_requests_run_at_once,
}
