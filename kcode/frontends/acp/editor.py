"""The editor's side of the connection: what it can do, and what is asked of it."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypeVar, cast

from acp.connection import Connection
from acp.exceptions import RequestError
from acp.schema import (
    AllowedOutcome,
    CreateTerminalRequest,
    CreateTerminalResponse,
    EnvVariable,
    PermissionOption,
    ReadTextFileRequest,
    ReadTextFileResponse,
    RequestPermissionRequest,
    RequestPermissionResponse,
    TerminalOutputRequest,
    TerminalOutputResponse,
    ToolCallUpdate,
    WaitForTerminalExitRequest,
    WaitForTerminalExitResponse,
    WriteTextFileRequest,
)
from acp.utils import request_model, serialize_params
from pydantic import BaseModel, ValidationError

from kcode.frontends.acp.hello import Abilities

JsonMap: TypeAlias = dict[str, Any]
A = TypeVar("A", bound=BaseModel)


class EditorError(OSError):
    """The editor could not do what was asked, or is gone."""


class Editor:
    """Calls to the editor. Every one raises EditorError where it fails, except that nobody hears of lost updates."""

    def __init__(self, can: Abilities) -> None:
        self.can = can
        self._connection: Connection | None = None

    def connect(self, connection: Connection) -> None:
        """Talk through this connection from now on."""
        self._connection = connection

    async def update(self, session: str, update: BaseModel | JsonMap) -> None:
        """Tell of something that happened in a session."""
        content = serialize_params(update) if isinstance(update, BaseModel) else update
        with contextlib.suppress(ConnectionError):
            await self._line.send_notification("session/update", {"sessionId": session, "update": content})

    async def permission(
        self, session: str, call: ToolCallUpdate, options: Sequence[PermissionOption]
    ) -> str | None:
        """Ask the person; returns the id of the option that was chosen, None where the turn was cancelled."""
        request = RequestPermissionRequest(session_id=session, tool_call=call, options=list(options))
        answer = await self._ask("session/request_permission", request, RequestPermissionResponse)
        return answer.outcome.option_id if isinstance(answer.outcome, AllowedOutcome) else None

    async def form(self, session: str, message: str, schema: JsonMap, call: str = "") -> JsonMap | None:
        """Ask with a form; None where the person gave no answer."""
        params = {"sessionId": session, "mode": "form", "message": message, "requestedSchema": schema}
        if call:
            params["toolCallId"] = call
        try:
            answer: object = await self._line.send_request("elicitation/create", params)
        except (RequestError, ConnectionError) as error:
            raise EditorError(str(error)) from error
        found = cast("JsonMap", answer) if isinstance(answer, dict) else {}
        content: object = found.get("content")
        if found.get("action") != "accept" or not isinstance(content, dict):
            return None
        return cast("JsonMap", content)

    async def read(self, session: str, path: str) -> str:
        """The text of a file as the editor has it, unsaved changes included."""
        request = ReadTextFileRequest(session_id=session, path=path)
        return (await self._ask("fs/read_text_file", request, ReadTextFileResponse)).content

    async def write(self, session: str, path: str, text: str) -> None:
        """Let the editor write a file."""
        await self._do(
            "fs/write_text_file", WriteTextFileRequest(session_id=session, path=path, content=text)
        )

    async def terminal(
        self, session: str, argv: Sequence[str], cwd: str, env: Mapping[str, str], limit: int
    ) -> str:
        """Start a program in a terminal of the editor's; returns the terminal's id."""
        request = CreateTerminalRequest(
            session_id=session,
            command=argv[0],
            args=list(argv[1:]),
            cwd=cwd,
            env=[EnvVariable(name=name, value=value) for name, value in env.items()],
            output_byte_limit=limit,
        )
        return (await self._ask("terminal/create", request, CreateTerminalResponse)).terminal_id

    async def terminal_output(self, session: str, terminal: str) -> TerminalOutputResponse:
        """What a terminal shows so far, and how its program ended if it has."""
        request = TerminalOutputRequest(session_id=session, terminal_id=terminal)
        return await self._ask("terminal/output", request, TerminalOutputResponse)

    async def terminal_exit(self, session: str, terminal: str) -> WaitForTerminalExitResponse:
        """Wait for the end of a terminal's program."""
        request = WaitForTerminalExitRequest(session_id=session, terminal_id=terminal)
        return await self._ask("terminal/wait_for_exit", request, WaitForTerminalExitResponse)

    async def terminal_end(self, session: str, terminal: str, *, release: bool) -> None:
        """Kill a terminal's program; `release` also gives the terminal back. Errors do not matter any more."""
        method = "terminal/release" if release else "terminal/kill"
        with contextlib.suppress(EditorError):
            await self._do(method, TerminalOutputRequest(session_id=session, terminal_id=terminal))

    @property
    def _line(self) -> Connection:
        if self._connection is None:
            raise EditorError("There is no editor.")
        return self._connection

    async def _ask(self, method: str, params: BaseModel, answer: type[A]) -> A:
        try:
            return await request_model(self._line, method, params, answer)
        except (RequestError, ConnectionError) as error:
            raise EditorError(str(error)) from error
        except ValidationError as error:
            raise EditorError(f"The editor's answer to {method} cannot be understood.") from error

    async def _do(self, method: str, params: BaseModel) -> None:
        try:
            await self._line.send_request(method, serialize_params(params))
        except (RequestError, ConnectionError) as error:
            raise EditorError(str(error)) from error
