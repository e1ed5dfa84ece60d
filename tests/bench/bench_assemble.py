"""CPU per chunk of putting streams together: run `python tests/bench/bench_assemble.py`."""

import json
import time
from collections.abc import Callable

from kcode.providers.assemble import Assembler

CHUNKS = 20_000
ROUNDS = 5


def events(deltas: list[dict[str, object]]) -> list[bytes]:
    """Return one event for each delta, as Moonshot's servers write them."""
    head = {
        "id": "chatcmpl-6a1f",
        "object": "chat.completion.chunk",
        "created": 1_790_000_000,
        "model": "kimi-k3",
    }
    return [
        f"data: {json.dumps({**head, 'choices': [{'index': 0, 'delta': delta, 'finish_reason': None}]})}\n\n".encode()
        for delta in deltas
    ]


def streams() -> dict[str, list[bytes]]:
    """Return one stream for each kind of piece."""
    first: dict[str, object] = {"index": 0, "id": "c", "function": {"name": "write", "arguments": ""}}
    more: dict[str, object] = {"index": 0, "function": {"arguments": "word "}}
    pieces: list[dict[str, object]] = [{"tool_calls": [first]}]
    pieces.extend({"tool_calls": [more]} for _ in range(CHUNKS - 1))
    return {
        "text": events([{"content": " word"}] * CHUNKS),
        "reasoning": events([{"reasoning_content": " word"}] * CHUNKS),
        "arguments": events(pieces),
    }


def best(run: Callable[[], None]) -> float:
    """Return the best of several rounds in CPU microseconds per chunk."""
    times: list[float] = []
    for _ in range(ROUNDS):
        began = time.process_time()
        run()
        times.append(time.process_time() - began)
    return min(times) / CHUNKS * 1e6


def assemble(stream: list[bytes]) -> None:
    """Feed every chunk on its own."""
    assembler = Assembler()
    for chunk in stream:
        assembler.feed(chunk)


def main() -> None:
    """Print the cost of each kind of piece, and of json.loads alone."""
    for name, stream in streams().items():

        def parse(stream: list[bytes] = stream) -> None:
            for chunk in stream:
                json.loads(chunk[6:])

        def whole(stream: list[bytes] = stream) -> None:
            assemble(stream)

        print(f"{name:10} {best(whole):6.2f} us per chunk   (json.loads alone {best(parse):.2f})")


if __name__ == "__main__":
    main()
