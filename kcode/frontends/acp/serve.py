"""The process: stdin and stdout for the protocol, its end, and what must not be left behind."""

import asyncio
import contextlib
import importlib
import logging
import signal
import sys
from typing import TYPE_CHECKING

from kcode.config.options import Options
from kcode.frontends.acp import hello
from kcode.frontends.acp.stdio import Lines, take_over

if TYPE_CHECKING:
    # Imported behind the first answer.
    from kcode.frontends.acp.server import Server

STATUS = {signal.SIGTERM: 0, signal.SIGHUP: 0, signal.SIGINT: 130}


def serve(options: Options) -> int:
    """Serve until the editor closes stdin, stops reading, or sends SIGTERM; returns the exit status."""
    source, sink = take_over()
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="kcode: %(message)s")
    return asyncio.run(_Process(options).run(source, sink))


class _Process:
    def __init__(self, options: Options) -> None:
        self._options = options
        self._server: Server | None = None

    async def run(self, source: int, sink: int) -> int:
        loop = asyncio.get_running_loop()
        stopped: asyncio.Future[int] = loop.create_future()

        def stop(number: signal.Signals) -> None:
            if not stopped.done():
                stopped.set_result(STATUS[number])

        for number in STATUS:
            loop.add_signal_handler(number, stop, number)
        lines = Lines(source, sink)
        serving = asyncio.ensure_future(self._serve(lines))
        await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if self._server is not None:
            await self._server.close()
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving
        await lines.close()
        return stopped.result() if stopped.done() else 0

    async def _serve(self, lines: Lines) -> None:
        first = await self._greeted(lines)
        await asyncio.to_thread(importlib.import_module, "kcode.frontends.acp.server")
        from kcode.app.faults import KeylessFormatter  # noqa: PLC0415 - see hello
        from kcode.frontends.acp.server import Server, connected  # noqa: PLC0415 - see hello

        for handler in logging.getLogger().handlers:
            handler.setFormatter(KeylessFormatter("kcode: %(message)s"))

        self._server = Server(self._options, hello.abilities(first))
        await connected(self._server, lines)

    async def _greeted(self, lines: Lines) -> hello.JsonMap:
        """Answer the first `initialize` at once; returns its parameters."""
        message = await lines.receive()
        if message is None or message.get("method") != "initialize" or "id" not in message:
            lines.unread(message)
            return {}
        params = hello.mapping(message.get("params"))
        try:
            answer = hello.answer(params)
        except ValueError:
            lines.unread(message)
            return {}
        await lines.send({"jsonrpc": "2.0", "id": message["id"], "result": answer})
        return params
