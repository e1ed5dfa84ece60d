"""Servers that cannot be found, and answers that are made to fill the memory. The installed program meets them."""

import asyncio
import zlib

import pytest

from kcode.frontends.repl.live import Live
from kcode.frontends.repl.render.canvas import Canvas
from kcode.frontends.repl.theme import Theme
from kcode.providers.scripted import says
from kcode.providers.scripted_server import ScriptedServer
from kcode.providers.scripted_wire import Wire
from tests.frontends.installed import Place
from tests.reliability.provoke import recorded, sh, unanswered

GIGABYTES = 2


def bomb(first: bytes) -> bytes:
    """A few kilobytes per gigabyte: the same compressed block again and again."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = squeeze.compress(first) + squeeze.flush(zlib.Z_FULL_FLUSH)
    block = squeeze.compress(bytes(1 << 24)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + head + block * (GIGABYTES * 64) + squeeze.flush()


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("status", "first"), [(200, b"data: "), (400, b'{"error": "')])
async def test_an_answer_that_unpacks_without_end_is_an_error_not_the_end_of_the_memory(
    place: Place, status: int, first: bytes
) -> None:
    headers = {"content-type": "text/event-stream", "content-encoding": "gzip"}
    packed = Wire([bomb(first)], status, headers)
    async with ScriptedServer([packed] * 9) as server:
        little = sh('ulimit -v 1500000; exec "$@"')
        process = await place.start("-p", "go", "--max-time", "5", base_url=server.base_url, under=little)
        out, err = await asyncio.wait_for(process.communicate(), 250)
    assert process.returncode in {1, 3, 4}, (out, err)
    assert b"Traceback" not in err
    assert b"MemoryError" not in err
    assert len(err) < 10_000
    assert unanswered(recorded(place.home)) == []


async def test_a_host_that_nobody_knows_is_told_with_what_to_check(place: Place) -> None:
    async with asyncio.timeout(100):
        done = await place.run("-p", "go", base_url="http://no-such-host.invalid/v1")
    assert done.status == 4
    assert "no-such-host.invalid" in done.err.splitlines()[-1]
    assert "check the base URL and the network" in done.err.splitlines()[-1]
    assert "Traceback" not in done.err


async def test_a_packed_answer_of_ordinary_size_is_read(place: Place) -> None:
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    lines = (
        b'data: {"choices": [{"index": 0, "delta": {"content": "unpacked"}, "finish_reason": "stop"}]}\n\n'
    )
    packed = squeeze.compress(lines + b"data: [DONE]\n\n") + squeeze.flush()
    headers = {"content-type": "text/event-stream", "content-encoding": "gzip"}
    async with ScriptedServer([Wire([packed], 200, headers), says("not packed")]) as server:
        done = await place.run("-p", "go", base_url=server.base_url)
    assert (done.status, done.out) == (0, "unpacked\n"), done.err


def test_silence_is_told_after_twenty_seconds() -> None:
    now = 100.0
    live = Live(Canvas(Theme()))
    live.clock = lambda: now
    live.begin("Waiting for the model")
    now += 19
    live.changed()
    assert "nothing heard" not in live.draw(80, 24)
    now += 2
    live.changed()
    assert "nothing heard for 21s" in live.draw(80, 24)
    live.hear("Writing")
    live.changed()
    assert "nothing heard" not in live.draw(80, 24)
