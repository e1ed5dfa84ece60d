"""Runs the demonstration and proves what it shows."""

import argparse
import asyncio
import importlib.util
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from kcode.config.options import Options
from kcode.frontends.demo.player import Player
from kcode.frontends.demo.repository import Planted, plant
from kcode.process.environ import clean_environment
from kcode.process.spawn import start
from kcode.providers.scripted_http import Pace
from kcode.providers.scripted_server import ScriptedServer

MODEL = "kimi-k3"
PRICES = {"prompt": "0.000003", "input_cache_read": "0.0000003", "completion": "0.000015"}
"""Dollars per token, as platform.moonshot.ai lists them for this model."""
PROMPT = "A test fails in this repository. Find the cause, mend it, and show that the tests pass."
SECONDS = 120.0
RULE = "-" * 78


class DemoError(Exception):
    """A step of the demonstration did not succeed."""


def run(options: Options, arguments: Sequence[str]) -> int:
    """Show the main job; returns 0 only if every step of it really succeeded."""
    parser = argparse.ArgumentParser(prog="kcode demo", description="The whole job, without a key.")
    parser.add_argument(
        "--seed", type=int, default=None, help="which bug, file and line; random if not given"
    )
    parser.add_argument("--keep", action="store_true", help="keep the repository")
    flags = parser.parse_args(arguments)
    seed = int.from_bytes(os.urandom(2), "big") if flags.seed is None else flags.seed
    del options
    if shutil.which("git") is None:
        print("kcode demo needs git, and there is none on the PATH.", file=sys.stderr)
        return 1
    folder = Path(tempfile.mkdtemp(prefix="kcode-demo-"))
    try:
        asyncio.run(_Demo(folder, seed).run())
    except DemoError as error:
        print(f"\nThe demonstration failed: {error}", file=sys.stderr)
        return 1
    finally:
        if flags.keep:
            print(f"The repository stays in {folder / 'repository'}.")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


class _Demo:
    def __init__(self, folder: Path, seed: int) -> None:
        self._repository = folder / "repository"
        self._home = folder / "home"
        self._seed = seed
        runner = "pytest -q" if importlib.util.find_spec("pytest") else "unittest discover -t . -s tests"
        self._test = f"python -m {runner}"

    async def run(self) -> None:
        planted = await self._prepare()
        async with ScriptedServer(
            itertools.repeat(Player(self._test)), model=MODEL, pace=Pace(piece=12, delay=0.004)
        ) as server:
            server.models[0]["pricing"] = PRICES
            _say(f"A scripted model answers at {server.base_url}. kcode is started as you would start it:")
            _say(f'  kcode -p --verbose "{PROMPT}"\n{RULE}')
            await self._kcode(server.base_url)
            requests, connections = len(server.requests), server.connections
        _say(RULE)
        await self._prove(planted)
        _say(
            f"\nThe model was scripted: {requests} requests over {connections} connection"
            f"{'s' if connections > 1 else ''} to 127.0.0.1, none left this machine. Files, search, shell and git "
            f"were real. The cost is what as many tokens would cost with {MODEL}.\n\n"
            "To connect a real model, start `kcode` and answer its questions, or set a key:\n"
            "  export MOONSHOT_API_KEY=...              Kimi, from platform.moonshot.ai\n"
            "  export KCODE_BASE_URL=http://host/v1     any OpenAI-compatible server, with\n"
            "         KCODE_API_KEY=... KCODE_MODEL=... where it needs them"
        )

    async def _prepare(self) -> Planted:
        self._repository.mkdir(parents=True)
        self._home.mkdir()
        planted = plant(self._repository, self._seed)
        identity = ["-c", "user.name=kcode demo", "-c", "user.email=demo@example.invalid"]
        for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "A small package"]):
            status, output = await self._run(["git", *command])
            _require(status == 0, f"git {command[0]} failed: {output}")
        status, output = await self._run(self._test.split())
        _require(
            status != 0 and f"test_{planted.bug.name}" in output, f"the planted test does not fail: {output}"
        )
        _say(
            f"A small git repository with a bug and a failing test (seed {self._seed}): {self._repository}\n"
        )
        return planted

    async def _kcode(self, base_url: str) -> None:
        environ = {"KCODE_BASE_URL": base_url, "KCODE_HOME": str(self._home)}
        command = [sys.executable, "-P", "-m", "kcode", "-p", "--verbose", "--permission-mode", "acceptEdits"]
        command += ["--allowedTools", f"Bash({self._test})", "--", PROMPT]
        status, _ = await self._run(command, environ, show=True)
        _require(status == 0, f"kcode ended with status {status}")

    async def _prove(self, planted: Planted) -> None:
        _say("The proof, run apart from kcode:\n")
        status, output = await self._run(self._test.split())
        _say(f"$ {self._test}\n{output.strip()}\n")
        _require(status == 0, "the tests still fail")
        status, diff = await self._run(["git", "--no-pager", "diff", "--stat", "-p"])
        _say(f"$ git diff\n{diff.strip()}")
        _require(f"+{planted.bug.right}" in diff, f"{planted.source} was not corrected")
        _require(diff.count("diff --git") == 1, "other files were changed as well")

    async def _run(
        self, command: Sequence[str], environ: Mapping[str, str] | None = None, *, show: bool = False
    ) -> tuple[int, str]:
        """Run a program in the repository; its output is returned, or shown as it comes."""
        kept = clean_environment(os.environ)
        kept["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', os.defpath)}"
        with tempfile.TemporaryFile() as output:
            child = start(
                command,
                cwd=self._repository,
                env={**kept, **(environ or {})},
                stdout=sys.stdout.fileno() if show else output,
                stderr=subprocess.STDOUT,
            )
            try:
                status = await asyncio.wait_for(child.wait(), SECONDS)
            except TimeoutError:
                raise DemoError(f"{command[0]} did not end within {SECONDS:.0f} s") from None
            finally:
                await child.end()
            output.seek(0)
            return status, output.read().decode(errors="replace")


def _say(text: str) -> None:
    print(text, flush=True)


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise DemoError(otherwise)
