"""The process: stdin and stdout for the protocol, its end, and what must not be left behind."""

import asyncio
import logging
import signal
import sys

from acp.connection import Connection

from kcode.config.options import Options
from kcode.frontends.acp.editor import Editor
from kcode.frontends.acp.server import Server
from kcode.frontends.acp.stdio import Lines, take_over

STATUS = {signal.SIGTERM: 0, signal.SIGHUP: 0, signal.SIGINT: 130}


def serve(options: Options) -> int:
    """Serve until the editor closes stdin, stops reading, or sends SIGTERM; returns the exit status."""
    source, sink = take_over()
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="kcode: %(message)s")
    return asyncio.run(_serve(options, source, sink))


async def _serve(options: Options, source: int, sink: int) -> int:
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[int] = loop.create_future()

    def stop(number: signal.Signals) -> None:
        if not stopped.done():
            stopped.set_result(STATUS[number])

    for number in STATUS:
        loop.add_signal_handler(number, stop, number)
    editor = Editor()
    server = Server(options, editor)
    lines = Lines(source, sink, server.watch)
    connection = Connection(server.handle, lines, listening=False)
    editor.connect(connection)
    listening = asyncio.ensure_future(connection.main_loop())
    await asyncio.wait({listening, stopped}, return_when=asyncio.FIRST_COMPLETED)
    await server.close()
    listening.cancel()
    await connection.close()
    return stopped.result() if stopped.done() else 0
