"""An editor for tests: the SDK's client side on a real `kcode acp`, which asks a scripted model over HTTP."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias, cast

from acp.client.connection import ClientSideConnection
from acp.exceptions import RequestError
from acp.schema import (
    AllowedOutcome,
    ClientCapabilities,
    CreateTerminalResponse,
    DeniedOutcome,
    NewSessionResponse,
    PromptResponse,
    ReadTextFileResponse,
    RequestPermissionResponse,
    TerminalExitStatus,
    TerminalOutputResponse,
    TextContentBlock,
    WaitForTerminalExitResponse,
)

from kcode.providers.scripted_server import ScriptedServer
from kcode.providers.scripted_wire import WireStep

Choose: TypeAlias = Callable[[list[Any]], str | None]
"""Picks one of the options of a permission request by id; None for cancelled."""


def choose(wanted: str) -> Choose:
    """Pick the first option whose id or kind is this."""

    def pick(options: list[Any]) -> str | None:
        return next((o.option_id for o in options if wanted in {o.option_id, o.kind}), None)

    return pick


class Terminal:
    """A program in a terminal of the editor."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.output = b""
        self.released = False
        self.killed = False
        self.reading = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while data := await self.process.stdout.read(4096):
            self.output += data


class Editor:
    """What the person and their editor do; `updates` are the session/update notifications as they came."""

    def __init__(self) -> None:
        self.updates: list[tuple[str, dict[str, Any]]] = []
        self.asked: list[dict[str, Any]] = []
        self.forms: list[str] = []
        self.choose: Choose = choose("allow")
        self.answer: dict[str, Any] | None = None
        self.hold: asyncio.Event | None = None
        self.buffers: dict[str, str] = {}
        self.written: list[str] = []
        self.terminals: dict[str, Terminal] = {}
        self.broken = False

    async def session_update(self, session_id: str, update: Any, **_: Any) -> None:
        self.updates.append((session_id, update.model_dump(by_alias=True, exclude_none=True, mode="json")))

    async def request_permission(
        self, session_id: str, tool_call: Any, options: list[Any], **_: Any
    ) -> RequestPermissionResponse:
        call = tool_call.model_dump(by_alias=True, exclude_none=True, mode="json")
        self.asked.append({"session": session_id, "call": call, "options": options})
        if self.hold is not None:
            await self.hold.wait()
        chosen = self.choose(options)
        if chosen is None:
            return RequestPermissionResponse(outcome=DeniedOutcome(outcome="cancelled"))
        return RequestPermissionResponse(outcome=AllowedOutcome(outcome="selected", option_id=chosen))

    async def create_elicitation(self, message: str, mode: Any, **_: Any) -> Any:
        self.forms.append(message)
        if self.answer is None:
            return {"action": "decline"}
        return {"action": "accept", "content": self.answer}

    async def read_text_file(self, session_id: str, path: str, **_: Any) -> ReadTextFileResponse:
        self.fail()
        text = self.buffers.get(path)
        if text is None:
            try:
                text = Path(path).read_text(encoding="utf-8")  # noqa: ASYNC240 - a few bytes
            except OSError as error:
                raise RequestError.resource_not_found(path) from error
        return ReadTextFileResponse(content=text)

    async def write_text_file(self, session_id: str, path: str, content: str, **_: Any) -> None:
        self.fail()
        self.written.append(path)
        self.buffers[path] = content
        Path(path).write_text(content, encoding="utf-8")  # noqa: ASYNC240 - as above

    async def create_terminal(
        self,
        session_id: str,
        command: str,
        args: list[str] | None = None,
        cwd: str | None = None,
        env: list[Any] | None = None,
        **_: Any,
    ) -> CreateTerminalResponse:
        self.fail()
        process = await asyncio.create_subprocess_exec(
            command, *(args or []), cwd=cwd, stdin=asyncio.subprocess.DEVNULL,
            env={**os.environ, **{v.name: v.value for v in env or []}},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        key = f"term-{len(self.terminals)}"
        self.terminals[key] = Terminal(process)
        return CreateTerminalResponse(terminal_id=key)

    async def terminal_output(self, session_id: str, terminal_id: str, **_: Any) -> TerminalOutputResponse:
        terminal = self.terminals[terminal_id]
        code = terminal.process.returncode
        status = None if code is None else _status(code)
        return TerminalOutputResponse(output=terminal.output.decode(), truncated=False, exit_status=status)

    async def wait_for_terminal_exit(
        self, session_id: str, terminal_id: str, **_: Any
    ) -> WaitForTerminalExitResponse:
        terminal = self.terminals[terminal_id]
        status = _status(await terminal.process.wait())
        await terminal.reading
        return WaitForTerminalExitResponse(exit_code=status.exit_code, signal=status.signal)

    async def kill_terminal(self, session_id: str, terminal_id: str, **_: Any) -> None:
        terminal = self.terminals[terminal_id]
        terminal.killed = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(terminal.process.pid, 9)

    async def release_terminal(self, session_id: str, terminal_id: str, **_: Any) -> None:
        await self.kill_terminal(session_id, terminal_id)
        self.terminals[terminal_id].released = True

    def fail(self) -> None:
        """Refuse, where files and terminals are broken today."""
        if self.broken:
            raise RequestError.internal_error({"details": "out of order"})

    def on_connect(self, conn: Any) -> None:
        """Nothing to do."""

    def of(self, session: str, kind: str = "") -> list[dict[str, Any]]:
        """The updates of a session, of one kind."""
        return [u for s, u in self.updates if s == session and kind in {"", u["sessionUpdate"]}]

    def text(self, session: str, kind: str = "agent_message_chunk") -> str:
        """What was said in chunks."""
        return "".join(u["content"]["text"] for u in self.of(session, kind))

    def call(self, session: str, call_id: str = "") -> dict[str, Any]:
        """A tool call as it stands after all its updates; the last one without an id."""
        merged: dict[str, dict[str, Any]] = {}
        for update in self.of(session):
            if update["sessionUpdate"] in {"tool_call", "tool_call_update"}:
                merged.setdefault(update["toolCallId"], {}).update(update)
        return merged[call_id] if call_id else list(merged.values())[-1]


def _status(code: int) -> TerminalExitStatus:
    if code < 0:
        return TerminalExitStatus(signal=f"SIG{ {9: 'KILL', 15: 'TERM'}.get(-code, 'TERM') }")
    return TerminalExitStatus(exit_code=code)


class Stage:
    """A running `kcode acp` with the editor that started it.

    Attributes:
        lines: every line that it wrote to stdout.
    """

    def __init__(self, process: asyncio.subprocess.Process, server: ScriptedServer, cwd: Path) -> None:
        assert process.stdin is not None
        self.process = process
        self.server = server
        self.cwd = cwd
        self.editor = Editor()
        self.lines: list[bytes] = []
        self._reader = asyncio.StreamReader(limit=1 << 26)
        self._tee = asyncio.ensure_future(self._copy())
        self.agent = ClientSideConnection(
            cast("Any", self.editor), process.stdin, self._reader, use_unstable_protocol=True
        )

    async def _copy(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.lines.append(line)
            self._reader.feed_data(line)
        self._reader.feed_eof()

    async def new(self, cwd: Path | None = None, **more: Any) -> str:
        """Open a session and return its id."""
        return (await self.new_whole(cwd, **more)).session_id

    async def new_whole(self, cwd: Path | None = None, **more: Any) -> NewSessionResponse:
        return await self.agent.new_session(cwd=str(cwd or self.cwd), mcp_servers=[], **more)

    async def prompt(self, session: str, text: str) -> PromptResponse:
        block = TextContentBlock(type="text", text=text)
        return await asyncio.wait_for(self.agent.prompt(session_id=session, prompt=[block]), 30)

    async def raw(self, method: str, params: object) -> Any:
        """Send a request as it is."""
        return await asyncio.wait_for(self.agent._conn.send_request(method, params), 20)

    async def until(self, condition: Callable[[], object], seconds: float = 15) -> None:
        """Wait for something to become true."""
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.02)

    async def end(self) -> int:
        """Close stdin and return the exit status."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        status = await asyncio.wait_for(self.process.wait(), 15)
        await self._tee
        return status


@contextlib.asynccontextmanager
async def stage(
    tmp_path: Path,
    steps: Iterable[WireStep],
    *arguments: str,
    capabilities: Mapping[str, Any] | None = None,
    greet: bool = True,
    environ: Mapping[str, str] | None = None,
) -> AsyncGenerator[Stage, None]:
    """Start a scripted model and `kcode acp`, and greet it."""
    cwd = tmp_path / "work"
    cwd.mkdir(exist_ok=True)
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    async with ScriptedServer(steps) as server:
        env = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("KCODE_", "MOONSHOT_", "OPENAI_"))},
            "HOME": str(home),
            "KCODE_HOME": str(home / ".kcode"),
            "KCODE_BASE_URL": server.base_url,
            "KCODE_MODEL": "scripted",
            "KCODE_API_KEY": "sk-test",
            **(environ or {}),
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "kcode", "acp", *arguments, cwd=tmp_path,
            env={name: value for name, value in env.items() if value},
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 26,
        )  # fmt: skip
        one = Stage(process, server, cwd)
        try:
            if greet:
                said = ClientCapabilities.model_validate(capabilities or {})
                await asyncio.wait_for(one.agent.initialize(1, client_capabilities=said), 20)
            yield one
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            await one._tee
            await one.agent.close()
            for terminal in one.editor.terminals.values():
                await terminal.process.wait()
                await terminal.reading


def messages(lines: Iterable[bytes]) -> list[dict[str, Any]]:
    """Read what was written to stdout; fails where a line is no JSON-RPC message."""
    found = [json.loads(line) for line in lines]
    assert all(message["jsonrpc"] == "2.0" for message in found)
    return found
