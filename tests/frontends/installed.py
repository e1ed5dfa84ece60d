"""The installed kcode as a child process, against a scripted model on 127.0.0.1."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kcode.providers.scripted_server import ScriptedServer

KCODE = (sys.executable, "-m", "kcode")
SECONDS = 110


@dataclass
class Done:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass
class Place:
    """A folder to work in and a home of its own."""

    folder: Path
    home: Path
    environ: dict[str, str] = field(default_factory=dict[str, str])

    def env(self, base_url: str = "") -> dict[str, str]:
        kept = {
            k: v
            for k, v in os.environ.items()
            if not k.startswith(("KCODE_", "OPENAI_", "MOONSHOT_", "KIMI_"))
        }
        kept |= {"HOME": str(self.home), "KCODE_HOME": str(self.home / ".kcode")}
        if base_url:
            kept |= {"KCODE_BASE_URL": base_url, "KCODE_MODEL": "scripted"}
        return kept | self.environ

    async def start(
        self,
        *arguments: str,
        base_url: str = "",
        stdin: int = asyncio.subprocess.DEVNULL,
        under: Sequence[str] = (),
    ) -> asyncio.subprocess.Process:
        """Start kcode; `under` is another program that runs it, or a few words of shell that end in `"$@"`."""
        return await asyncio.create_subprocess_exec(
            *under,
            *KCODE,
            *arguments,
            cwd=self.folder,
            env=self.env(base_url),
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def run(
        self, *arguments: str, base_url: str = "", piped: str | None = None, under: Sequence[str] = ()
    ) -> Done:
        stdin = asyncio.subprocess.DEVNULL if piped is None else asyncio.subprocess.PIPE
        process = await self.start(*arguments, base_url=base_url, stdin=stdin, under=under)
        data = None if piped is None else piped.encode()
        try:
            out, err = await asyncio.wait_for(process.communicate(data), SECONDS)
        except TimeoutError:
            process.send_signal(signal.SIGKILL)
            raise
        return Done(process.returncode or 0, out.decode(), err.decode())

    async def ask(
        self, steps: Iterable[Any], *arguments: str, piped: str | None = None
    ) -> tuple[Done, ScriptedServer]:
        async with ScriptedServer(steps) as server:
            done = await self.run("-p", *arguments, base_url=server.base_url, piped=piped)
        return done, server
