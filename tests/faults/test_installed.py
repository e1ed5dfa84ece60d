"""The installed program against failing servers: what it says, what it exits with, what it sends."""

import asyncio
import json
import os
import sys
from typing import Any

import pytest
from fault_bench import Faults, refuses, said, sse, wired

from kcode.providers.scripted_rules import refusal
from kcode.providers.scripted_server import ScriptedServer
from kcode.providers.scripted_wire import Wire


async def _run(faults: Faults, server: ScriptedServer, *arguments: str) -> tuple[int, str, str]:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("KCODE_")}
    environ |= {
        "KCODE_HOME": str(faults.folder.parent / "home" / ".kcode"),
        "KCODE_MODEL": "kimi-k3",
        "KCODE_BASE_URL": server.base_url,
        "KCODE_API_KEY": "sk-test",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "kcode", *arguments),
        cwd=faults.folder,
        env=environ,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, out.decode(), err.decode()


def _asked(server: ScriptedServer) -> list[dict[str, Any]]:
    return [r.json() for r in server.stats.requests if r.path.endswith("/chat/completions")]


async def test_faults_are_repaired_counted_and_told_by_the_installed_program(faults: Faults):
    (faults.folder / "a.txt").write_text("content\n")
    steps = [
        sse({"choices": [{"delta": {"content": "Let"}}]}, done=False, end="cut"),
        refuses(500, "server error", "server_error"),
        wired("functions.read", '{"path": "a.txt"}'),
        said("It says content."),
    ]
    async with ScriptedServer(steps, model="kimi-k3", rules=refusal) as server:
        status, out, err = await _run(faults, server, "-p", "go", "--output-format", "json")
    result = json.loads(out)
    assert (status, result["result"]) == (0, "It says content.")
    assert sum(result["repairs"].values()) >= 2
    assert err.count("Trying again") == 2


@pytest.mark.parametrize(
    ("wire", "status", "words"),
    [
        (refuses(401, "Invalid Authentication"), 1, "does not accept the API key (from KCODE"),
        (
            refuses(429, "check your account balance", "exceeded_current_quota_error"),
            1,
            "waiting does not help",
        ),
        (refuses(403, "only available for Coding Agents", "access_terminated_error"), 1, "platform.kimi.ai"),
    ],
)
async def test_what_waiting_does_not_mend_ends_a_run_with_its_reason(
    faults: Faults, wire: Wire, status: int, words: str
):
    async with ScriptedServer([wire, said("never")], model="kimi-k3") as server:
        code, out, err = await _run(faults, server, "-p", "go")
    assert (code, out) == (status, "")
    assert words in err
    assert len(_asked(server)) == 1


async def test_another_model_is_asked_where_the_first_one_cannot_be_had(faults: Faults):
    broke = refuses(429, "check your account balance", "exceeded_current_quota_error")
    settings = json.dumps({"fallbackModel": ["kimi-k2.6"]})
    async with ScriptedServer([broke, said("From the other.")], model="kimi-k3") as server:
        code, out, err = await _run(faults, server, "-p", "go", "--settings", settings)
    assert (code, out.strip()) == (0, "From the other.")
    assert "kimi-k2.6 is asked instead" in err
    assert [body["model"] for body in _asked(server)] == ["kimi-k3", "kimi-k2.6"]


async def test_an_endpoint_is_examined_and_its_profile_kept(faults: Faults):
    picky = refuses(400, "Unrecognized request argument supplied: stream_options")
    steps = [picky, wired("report", {"status": "ok"}), said("done")]
    async with ScriptedServer(steps, model="kimi-k3", rules=refusal) as server:
        code, out, err = await _run(faults, server, "doctor", "--endpoint", "--json")
        report = json.loads(out)
        kept = json.loads((faults.folder.parent / "home" / ".kcode" / "endpoints.json").read_text())
    assert (code, err) == (0, "")
    assert report["calls_tools"]
    assert report["takes_history"]
    assert report["learnt"] == {"without": ["stream_options"]}
    assert kept[f"{server.base_url} kimi-k3"]["fields"] == report["learnt"]


async def test_a_turn_that_a_limit_ends_says_so_and_warns_before(faults: Faults):
    steps = [wired("Glob", {"pattern": f"*.{i}"}) for i in range(9)]
    async with ScriptedServer(steps, model="kimi-k3", rules=refusal) as server:
        code, _, err = await _run(faults, server, "-p", "go", "--max-turns", "5", "--verbose")
    assert code == 3
    assert "80% of the limit of 5 steps" in err
    assert "Reached the limit of 5 steps" in err
