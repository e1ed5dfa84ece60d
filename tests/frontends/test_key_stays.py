"""Where the key goes: to the endpoint, and nowhere else."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from installed import Place

from kcode.providers.scripted import call, says
from kcode.providers.scripted_server import ScriptedServer

KEY = "sk-planted-0123456789abcdef"
HEADER = "zq7planted5Tg8vBn3Qw"
PASSWORD = "planted9Zz8Yy7"


async def test_the_key_reaches_the_endpoint_and_no_child_log_or_file(place: Place) -> None:
    place.environ |= {"KCODE_API_KEY": KEY, "IS_SANDBOX": "1"}
    commands = ("env", "cat /proc/self/environ", "cat /proc/$PPID/environ", f"echo {KEY}", "export -p > vars")
    steps = [says("", *(call("Bash", command=command) for command in commands)), says(f"It is {KEY}.")]
    async with ScriptedServer(steps) as server:
        done = await place.run(
            "-p", f"what is {KEY}?", "--permission-mode", "bypassPermissions", base_url=server.base_url
        )
        asked = server.stats.requests[-1]

    assert done.status == 0, done.err
    assert f"Bearer {KEY}" in str(asked.headers.values())
    results = [str(m["content"]) for m in asked.json()["messages"] if m["role"] == "tool"]
    assert [result for result in results[:3] if KEY in result or "PATH=" not in result] == []
    wrote = [path for base in (place.home, place.folder) for path in base.rglob("*") if path.is_file()]
    assert any(path.suffix == ".jsonl" for path in wrote)
    assert holders(wrote) == []


def holders(paths: list[Path]) -> list[Path]:
    return [path for path in paths if any(s.encode() in path.read_bytes() for s in (KEY, HEADER, PASSWORD))]


@contextlib.asynccontextmanager
async def quoting(status: int, kind: str) -> AsyncGenerator[str, None]:
    """A server that refuses every request and quotes the whole of it."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        words = f"Incorrect API key provided: {KEY} ({HEADER}). You sent {head}"
        body = json.dumps({"error": {"message": words, "code": "invalid_api_key"}})
        if kind == "text/event-stream":
            body = f"data: {body}\n\n"
        data = body.encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n\r\n"
        writer.write(head.encode() + data)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


@pytest.mark.parametrize(("status", "kind"), [(401, "application/json"), (200, "text/event-stream")])
async def test_a_server_that_quotes_the_key_in_an_error_gets_it_shown_and_kept_nowhere(
    place: Place, status: int, kind: str
) -> None:
    place.environ |= {"KCODE_API_KEY": KEY}
    (place.home / ".kcode").mkdir()
    async with quoting(status, kind) as url:
        settings = {"baseUrl": url, "model": "scripted", "headers": {"X-Auth-Token": HEADER}}
        (place.home / ".kcode" / "settings.json").write_text(json.dumps(settings))
        done = [
            await place.run(*arguments)
            for arguments in (
                ["-p", "x", "--output-format", "json"],
                ["-p", "x", "--verbose"],
                ["doctor"],
                ["config"],
            )
        ]
    printed = "".join(one.out + one.err for one in done)
    assert "Incorrect API key provided" in printed
    assert [s for s in (KEY, HEADER) if s in printed] == []
    wrote = [path for path in place.home.rglob("*") if path.is_file() and path.name != "settings.json"]
    assert wrote
    assert holders(wrote) == []


async def test_the_password_of_a_proxy_is_not_shown(place: Place) -> None:
    proxy = f"http://me:{PASSWORD}@127.0.0.1:9"
    place.environ |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"), proxy)
    place.environ |= {"KCODE_API_KEY": KEY, "KCODE_MODEL": "x", "KCODE_BASE_URL": "http://nowhere.invalid/v1"}
    done = await place.run("doctor")
    assert done.status == 1
    assert "could not be reached" in done.out
    assert PASSWORD not in done.out + done.err


async def test_settings_are_listed_without_the_secrets_in_them(place: Place) -> None:
    (place.home / ".kcode").mkdir()
    settings = {
        "baseUrl": f"https://host.example/v1?api_key={KEY}",
        "apiKeyHelper": f"printf '%s' {KEY}",
        "headers": {"X-Auth-Token": HEADER},
        "env": {"MY_TOKEN": HEADER},
        "apiKey": KEY,
    }
    (place.home / ".kcode" / "settings.json").write_text(json.dumps(settings))
    for arguments in (["config"], ["config", "--json"], ["config", "--settings", json.dumps(settings)]):
        done = await place.run(*arguments)
        assert "apiKeyHelper" in done.out
        assert [s for s in (KEY, HEADER) if s in done.out + done.err] == []


@pytest.mark.skipif(sys.platform != "linux", reason="NOT TESTED: /proc is Linux's")
async def test_other_processes_do_not_see_what_kcode_was_started_with(place: Place) -> None:
    place.environ |= {"KCODE_API_KEY": KEY, "MY_TOKEN": HEADER, "PLAIN": "stays"}
    code = (
        "import asyncio, ctypes, os\n"
        "from pathlib import Path\n"
        "from kcode.process.spawn import run\n"
        "done = asyncio.run(run(['cat', f'/proc/{os.getpid()}/environ'], cwd=Path('/')))\n"
        "print(done.stdout.decode() + done.stderr.decode())\n"
        "print(os.environ['KCODE_API_KEY'], ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))\n"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code), env=place.env(), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    seen, _, last = out.decode().rstrip().rpartition("\n")
    assert last == f"{KEY} 0"
    assert [s for s in (KEY, HEADER) if s in seen] == []
    assert "PLAIN=stays" in seen or "Permission denied" in seen
