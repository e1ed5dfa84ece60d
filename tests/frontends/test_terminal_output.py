"""What front ends print on a terminal: nothing of a model, a server, a file or a command line acts there."""

import asyncio
import json
import os
import pty
import re
import sys

import pytest
from installed import Place

from kcode.providers.scripted import says
from kcode.providers.scripted_server import ScriptedServer

HOSTILE = "X\x1b]52;c;aGk=\x07\x1b]0;evil\x1b\\\x9b31m\u202eY\u200b\x1b[2J\x08\x1bPq\x1b\\\x1b[6nZ\x7f\x9d0;t\x9cEND"
RAW = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u202e]")


async def on_a_terminal(place: Place, *arguments: str, base_url: str = "") -> str:
    reader, writer = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "kcode", *arguments),
        cwd=place.folder,
        env=place.env(base_url),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=writer,
        stderr=writer,
    )
    os.close(writer)
    data = await asyncio.to_thread(drain, reader)
    await asyncio.wait_for(process.wait(), 60)
    return data.decode()


def drain(reader: int) -> bytes:
    data = b""
    try:
        while piece := os.read(reader, 65_536):
            data += piece
    except OSError:
        pass
    os.close(reader)
    return data


async def test_a_models_answer_does_not_act_on_the_terminal(place: Place) -> None:
    async with ScriptedServer([says(HOSTILE), says(HOSTILE)]) as server:
        shown = await on_a_terminal(place, "-p", "x", base_url=server.base_url)
        piped = await place.run("-p", "x", base_url=server.base_url)
    assert "END" in shown
    assert RAW.findall(shown) == []
    assert HOSTILE in piped.out


@pytest.mark.parametrize(
    "arguments",
    [
        ("permissions", "check", "--", f"echo {HOSTILE}"),
        (f"--flag-{HOSTILE}",),
        ("--settings", f"{HOSTILE}", "-p", "x"),
        ("--add-dir", f"{HOSTILE}", "-p", "x"),
        ("config",),
        ("config", "--json"),
        ("doctor",),
    ],
    ids=lambda arguments: arguments[0][:12],
)
async def test_what_files_and_command_lines_say_does_not_act_on_the_terminal(
    place: Place, arguments: tuple[str, ...]
) -> None:
    (place.home / ".kcode").mkdir()
    settings = {
        HOSTILE: 1,
        "permissions": {"allow": [f"Bash({HOSTILE})"]},
        "language": HOSTILE,
        "env": {HOSTILE: "x"},
    }
    (place.home / ".kcode" / "settings.json").write_text(json.dumps(settings))
    shown = await on_a_terminal(place, *arguments)
    assert shown
    assert RAW.findall(shown) == []


async def test_what_a_server_says_in_an_error_does_not_act_on_the_terminal(place: Place) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        data = json.dumps({"error": {"message": HOSTILE}}).encode()
        writer.write(
            b"HTTP/1.1 400 X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(data)
            + data
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        shown = await on_a_terminal(place, "-p", "x", base_url=url)
    assert "END" in shown
    assert RAW.findall(shown) == []
