"""Whole one-shot runs, as the installed program makes them: what is loaded, and how often an answer is shown."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from kcode.providers.connect import open_model
from kcode.providers.reading import Reading
from kcode.providers.scripted import says
from kcode.providers.scripted_http import Pace
from kcode.providers.scripted_server import ScriptedServer
from kcode.types.connection import Connection
from kcode.types.messages import TextPart, UserMessage
from kcode.types.model import Delta, Request

NOT_FOR_ONE_ANSWER = (
    "prompt_toolkit",
    "rich",
    "git",
    "tree_sitter",
    "mcp",
    "acp",
    "PIL",
    "pathspec",
    "kcode.frontends.repl",
    "kcode.frontends.acp",
    "kcode.permissions.shell",
    "kcode.permissions.policy",
    "kcode.session.export",
)
"""Packages and modules that a run without a tool call has no use for."""


async def loaded(*arguments: str, folder: Path) -> set[str]:
    """Run kcode and name the modules that were imported until its end."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("KCODE_", "OPENAI_", "KIMI_"))}
    async with ScriptedServer([says("Hello.")]) as server:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-X", "importtime", "-m", "kcode", *arguments),
            cwd=folder,
            env={
                **kept,
                "HOME": str(folder),
                "KCODE_BASE_URL": server.base_url,
                "KCODE_MODEL": "scripted",
            },
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(child.communicate(), 100)
    assert (child.returncode, out.decode().strip()) == (0, "Hello."), err.decode()[-500:]
    return {line.rpartition("|")[2].strip() for line in err.decode().splitlines() if "|" in line}


async def test_an_answer_without_tools_loads_nothing_that_only_tools_and_screens_need(tmp_path: Path) -> None:
    names = await loaded("-p", "hi", folder=tmp_path)
    # Two threads import, and their lines may be torn: one of the package's five hundred modules is enough.
    assert any(name.startswith("openai.") for name in names)
    assert [name for name in NOT_FOR_ONE_ANSWER if name in names] == []


async def test_what_comes_at_once_is_shown_at_once() -> None:
    answer = "".join(f"{i:04} " for i in range(3000))
    shown: list[Delta] = []
    takes = 0

    def count(frame: object, kind: str, argument: object) -> None:
        nonlocal takes
        takes += kind == "call" and getattr(frame, "f_code", None) is Reading.take.__code__

    async def show(delta: Delta) -> None:
        shown.append(delta)

    async with ScriptedServer([says(answer)], pace=Pace(piece=5)) as server:
        model = await open_model(Connection(server.base_url, "sk-test", model="scripted"), environ={})
        request = Request("Be brief.", [UserMessage(parts=(TextPart(text="Count."),))], ())
        sys.setprofile(count)
        try:
            message = await model.respond(request, show)
        finally:
            sys.setprofile(None)
            await model.close()
    assert message.text == answer
    assert "".join(d.text for d in shown) == answer
    # A coroutine that waits is entered again for it, so this is a little more than the reads.
    assert 0 < len(shown) <= takes
    assert len(shown) < 300


@pytest.mark.parametrize("flag", ["--version", "--help"])
async def test_asking_for_the_version_or_help_loads_little(flag: str) -> None:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-X", "importtime", "-m", "kcode", flag),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, err = await child.communicate()
    names = [line.rpartition("|")[2].strip() for line in err.decode().splitlines() if "|" in line]
    assert [name for name in names if name.startswith("kcode")] == ["kcode", "kcode.cli"]
    assert len(names) < 120
