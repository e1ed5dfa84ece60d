"""A key is planted wherever one may come from, and looked for in every byte that kcode wrote, printed or sent.

What the model is told is not changed: a file that holds the key is read as it is, or writing it back would destroy it.
"""

import asyncio
import base64
import contextlib
import json
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from installed import KCODE, Place

from kcode.providers.scripted import call, says
from kcode.providers.scripted_server import ScriptedServer
from kcode.session.export import to_markdown
from kcode.session.read import read_session
from tests.repl.terminal import Terminal

KEY = "sk-planted-0123456789abcdef"
HEADER = "zq7planted5Tg8vBn3Qw"
ENCODED = base64.b64encode(f"me:{KEY}".encode())


def flags(server: ScriptedServer) -> list[str]:
    """Everything is allowed, and a header of the endpoint is a secret too."""
    settings = {"baseUrl": server.base_url, "model": "scripted", "headers": {"X-Auth-Token": HEADER}}
    return ["--permission-mode", "bypassPermissions", "--settings", json.dumps(settings)]


@pytest.fixture
def planted(place: Place) -> Place:
    """The key in a variable, in a header, and in a file beside the project that tools read."""
    place.environ |= {"KCODE_API_KEY": KEY, "IS_SANDBOX": "1", "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    secret(place).write_text(f"first\nkey = {KEY}\ntoken = {HEADER}\nbasic = {ENCODED.decode()}\n")
    subprocess.run(["git", "init", "-q", str(place.folder)], check=True)
    (place.folder / "a.txt").write_text("text\n")
    return place


def secret(place: Place) -> Path:
    return place.folder.parent / "secret.txt"


def steps(place: Place) -> list[Any]:
    """A turn in which the key comes from everywhere."""
    file = secret(place)
    commands = (
        f"cat {file}",
        f"seq 20000; cat {file}; seq 20000",
        f"printf %s sk-planted; sleep 0.3; printf %s -0123456789abcdef; cut -c1-3 {file}",
        f"curl -H 'Authorization: Bearer {KEY}' http://127.0.0.1:1 # {ENCODED.decode()}",
        "echo changed > a.txt",
    )
    return [
        says(
            f"I see {KEY} now.",
            *(call("Bash", command=command) for command in commands),
            thinking=f"It is {KEY}.",
        ),
        says("", call("Read", file_path=str(file)), call("Grep", pattern=KEY), call("Edit", file_path=KEY)),
        says(f"The key is {KEY}, the header {HEADER}, and encoded {ENCODED.decode()}."),
    ]


def found(data: bytes) -> list[bytes]:
    needles = (KEY.encode(), HEADER.encode(), ENCODED[4:-4])
    return [needle for needle in needles if needle in data or needle in data.replace(b"\\u002d", b"-")]


def written(place: Place) -> Iterator[tuple[Path, bytes]]:
    """Everything in the home folder and in the project, objects of git unpacked too."""
    for base in (place.home, place.folder):
        for path in base.rglob("*"):
            if path.is_file():
                data = path.read_bytes()
                with contextlib.suppress(zlib.error):
                    data += zlib.decompress(data)
                yield path, data


def leaks(place: Place) -> list[Path]:
    everything = list(written(place))
    assert any(path.suffix == ".jsonl" for path, _ in everything)
    return [path for path, data in everything if found(data)]


@pytest.mark.parametrize(
    "shape",
    [
        (),
        ("--output-format", "json"),
        ("--output-format", "stream-json", "--verbose", "--include-partial-messages"),
    ],
    ids=["text", "json", "stream-json"],
)
async def test_a_headless_run_writes_and_prints_the_key_nowhere(
    planted: Place, shape: tuple[str, ...]
) -> None:
    async with ScriptedServer(steps(planted)) as server:
        done = await planted.run("-p", f"what is {KEY}?", *shape, *flags(server))
        told = json.dumps(server.requests[-1].json()["messages"])

    assert done.status == 0, done.err
    assert "The key is [key], the header [key]" in done.out
    assert found((done.out + done.err).encode()) == []
    assert KEY in told
    assert leaks(planted) == []
    [log] = [path for path, _ in written(planted) if path.suffix == ".jsonl" and "sessions" in path.parts]
    document = to_markdown(read_session(log).events, thinking=True)
    assert "The key is [key]" in document
    assert found(document.encode()) == []
    assert any("spill" in path.parts and b"key = [key]" in data for path, data in written(planted))


async def test_the_screen_never_shows_the_key(planted: Place) -> None:
    async with ScriptedServer(steps(planted)) as server:
        script = planted.folder.parent / "start.py"
        arguments = [*KCODE, *flags(server)]
        script.write_text(f"import os\nos.execvp({arguments[0]!r}, {arguments!r})\n")
        terminal = Terminal(planted.folder, script=script, environ=planted.env(), columns=200, rows=50)
        try:
            await asyncio.to_thread(sit, terminal)
            shown = terminal.everything
            raw = terminal.raw
        finally:
            terminal.close()
    assert "The key is [key]" in shown
    assert found(raw) == []
    assert found("".join(shown.split()).encode()) == []
    assert leaks(planted) == []


def sit(terminal: Terminal) -> None:
    terminal.wait_for("scripted", 60)
    terminal.line("go")
    terminal.wait_for("The key is", 60)
    for command in ("/status", "/context", "/cost"):
        terminal.line(command)
        terminal.settle(1)
    terminal.send("\x04")
    terminal.settle(1)


async def test_an_editor_is_never_sent_the_key(planted: Place) -> None:
    async with ScriptedServer(steps(planted)) as server:
        process = await asyncio.create_subprocess_exec(
            *(*KCODE, "acp", *flags(server)),
            cwd=planted.folder,
            env=planted.env(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=1 << 24,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        sent = b""

        async def ask(number: int, method: str, **params: Any) -> Any:
            nonlocal sent
            assert process.stdin is not None
            assert process.stdout is not None
            message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            process.stdin.write(json.dumps(message).encode() + b"\n")
            while line := await asyncio.wait_for(process.stdout.readline(), 60):
                sent += line
                answer = json.loads(line)
                if answer.get("id") == number and "method" not in answer:
                    return answer["result"]
            raise AssertionError("it ended")

        await ask(1, "initialize", protocolVersion=1, clientCapabilities={})
        session = (await ask(2, "session/new", cwd=str(planted.folder), mcpServers=[]))["sessionId"]
        await ask(3, "session/prompt", sessionId=session, prompt=[{"type": "text", "text": "go"}])
        process.stdin.close()
        rest, errors = await asyncio.wait_for(
            asyncio.gather(process.stdout.read(), process.stderr.read()), 60
        )
        await process.wait()
    assert b"[key]" in sent
    assert found(sent + rest + errors) == []
    assert leaks(planted) == []


CRASH = """
import sys
import kcode.cli
def broken(*_):
    raise RuntimeError(f"a client with headers {{'Authorization': 'Bearer {key}'}} and {stored}")
kcode.cli._run = broken
sys.argv = ["kcode", "-p", "x"]
kcode.cli.main()
"""


async def test_a_crash_prints_its_traceback_without_the_keys(place: Place) -> None:
    place.environ |= {"KCODE_API_KEY": HEADER}
    (place.home / ".kcode").mkdir()
    (place.home / ".kcode" / "credentials.json").write_text(
        json.dumps({"moonshot": {"apiKey": "planted stored"}})
    )
    code = CRASH.replace("{key}", HEADER).replace("{stored}", "planted stored")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code), env=place.env(), cwd=place.folder, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 1
    assert b"Traceback" in errors
    assert b"RuntimeError: a client" in errors
    assert HEADER.encode() not in errors
    assert b"planted stored" not in errors


FAULT = """
import asyncio, logging
from kcode.app.faults import keep_keys_out
keep_keys_out()
async def main():
    async def broken():
        raise RuntimeError("with {key}")
    task = asyncio.ensure_future(broken())
    await asyncio.sleep(0)
    del task
    await asyncio.sleep(0)
asyncio.run(main())
"""


async def test_a_fault_in_a_task_that_nobody_waits_for_is_told_without_the_key(place: Place) -> None:
    place.environ |= {"KCODE_API_KEY": HEADER}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", FAULT.replace("{key}", HEADER)),
        env=place.env(),
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await asyncio.wait_for(process.communicate(), 60)
    assert b"RuntimeError: with [redacted]" in errors
    assert HEADER.encode() not in errors


async def test_doctor_and_config_print_no_key_in_any_form(place: Place) -> None:
    place.environ |= {
        "KCODE_API_KEY": KEY,
        "KCODE_MODEL": "x",
        "KCODE_BASE_URL": f"http://me:{KEY}@127.0.0.1:9/v1",
    }
    for arguments in (["doctor", "--json"], ["config"], ["config", "--json"], ["-p", "x"], ["doctor"]):
        done = await place.run(*arguments)
        assert found((done.out + done.err).encode()) == []
