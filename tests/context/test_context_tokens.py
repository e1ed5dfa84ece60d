"""The estimate of tokens, against counts of Kimi's own vocabulary; and how a server's counts correct it.

`token_texts.json` holds texts of the kinds that an agent reads and writes, each with the number of tokens that the
vocabularies of K2 and K3 make of it (they agree). The weights were not fitted on them.
"""

import json
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kcode.context import estimate, tokens
from kcode.context.window import ContextWindow
from kcode.session.fold import Fold
from kcode.types.events import MessageAdded, PromptSet
from kcode.types.messages import AssistantMessage, ImagePart, TextPart, ThinkingPart, Usage, UserMessage
from kcode.types.model import ModelInfo, ToolSpec

TEXTS = json.loads((Path(__file__).parent / "token_texts.json").read_text(encoding="utf-8"))
TOOL = ToolSpec(name="Look", description="Looks around in a folder. " * 20, parameters={"type": "object"})
MODEL = ModelInfo("m", window=262_144, max_output=8_192)


def _errors() -> dict[str, float]:
    return {row["kind"]: tokens.of_text(row["text"]) / row["tokens"] - 1 for row in TEXTS}


def test_estimates_are_near_the_true_counts() -> None:
    away = sorted(abs(error) for error in _errors().values())
    assert len(away) > 50
    assert statistics.median(away) < 0.04
    assert away[int(0.9 * len(away))] < 0.10
    assert away[-1] < 0.20
    assert abs(statistics.fmean(_errors().values())) < 0.02


@pytest.mark.parametrize("kinds", ["chinese", "json", "diff", "lock", "log", "python", "base64"])
def test_no_kind_is_far_off(kinds: str) -> None:
    chosen = [row for row in TEXTS if kinds in row["kind"]]
    whole = sum(tokens.of_text(row["text"]) for row in chosen) / sum(row["tokens"] for row in chosen) - 1
    assert abs(whole) < 0.10


def test_a_piece_is_at_least_a_token_and_at_most_one_for_each_byte() -> None:
    for text in ("a", "\n", "語", "🚀", "~" * 40, "x" * 500, "İ", "\ud800", "é" * 30, "\0" * 9, "عربية"):
        assert 1 <= tokens.of_text(text) <= max(1, tokens.at_most(text))
    assert tokens.of_text("") == 0
    rng = random.Random(1)
    for _ in range(200):
        text = "".join(chr(rng.randrange(rng.choice((128, 0x3000, 0xD800)))) for _ in range(60))
        assert "".join(estimate.pieces(text)) == text
        assert tokens.of_text(text) <= tokens.at_most(text)


def test_a_very_long_text_is_judged_by_parts_of_it() -> None:
    whole = "\n".join(row["text"] for row in TEXTS) * 5
    assert len(whole) > 300_000
    true = 5 * sum(row["tokens"] for row in TEXTS)
    began = time.process_time()
    assert tokens.of_text(whole * 10) == pytest.approx(10 * true, rel=0.05)
    assert time.process_time() - began < 1


def test_nothing_is_prepared_before_the_first_text() -> None:
    program = (
        "import kcode.context.estimate as e\n"
        "print(e._weights.cache_info().currsize, e._any.cache_info().currsize)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "0"]


def _asked(
    model: str = "m", *, factor: float = 1.0, cached_only: bool = False
) -> tuple[ContextWindow, Fold, int]:
    """One request whose answer counted `factor` times the estimate."""
    context, state = ContextWindow(), Fold()
    state.apply(PromptSet(system="You help. " * 200, tools=(TOOL,)))
    state.apply(MessageAdded(message=UserMessage(parts=(TextPart(text="Look at this file. " * 300),))))
    context.request(state, MODEL)
    estimated = context.estimate(state)
    counted = 10 if cached_only else int(factor * estimated)
    usage = Usage(input=counted, output=7)
    answer = AssistantMessage(parts=(TextPart(text="Done."),), model="m", usage=usage)
    state.apply(MessageAdded(message=answer))
    return context, state, estimated


async def _settle(context: ContextWindow, state: Fold, model: ModelInfo = MODEL) -> None:
    async def nothing(*_: object) -> AssistantMessage:
        raise AssertionError("no model is asked")

    await context.make_room(state, model, nothing, nothing, overflow=None)  # pyright: ignore[reportArgumentType]


async def test_what_the_server_counted_replaces_the_estimate_and_scales_what_came_since() -> None:
    context, state, estimated = _asked(factor=1.3)
    await _settle(context, state)
    assert context.estimate(state) == int(1.3 * estimated) + 7
    before, text = context.estimate(state), "More of it. " * 500
    message = UserMessage(parts=(TextPart(text=text),))
    state.apply(MessageAdded(message=message))
    assert context.estimate(state) - before == pytest.approx(1.3 * tokens.of_message(message), rel=0.01)


@pytest.mark.parametrize(("factor", "scale"), [(0.2, 0.7), (0.9, 0.9), (1.4, 1.4), (6.0, 2.0)])
async def test_the_correction_has_bounds(factor: float, scale: float) -> None:
    context, state, _ = _asked(factor=factor)
    await _settle(context, state)
    message = UserMessage(parts=(TextPart(text="More of it. " * 500),))
    assert context.weigh(message) == pytest.approx(scale * tokens.of_message(message), rel=0.02)


async def test_a_count_that_leaves_out_what_was_cached_is_not_believed() -> None:
    context, state, estimated = _asked(cached_only=True)
    await _settle(context, state)
    assert context.estimate(state) >= 0.7 * estimated


async def test_another_models_count_is_not_taken_for_this_ones() -> None:
    context, state, estimated = _asked(factor=1.9)
    await _settle(context, state)
    assert context.estimate(state) > 1.8 * estimated
    await _settle(context, state, ModelInfo("other", window=262_144, max_output=8_192))
    assert context.estimate(state) == pytest.approx(estimated, rel=0.02)


def test_thinking_tools_and_pictures_count() -> None:
    thought = AssistantMessage(parts=(ThinkingPart(text="Let me see. " * 100), TextPart(text="Yes.")))
    assert tokens.of_message(thought) > 300
    picture = UserMessage(parts=(ImagePart(media_type="image/png", data="iVBORw0KGgo"),))
    assert tokens.of_message(picture) == tokens.MEDIA + tokens.PER_MESSAGE
    assert tokens.of_tools([TOOL]) > tokens.of_text(TOOL.description)
