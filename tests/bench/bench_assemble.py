"""CPU per chunk of putting streams together: run `python tests/bench/bench_assemble.py`."""

import json
import time
from collections.abc import Callable

from kcode.providers.assemble import Assembler
from kcode.providers.reply import Reply
from kcode.types.model import ToolSpec

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
        "code": events([{"content": piece} for piece in ("```py\n", *["a<b", "\n", " x"] * (CHUNKS // 3))]),
        "html": events([{"content": "<td>"}] * CHUNKS),
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


def reply(stream: list[bytes]) -> None:
    """Feed every chunk on its own to the whole path: assembling, filtering, repairing."""
    tools = [ToolSpec(name=name, description="", parameters={}) for name in ("Bash", "Read", "Write", "Edit")]
    receiver = Reply(tools)
    for chunk in stream:
        receiver.feed(chunk)
    receiver.finish()


def main() -> None:
    """Print the cost of each kind of piece, and of json.loads alone."""
    end = b'data: {"choices": [{"delta": {"content": "."}, "finish_reason": "stop"}]}\n\n'
    for name, stream in streams().items():

        def parse(stream: list[bytes] = stream) -> None:
            for chunk in stream:
                json.loads(chunk[6:])

        def assembled(stream: list[bytes] = stream) -> None:
            assemble(stream)

        def received(stream: list[bytes] = stream) -> None:
            reply([*stream, end])

        print(
            f"{name:10} json.loads alone {best(parse):5.2f}   assembled {best(assembled):5.2f}   "
            f"whole reply {best(received):5.2f}   us per chunk"
        )


if __name__ == "__main__":
    main()
