"""The methods that an editor calls."""

import asyncio
import importlib
import logging
import os
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from acp.connection import Connection
from acp.exceptions import RequestError
from acp.schema import (
    AuthenticateRequest,
    CancelNotification,
    CloseSessionRequest,
    DeleteSessionRequest,
    ForkSessionRequest,
    ForkSessionResponse,
    ListSessionsRequest,
    ListSessionsResponse,
    LoadSessionRequest,
    LoadSessionResponse,
    NewSessionRequest,
    NewSessionResponse,
    PromptRequest,
    ResumeSessionRequest,
    ResumeSessionResponse,
    SessionInfo,
    SetSessionConfigOptionResponse,
    SetSessionModeRequest,
)
from pydantic import BaseModel, ValidationError

from kcode.app.faults import without_keys
from kcode.config.home import find_home
from kcode.config.options import Options
from kcode.frontends.acp import hello
from kcode.frontends.acp.blocks import prompt_of
from kcode.frontends.acp.editor import Editor
from kcode.frontends.acp.failures import INTERNAL, NOT_FOUND, invalid, told
from kcode.frontends.acp.stdio import Lines
from kcode.types.errors import ConfigError, KcodeError, NoConnectionError, SessionError
from kcode.types.mode import Mode

if TYPE_CHECKING:
    # Loaded behind the first answer: an editor waits for that one.
    from kcode.app.stored import StoredSessions
    from kcode.frontends.acp.trusting import Trusting
    from kcode.frontends.acp.turns import Turns
    from kcode.types.command import SessionSummary

Result: TypeAlias = BaseModel | dict[str, Any]
PAGE = 50


class Server:
    """Answers an editor. One process serves any number of sessions."""

    def __init__(self, options: Options, can: hello.Abilities) -> None:
        self._log = logging.getLogger(__name__)
        self._options = options
        self._editor = Editor(can)
        self._sessions: dict[str, Turns] = {}
        # While the editor thinks of its next request.
        self._loading = asyncio.ensure_future(
            asyncio.to_thread(importlib.import_module, "kcode.frontends.acp.turns")
        )
        self._loading.add_done_callback(lambda _: self._spawn(_preload()))
        self._trusting: Trusting | None = None
        self._stored: StoredSessions | None = None
        self._running: set[asyncio.Task[Any]] = set()
        self._prompts: dict[str, object] = {}
        self._requests: Mapping[str, tuple[type[BaseModel], Callable[[Any], Awaitable[Result]]]] = {
            "authenticate": (AuthenticateRequest, self._authenticate),
            "session/new": (NewSessionRequest, self._new),
            "session/load": (LoadSessionRequest, self._load),
            "session/resume": (ResumeSessionRequest, self._resume),
            "session/fork": (ForkSessionRequest, self._fork),
            "session/list": (ListSessionsRequest, self._list),
            "session/close": (CloseSessionRequest, self._close),
            "session/delete": (DeleteSessionRequest, self._delete),
            "session/prompt": (PromptRequest, self._prompt),
            "session/set_mode": (SetSessionModeRequest, self._set_mode),
        }

    def connect(self, connection: Connection) -> None:
        """Talk to the editor through this connection."""
        self._editor.connect(connection)

    async def handle(self, method: str, params: Any, is_notification: bool) -> Result | None:
        """Answer one message, as `acp.connection.Connection` wants it.

        Raises:
            RequestError: with the protocol's code and what is wrong in words.
        """
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        found = cast("dict[str, Any]", params) if isinstance(params, dict) else {}
        try:
            if is_notification:
                self._notified(method, found)
                return None
            return await self._answer(method, found)
        except SessionError as error:
            raise RequestError(NOT_FOUND, str(error)) from error
        except KcodeError as error:
            raise told(error) from error
        except ValidationError as error:
            raise invalid(_problems(error)) from error
        except RequestError:
            raise
        except Exception as error:
            self._log.exception("%s failed", method)
            words = without_keys(f"kcode itself failed: {type(error).__name__}: {error}")
            raise RequestError(INTERNAL, words) from error

    def watch(self, message: Mapping[str, Any]) -> None:
        """Remember which request is a session's prompt, so that it can be cancelled by its id."""
        if message.get("method") == "session/prompt" and "id" in message:
            params: object = message.get("params")
            if isinstance(params, dict):
                self._prompts[str(cast("dict[str, Any]", params).get("sessionId"))] = message["id"]

    async def close(self) -> None:
        """End every session, and let what was asked be answered."""
        turns, self._sessions = list(self._sessions.values()), {}
        await asyncio.gather(*(one.close() for one in turns), return_exceptions=True)
        if self._running:
            await asyncio.wait(self._running, timeout=1.0)

    async def _answer(self, method: str, params: dict[str, Any]) -> Result:
        if method == "initialize":
            return self._initialize(params)
        if method == "session/set_config_option":
            return await self._set_option(params)
        known = self._requests.get(method)
        if known is None:
            raise RequestError(-32601, f"There is no method {method}.")
        model, answer = known
        return await answer(model.model_validate(params))

    def _notified(self, method: str, params: dict[str, Any]) -> None:
        if method == "session/cancel":
            turns = self._sessions.get(CancelNotification.model_validate(params).session_id)
            if turns is not None:
                turns.cancel()
        elif method == "$/cancel_request":
            wanted = params.get("requestId")
            for session, request in self._prompts.items():
                if request == wanted and session in self._sessions:
                    self._sessions[session].cancel()

    def _initialize(self, params: Mapping[str, Any]) -> Result:
        """Greet again: the first greeting was answered before this was imported."""
        try:
            answer = hello.answer(params)
        except ValueError as error:
            raise invalid(str(error)) from error
        self._editor.can = hello.abilities(params)
        return answer

    async def _authenticate(self, request: AuthenticateRequest) -> Result:
        """Look whether a model is set up by now: keys are never sent over the protocol."""
        if request.method_id not in {hello.SETTINGS, hello.TERMINAL}:
            raise invalid(f"There is no way to authenticate called {request.method_id!r}.")
        await self._loaded()
        from kcode.app.connecting import find_connection  # noqa: PLC0415 - loaded behind the first answer
        from kcode.app.offline import offline_settings  # noqa: PLC0415 - as above
        from kcode.config.connection import missing_text  # noqa: PLC0415 - as above

        loaded = offline_settings(self._options, os.environ)
        found = await find_connection(self._options, loaded, find_home(os.environ), os.environ)
        if found.connection is None:
            raise told(NoConnectionError(missing_text(loaded.settings)))
        return {}

    async def _new(self, request: NewSessionRequest) -> Result:
        from kcode.frontends.acp.session import new_id  # noqa: PLC0415 - loaded behind the first answer

        turns = await self._begin(new_id(), request.cwd, request.additional_directories, request.mcp_servers)
        session = turns.session
        return NewSessionResponse(
            session_id=session.id, modes=session.modes(), config_options=session.options()
        )

    async def _load(self, request: LoadSessionRequest) -> Result:
        """Bring a stored session back, and show the whole of it before answering."""
        summary = await self._find(request.session_id)
        turns = await self._begin(
            summary.id, request.cwd, request.additional_directories, request.mcp_servers, resume=summary.id
        )
        session = turns.session
        from kcode.frontends.acp.replay import replay  # noqa: PLC0415 - loaded behind the first answer

        await replay(session, (await self._store()).events(summary))
        return LoadSessionResponse(modes=session.modes(), config_options=session.options())

    async def _resume(self, request: ResumeSessionRequest) -> Result:
        """Bring a stored session back without showing it."""
        summary = await self._find(request.session_id)
        turns = await self._begin(
            summary.id, request.cwd, request.additional_directories, request.mcp_servers, resume=summary.id
        )
        session = turns.session
        return ResumeSessionResponse(modes=session.modes(), config_options=session.options())

    async def _fork(self, request: ForkSessionRequest) -> Result:
        from kcode.frontends.acp.session import new_id  # noqa: PLC0415 - loaded behind the first answer

        summary = await self._find(request.session_id)
        turns = await self._begin(
            new_id(),
            request.cwd,
            request.additional_directories,
            request.mcp_servers,
            resume=summary.id,
            fork=True,
        )
        session = turns.session
        return ForkSessionResponse(
            session_id=session.id, modes=session.modes(), config_options=session.options()
        )

    async def _list(self, request: ListSessionsRequest) -> Result:
        cwd = _folder(request.cwd, must_exist=False).resolve() if request.cwd else None
        start = int(request.cursor) if request.cursor and request.cursor.isdecimal() else 0
        listed = (await self._store()).listed(cwd)
        page = listed[start : start + PAGE]
        more = str(start + PAGE) if len(listed) > start + PAGE else None
        return ListSessionsResponse(sessions=[_info(one) for one in page], next_cursor=more)

    async def _close(self, request: CloseSessionRequest) -> Result:
        turns = self._turns(request.session_id)
        del self._sessions[request.session_id]
        await turns.close()
        return {}

    async def _delete(self, request: DeleteSessionRequest) -> Result:
        """Delete a session; one that is not there is deleted already."""
        turns = self._sessions.pop(request.session_id, None)
        if turns is not None:
            await turns.close()
        store = await self._store()
        summary = store.find(request.session_id)
        if summary is not None:
            store.delete(summary)
        return {}

    async def _prompt(self, request: PromptRequest) -> Result:
        turns = self._turns(request.session_id)
        return await turns.prompt(prompt_of(request.prompt))

    async def _set_mode(self, request: SetSessionModeRequest) -> Result:
        await self._choose(self._turns(request.session_id), "mode", request.mode_id)
        return {}

    async def _set_option(self, params: Mapping[str, Any]) -> Result:
        session, option, value = (params.get(name) for name in ("sessionId", "configId", "value"))
        if not (isinstance(session, str) and isinstance(option, str) and isinstance(value, str)):
            raise invalid("sessionId, configId and value must be texts.")
        turns = self._turns(session)
        await self._choose(turns, option, value)
        return SetSessionConfigOptionResponse(config_options=turns.session.options())

    async def _choose(self, turns: "Turns", option: str, value: str) -> None:
        session = turns.session
        try:
            if option == "mode":
                usable: dict[str, Mode] = {mode: mode for mode in session.conversation.modes}
                mode = usable.get(value)
                if mode is None:
                    raise invalid(f"The mode {value!r} cannot be used here. These can: {', '.join(usable)}.")
                await session.choose_mode(mode)
            elif option == "model":
                if not await session.offers(value):
                    raise invalid(f"The endpoint does not offer a model {value!r}.")
                await session.choose_model(value)
            else:
                raise invalid(f"There is no option {option!r}; there are mode and model.")
        except ConfigError as error:
            raise invalid(str(error)) from error

    async def _begin(
        self,
        session_id: str,
        cwd: str,
        more: Sequence[str] | None,
        servers: Sequence[Any] | None,
        *,
        resume: str = "",
        fork: bool = False,
    ) -> "Turns":
        """Open a session and tell of its commands once the answer is out."""
        folders = (_folder(cwd), *(_folder(folder) for folder in more or ()))
        await self._loaded()
        from kcode.frontends.acp.session import Beginning, Session  # noqa: PLC0415 - behind the first answer
        from kcode.frontends.acp.trusting import Trusting  # noqa: PLC0415 - as above
        from kcode.frontends.acp.turns import Turns  # noqa: PLC0415 - as above

        before = self._sessions.pop(session_id, None)
        if before is not None:
            await before.close()
        home = find_home(os.environ)
        session = Session(
            self._editor,
            self._options,
            Beginning(session_id, folders, resume, fork),
            home.path if home.writable else None,
        )
        trusting = self._trusting = self._trusting or Trusting(os.environ)
        trusted = trusting.doubt(session.cwd) is None
        await session.open(trusted=trusted, accepted=trusting.accepted(session.cwd))
        names = ", ".join(str(getattr(server, "name", "?")) for server in servers or ())
        notices = [f"kcode does not use MCP servers yet; ignored: {names}."] if names else []
        turns = self._sessions[session_id] = Turns(session, trusting, notices)
        self._spawn(session.greet())
        return turns

    def _turns(self, session_id: str) -> "Turns":
        turns = self._sessions.get(session_id)
        if turns is None:
            raise RequestError(
                NOT_FOUND,
                f"No session {session_id} is open; session/load or session/resume opens a stored one.",
            )
        return turns

    async def _find(self, session_id: str) -> "SessionSummary":
        found = (await self._store()).find(session_id)
        if found is None:
            raise RequestError(NOT_FOUND, f"There is no stored session {session_id}.")
        return found

    async def _store(self) -> "StoredSessions":
        await self._loaded()
        from kcode.app.stored import StoredSessions  # noqa: PLC0415 - loaded behind the first answer

        if self._stored is None:
            self._stored = StoredSessions(os.environ)
        return self._stored

    async def _loaded(self) -> None:
        """Wait until everything behind the first answer is imported."""
        await asyncio.shield(self._loading)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)


async def connected(server: Server, lines: Lines) -> None:
    """Serve one editor until it closes its end."""
    lines.watch = server.watch
    connection = Connection(server.handle, lines, listening=False)
    server.connect(connection)
    try:
        await connection.main_loop()
        await server.close()
    finally:
        await connection.close()


async def _preload() -> None:
    """Import what the first request to a model needs."""
    from kcode.providers.connect import preload  # noqa: PLC0415 - loaded behind the first answer

    await asyncio.to_thread(preload)


def _problems(error: ValidationError) -> str:
    """Say what is wrong with parameters, each problem with its place."""
    places = ((".".join(map(str, e["loc"])), e["msg"]) for e in error.errors(include_url=False)[:5])
    return "; ".join(f"{place or 'params'}: {words}" for place, words in places)


def _folder(text: str, *, must_exist: bool = True) -> Path:
    """A folder that the editor named.

    Raises:
        RequestError: it is not absolute, or does not exist.
    """
    path = Path(text)
    if not path.is_absolute():
        raise invalid(f"The folder {text!r} must be an absolute path.")
    if must_exist and not path.is_dir():
        raise invalid(f"The folder {text} does not exist.")
    return path


def _info(summary: "SessionSummary") -> SessionInfo:
    return SessionInfo(
        session_id=summary.id,
        cwd=summary.cwd,
        title=summary.title or None,
        updated_at=datetime.fromtimestamp(summary.updated, tz=UTC).isoformat(timespec="seconds"),
    )
