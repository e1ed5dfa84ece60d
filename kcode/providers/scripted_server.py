"""The scripted model behind real HTTP: an OpenAI-compatible server on 127.0.0.1.

    python -m kcode.providers.scripted_server --script steps.jsonl --port 0

prints `listening http://127.0.0.1:PORT/v1` and plays one step for each request. `--script module:name` takes
the steps from Python instead: a list of them, or a callable that answers every request.
"""

import argparse
import asyncio
import contextlib
import functools
import importlib
import itertools
import json
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self, cast

from kcode.providers.scripted import Script, Step
from kcode.providers.scripted_http import Connection, Pace, Recorded, Served, Stats
from kcode.providers.scripted_rules import refusal
from kcode.providers.scripted_wire import Wire, WireStep, failure, read_request, read_step
from kcode.types.errors import ModelError
from kcode.types.messages import AssistantMessage
from kcode.types.model import Request


class ScriptedServer:
    """Serves a script while it is entered."""

    def __init__(
        self,
        steps: Iterable[WireStep],
        *,
        model: str = "scripted",
        pace: Pace | None = None,
        keep: bool = True,
        rules: Callable[[bytes], str] | None = None,
    ) -> None:
        """Listen only when entered.

        Args:
            steps: what is played, one for each request.
            model: the id of the model.
            pace: how answers are sent.
            keep: whether the bodies of requests are kept.
            rules: the words in which a body is refused, empty for one that is taken; a refusal plays no step.
        """
        self._rules = rules
        models: list[dict[str, Any]] = [{"id": model, "object": "model", "owned_by": "kcode"}]
        self._served = Served(self._answer, model, models, pace or Pace(), keep)
        self._steps = iter(steps)
        self._script = Script(self._plain())
        self._wire: Wire | None = None
        self._server: asyncio.Server | None = None
        self.base_url = ""

    @property
    def stats(self) -> Stats:
        """What was seen so far."""
        return self._served.stats

    @property
    def models(self) -> list[dict[str, Any]]:
        """The rows of GET /models; add to them at will."""
        return self._served.models

    @property
    def requests(self) -> list[Recorded]:
        """The requests for a response, without those for the list of models."""
        return [r for r in self.stats.requests if r.path.endswith("/chat/completions")]

    @property
    def connections(self) -> int:
        """How many connections were made."""
        return self.stats.connections

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, port: int = 0) -> None:
        """Listen; port 0 takes a free one."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self._served), "127.0.0.1", port)
        self.base_url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    async def stop(self) -> None:
        """Stop listening and break every connection."""
        if self._server is not None:
            self._server.close()
            for transport in [*self._served.transports]:
                transport.abort()
            await self._server.wait_closed()

    def _plain(self) -> Iterator[Step]:
        """Pass on the steps that a script knows; keep aside an answer that is given as it is."""
        for step in self._steps:
            if isinstance(step, Wire):
                self._wire = step
                yield ModelError("as it is", kind="invalid")
            else:
                yield step

    async def _answer(self, body: bytes) -> AssistantMessage | Wire:
        """Play the next step."""
        words = self._rules(body) if self._rules else ""
        if words:
            return failure(ModelError(words, kind="invalid"))
        try:
            return await self._script.play(lambda: read_request(body))
        except ModelError as error:
            wire, self._wire = self._wire, None
            return wire or failure(error)
        except Exception as error:  # noqa: BLE001 - a script may fail in any way; its author sees it in the answer
            return failure(ModelError(f"The script failed: {error!r}", kind="invalid"))


def load_script(place: str) -> Iterable[WireStep]:
    """Read a script: a file of JSON lines, or `module:name` of a list of steps or of a callable.

    Raises:
        ValueError: a line is no step.
        OSError: the file cannot be read.
    """
    module, _, name = place.partition(":")
    if name and not Path(place).exists():
        found: object = getattr(importlib.import_module(module), name)
        if callable(found):
            return itertools.repeat(cast("Callable[[Request], AssistantMessage]", found))
        return cast("Sequence[WireStep]", found)
    return [read_step(line) for line in Path(place).read_text(encoding="utf-8").splitlines() if line.strip()]


async def _run(options: argparse.Namespace) -> Stats:
    pace = Pace(options.piece, options.chunk_bytes, options.delay)
    steps = load_script(options.script)
    rules = functools.partial(refusal, window=options.window) if options.strict else None
    server = ScriptedServer(steps, model=options.model, pace=pace, keep=False, rules=rules)
    await server.start(options.port)
    sys.stdout.write(f"listening {server.base_url}\n")
    sys.stdout.flush()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    while not stopped.is_set():
        left = server.stats.last_activity + options.idle_timeout - time.monotonic()
        if left <= 0:
            break
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), left)
    await server.stop()
    return server.stats


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve a script until SIGTERM or until nothing was asked for the idle timeout."""
    parser = argparse.ArgumentParser(prog="kcode.providers.scripted_server", description=main.__doc__)
    parser.add_argument("--script", required=True, help="a file of JSON lines, or module:name")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--model", default="scripted")
    parser.add_argument("--piece", type=int, default=16, help="characters of text in each event")
    parser.add_argument("--chunk-bytes", type=int, default=0, help="bytes in each chunk; 0: an event in each")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds between chunks")
    parser.add_argument("--strict", action="store_true", help="refuse what Moonshot's servers refuse")
    parser.add_argument("--window", type=int, default=0, help="with --strict: the window in tokens")
    parser.add_argument("--idle-timeout", type=float, default=600.0, help="seconds without a request")
    parser.add_argument("--stats", default="", help="a file for what was measured")
    options = parser.parse_args(arguments)
    stats = asyncio.run(_run(options))
    if options.stats:
        Path(options.stats).write_text(json.dumps(stats.summary(), indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
