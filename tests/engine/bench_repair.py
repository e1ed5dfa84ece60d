"""What repairs cost: CPU of a step whose response is clean, and of the same step where it has to be mended.

    python tests/engine/bench_repair.py

The bytes of each response go through the assembler and the repairs of the provider, piece by piece, without a
network. `engine` is the step without that: the loop, arguments, scheduling, results. Kinds take turns within one
process, each round in another order, so that the ratios hold on a machine that does other work.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from statistics import median

from bench_guards import echoing, guards

from kcode.providers.reply import Reply
from kcode.types.messages import AssistantMessage
from kcode.types.model import ModelInfo, OnDelta, Request

STEPS, ROUNDS, PIECE = 120, 9, 12
TEXT = "I have looked at the file and go on with the next part of it. " * 4


def _event(delta: dict[str, object], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return f"data: {json.dumps({'id': 'c', 'model': 'm', 'choices': [choice]})}\n\n".encode()


def _pieces(text: str) -> list[str]:
    return [text[at : at + PIECE] for at in range(0, len(text), PIECE)]


def _words(text: str) -> list[bytes]:
    return [*(_event({"content": piece}) for piece in _pieces(text)), _event({}, "stop")]


def _called(arguments: str, **more: object) -> list[bytes]:
    first: dict[str, object] = {"index": 0, "id": "a", "function": {"name": "Echo", "arguments": ""}}
    calls = [first, *({"index": 0, "function": {"arguments": p}} | more for p in _pieces(arguments))]
    words = [_event({"content": piece}) for piece in _pieces(TEXT)]
    return [*words, *(_event({"tool_calls": [call]}) for call in calls), _event({}, "tool_calls")]


def _k3(text: str) -> str:
    return (
        '<|open|>tools<|sep|><|open|>call tool="Echo" index="1"<|sep|><|open|>argument key="text" type="string"<|sep|>'
        f"{text}<|close|>argument<|sep|><|close|>call<|sep|><|close|>tools<|sep|>"
    )


def _k2(arguments: str) -> str:
    header = "<|tool_calls_section_begin|><|tool_call_begin|>functions.Echo:0<|tool_call_argument_begin|>"
    return f"{header}{arguments}<|tool_call_end|><|tool_calls_section_end|>"


KINDS: dict[str, Callable[[str], list[bytes]]] = {
    "clean": lambda text: _called(json.dumps({"text": text})),
    "Python's words": lambda text: _called(repr({"text": text, "unknown": None})),
    "JSON in JSON, fenced": lambda text: _called(f"```json\n{json.dumps(json.dumps({'text': text}))}\n```"),
    "sent twice": lambda text: _called(json.dumps({"text": text}) * 2),
    "leaked, K2": lambda text: _words(TEXT + _k2(json.dumps({"text": text}))),
    "leaked, K3": lambda text: _words(TEXT + _k3(text)),
    "written in a fence": lambda text: _words(
        f"{TEXT}\n```json\n{json.dumps({'name': 'Echo', 'arguments': {'text': text}})}\n```"
    ),
}


class Wired:
    """A model whose responses are bytes; `seconds` is the CPU that reading them took."""

    def __init__(self, kind: str) -> None:
        self.info = ModelInfo("bench")
        self.seconds = 0.0
        self._kind = kind
        self._step = 0

    async def respond(self, request: Request, on_delta: OnDelta) -> AssistantMessage:
        """Read one response."""
        self._step += 1
        last = self._step > STEPS
        data = _words("Done.") if last else KINDS[self._kind](f"part {self._step:03} of it " * 12)
        began = time.process_time()
        reply = Reply(request.tools, model="bench")
        deltas = [delta for piece in data for delta in reply.feed(piece)]
        message, rest = reply.finish()
        self.seconds += time.process_time() - began
        for delta in (*deltas, *rest):
            await on_delta(delta)
        return message

    async def close(self) -> None:
        """Nothing is open."""


async def _measure(kind: str) -> tuple[float, float]:
    """Return the milliseconds of a step in reading and in the engine."""
    model = Wired(kind)
    agent = echoing(model, guards, times=20)
    began = time.process_time()
    ended = await agent.prompt("go")
    whole = time.process_time() - began
    if ended.steps != STEPS + 1 or ended.stop_reason != "end_turn":
        raise SystemExit(f"{kind}: {ended.steps} steps, {ended.stop_reason}: {ended.note}")
    return model.seconds / STEPS * 1e3, (whole - model.seconds) / STEPS * 1e3


def main() -> int:
    """Measure and print."""
    found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in KINDS}
    kinds = [*KINDS]
    for at in range(ROUNDS):
        for kind in (*kinds[at % len(kinds) :], *kinds[: at % len(kinds)]):
            found[kind].append(asyncio.run(_measure(kind)))
    clean = found["clean"]
    print(
        f"{'response':<22} {'reading':>10} {'engine':>10}   engine against clean, median of {ROUNDS} rounds"
    )
    for kind, rows in found.items():
        ratio = median(row[1] / base[1] for row, base in zip(rows, clean, strict=True))
        reading, engine = min(row[0] for row in rows), min(row[1] for row in rows)
        print(f"{kind:<22} {reading:>7.3f} ms {engine:>7.3f} ms   {ratio:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
