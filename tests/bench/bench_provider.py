"""What the provider costs: CPU for each streamed chunk, and time for each request as the history grows.

    python tests/bench/bench_provider.py [--chunks 20000]

Everything goes over real loopback HTTP; the server runs in a process of its own.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kcode.providers.connect import open_model
from kcode.providers.dialect import choose, target
from kcode.providers.encode import Encoder
from kcode.providers.openai_chat import OpenAIChat
from kcode.types.connection import Connection
from kcode.types.messages import AssistantMessage, Message, TextPart, ToolCall, ToolMessage, UserMessage
from kcode.types.model import Delta, JsonObject, ModelInfo, Request, ToolSpec

SIZES = (1, 100, 300, 1000)
_SCHEMA: JsonObject = {
    "type": "object",
    "properties": {"command": {"type": "string"}},
    "required": ["command"],
}
_TOOLS = tuple(
    ToolSpec(name=f"tool_{i}", description="Does it. " * 40, parameters=_SCHEMA) for i in range(12)
)


def history(count: int) -> list[Message]:
    """Make `count` messages: calls of about 200 bytes and results of about a kilobyte in turn."""
    made: list[Message] = [UserMessage(parts=(TextPart(text="Find the bug."),))]
    for i in range(count // 2):
        call = ToolCall(
            id=f"call_{i}", name="bash", arguments=json.dumps({"command": f"sed -n {i}p notes.txt"})
        )
        made.append(
            AssistantMessage(parts=(TextPart(text=f"Looking at line {i}."), call), finish="tool_calls")
        )
        made.append(
            ToolMessage(call_id=call.id, name="bash", parts=(TextPart(text=f"line {i}: word " * 60),))
        )
    return made[:count]


@contextmanager
def server(*steps: str, options: Sequence[str] = ()) -> Generator[str, None, None]:
    """Serve a script in a process of its own and yield its base URL."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "steps.jsonl"
        script.write_text("\n".join(steps), encoding="utf-8")
        command = [sys.executable, "-m", "kcode.providers.scripted_server", "--script", str(script), *options]
        with subprocess.Popen([*command, "--idle-timeout", "60"], stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            try:
                yield child.stdout.readline().split()[1]
            finally:
                child.terminate()


async def ignore(_: Delta) -> None:
    """Show nothing."""


async def _model(base_url: str) -> OpenAIChat:
    return await open_model(Connection(base_url, "sk-bench", model="kimi-k3"), environ={})


async def chunks(count: int) -> tuple[float, float]:
    """Return the microseconds of CPU, and of time, for each of `count` streamed chunks."""
    step = json.dumps({"text": "word ", "times": count})
    with server(json.dumps({"text": "warm"}), step, step, step, options=["--piece", "5"]) as base_url:
        model = await _model(base_url)
        request = Request("", history(1), ())
        await model.respond(request, ignore)
        best = (float("inf"), float("inf"))
        for _ in range(3):
            cpu, began = time.process_time(), time.perf_counter()
            message = await model.respond(request, ignore)
            best = min(best, (time.process_time() - cpu, time.perf_counter() - began))
            assert len(message.text) == 5 * count
        await model.close()
    return best[0] / count * 1e6, best[1] / count * 1e6


async def requests(size: int, rounds: int = 30) -> tuple[float, float]:
    """Return the milliseconds of CPU, and of time, for a whole request that adds two messages to `size`."""
    step = json.dumps({"text": "done"})
    with server(*[step] * (rounds + 2)) as base_url:
        model = await _model(base_url)
        everything = history(size + 2 * rounds + 4)
        await model.respond(Request("Be brief.", everything[:size], _TOOLS), ignore)
        cpus: list[float] = []
        walls: list[float] = []
        for i in range(1, rounds + 1):
            request = Request("Be brief.", everything[: size + 2 * i], _TOOLS)
            cpu, began = time.process_time(), time.perf_counter()
            await model.respond(request, ignore)
            cpus.append(time.process_time() - cpu)
            walls.append(time.perf_counter() - began)
        await model.close()
    return statistics.median(cpus) * 1e3, statistics.median(walls) * 1e3


def bodies(size: int, rounds: int = 50) -> float:
    """Return the milliseconds for the body alone of a request that adds two messages to `size`."""
    info = ModelInfo("kimi-k3", thinking=True)
    where = target(Connection("https://api.moonshot.ai/v1", model=info.id))
    encoder = Encoder(info, choose(where), where)
    everything = history(size + 2 * rounds + 4)
    encoder.body(Request("Be brief.", everything[:size], _TOOLS))
    taken: list[float] = []
    for i in range(1, rounds + 1):
        request = Request("Be brief.", everything[: size + 2 * i], _TOOLS)
        began = time.perf_counter()
        encoder.body(request)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1e3


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--chunks", type=int, default=20_000)
    options = parser.parse_args(arguments)
    cpu, wall = asyncio.run(chunks(options.chunks))
    print(f"{options.chunks} chunks: {cpu:.1f} us CPU, {wall:.1f} us each")
    for size in SIZES:
        cpu, wall = asyncio.run(requests(size))
        print(
            f"{size:5} messages: {wall:.2f} ms a request ({cpu:.2f} ms CPU), of that {bodies(size):.3f} ms the body"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
