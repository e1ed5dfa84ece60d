"""One session of an editor: a conversation, and the front end that it talks to."""

import asyncio
import contextlib
import uuid
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from acp.schema import (
    ConfigOptionUpdate,
    Cost,
    CurrentModeUpdate,
    SessionConfigOptionBoolean,
    SessionConfigOptionSelect,
    SessionModeState,
    ToolCallProgress,
    UsageUpdate,
)

from kcode.app.conversation import Conversation
from kcode.app.start import open_conversation
from kcode.config.options import Options
from kcode.editing.encoding import EncodingRefusedError, decode
from kcode.editing.endings import open_text
from kcode.environment.local import LocalEnvironment
from kcode.frontends.acp import choices
from kcode.frontends.acp.asking import Asker
from kcode.frontends.acp.editor import Editor
from kcode.frontends.acp.environment import EditorEnvironment
from kcode.frontends.acp.files import EditorFiles
from kcode.frontends.acp.hello import Abilities
from kcode.frontends.acp.spelling import Spelling
from kcode.frontends.acp.terminals import EditorTerminals
from kcode.frontends.acp.updates import Place, Translator, Update
from kcode.types.environment import Environment
from kcode.types.errors import KcodeError
from kcode.types.events import Event, ModeChanged, ModelChanged, StepEnded, ToolProgress
from kcode.types.frontend import Decision, PermissionRequest
from kcode.types.mode import Mode
from kcode.types.model import ModelInfo
from kcode.types.questions import Question

MODELS_SECONDS = 2.0
"""Seconds that opening a session waits for the list of models; later it comes as an update."""
PATIENCE = 10.0
"""Seconds that choosing a model waits for that list."""
PROGRESS_SECONDS = 0.2
"""Seconds between updates of a running call's output."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """How a session is begun: its id, its folders as the editor names them, and what it goes on with."""

    id: str
    folders: tuple[Path, ...]
    resume: str = ""
    fork: bool = False


class Session:
    """Implements `kcode.types.frontend.Frontend`.

    Attributes:
        asker: asks the person.
        trusted: whether the folder's own settings count.
        translator: what the editor knows of running calls.
    """

    def __init__(self, editor: Editor, options: Options, beginning: Beginning, home: Path | None) -> None:
        self.id = beginning.id
        self.beginning = beginning
        self.spelling = Spelling(beginning.folders)
        self.asker = Asker(editor, self.id, self.choose_mode)
        self.trusted = False
        self._editor = editor
        self._options = options
        self._home = home
        self._conversation: Conversation | None = None
        self._models: Sequence[ModelInfo] = ()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flushes: dict[str, asyncio.TimerHandle] = {}
        self._listing: asyncio.Task[None] | None = None
        self._wanted = ""
        self._chosen: dict[str, str] = {}
        self.translator = Translator(Place(self.spelling.shown, self._text), editor.can, live=True)

    @property
    def cwd(self) -> Path:
        """The session's folder, links resolved."""
        return self.beginning.folders[0].resolve()

    @property
    def can(self) -> Abilities:
        """What the editor can do."""
        return self._editor.can

    @property
    def conversation(self) -> Conversation:
        """The open conversation.

        Raises:
            KcodeError: it could not be opened again.
        """
        if self._conversation is None:
            raise KcodeError("This session could not be opened again; load it anew.")
        return self._conversation

    async def open(self, *, trusted: bool, accepted: Mapping[str, str] | None = None) -> None:
        """Open the conversation; raises KcodeError.

        `accepted` is what the person has said yes to, of the folder's own files; `trusted` whether nothing is left to
        be asked about them.

        What happens while it opens is part of the stored session, and not told.
        """
        begun = self.beginning
        options = replace(
            self._options,
            cwd=self.cwd,
            add_dirs=(*self._options.add_dirs, *(folder.resolve() for folder in begun.folders[1:])),
            resume=begun.resume or None,
            fork=begun.fork,
            session_id=None if begun.resume and not begun.fork else self.id,
            accepted=accepted,
        )
        self._conversation = await open_conversation(options, self, host=self._host)
        self.trusted = options.trust or trusted
        with contextlib.suppress(KcodeError):
            if mode := self._chosen.get(choices.MODE):
                await self._conversation.set_mode(_mode(mode))
            if model := self._chosen.get(choices.MODEL):
                await self._conversation.set_model(model)
        await self._list_models()

    async def reopen(self, accepted: Mapping[str, str]) -> None:
        """Open the conversation anew with other settings; raises KcodeError."""
        old = self.conversation
        if old.state.transcript:
            self.beginning = replace(self.beginning, resume=self.id, fork=False)
        self._conversation = None
        await old.close()
        await self.open(trusted=True, accepted=accepted)
        await self.tell(
            ConfigOptionUpdate(session_update="config_option_update", config_options=self.options())
        )
        await self.tell(self._mode_update())

    async def close(self) -> None:
        """End everything; nothing is told any more."""
        for task in list(self._tasks):
            task.cancel()
        for handle in self._flushes.values():
            handle.cancel()
        if self._conversation is not None:
            await self._conversation.close()

    async def tell(self, *updates: Update) -> None:
        """Send updates."""
        for update in updates:
            await self._editor.update(self.id, update)

    async def greet(self) -> None:
        """Tell what the editor wants to know of a session as soon as it has it."""
        await self.tell(choices.available_commands(self.conversation.commands()))
        await self.tell_usage()

    async def tell_usage(self) -> None:
        """Say how full the window is and what the session cost so far."""
        conversation = self.conversation
        used = conversation.context_report().get("used")
        usd = conversation.cost().get("usd")
        cost = Cost(amount=float(usd), currency="USD") if isinstance(usd, int | float) else None
        size = conversation.model.window
        await self.tell(
            UsageUpdate(
                session_update="usage_update",
                used=used if isinstance(used, int) else 0,
                size=size,
                cost=cost,
            )
        )

    def modes(self) -> SessionModeState:
        """The modes, in the older form."""
        return choices.modes(self.conversation.mode, self.conversation.modes)

    def options(self) -> list[SessionConfigOptionSelect | SessionConfigOptionBoolean]:
        """Everything that can be chosen."""
        now = self.conversation
        return choices.config_options(now.mode, now.modes, self._wanted or now.model.id, self._models)

    async def choose_mode(self, mode: Mode) -> None:
        """Change the permission mode; raises ConfigError where it may not be used."""
        await self.conversation.set_mode(mode)
        self._chosen[choices.MODE] = mode

    async def choose_model(self, model: str) -> None:
        """Change the model, at once or after the running turn; raises KcodeError if it is not offered."""
        if self.conversation.busy:
            # The running turn holds on to its model's connection, which changing would close.
            self._wanted = model
        else:
            await self.conversation.set_model(model)
        self._chosen[choices.MODEL] = model

    async def settle_model(self) -> None:
        """Change to the model that was chosen while a turn ran."""
        wanted, self._wanted = self._wanted, ""
        if wanted:
            try:
                await self.conversation.set_model(wanted)
            except KcodeError as error:
                await self.tell(*self.translator.notice(str(error), "error"))

    async def offers(self, model: str) -> bool:
        """Whether a model may be chosen; where the list cannot be had the endpoint decides."""
        if self._listing is not None:
            await asyncio.wait({self._listing}, timeout=PATIENCE)
        return not self._models or any(known.id == model for known in self._models)

    async def on_event(self, event: Event) -> None:
        """Tell the editor what happened."""
        if self._conversation is None:
            return
        await self.tell(*await self.translator.of(event))
        match event:
            case ToolProgress():
                self._flush_soon(event.call_id)
            case StepEnded(agent="main"):
                await self.tell_usage()
            case ModeChanged():
                await self.tell(self._mode_update(), self._options_update())
            case ModelChanged(agent="main"):
                await self.tell(self._options_update())
            case _:
                pass

    async def decide(self, request: PermissionRequest) -> Decision:
        """Ask whether a call may run."""
        call, updates = await self.translator.pending(request)
        await self.tell(*updates)
        return await self.asker.decide(request, call)

    async def ask(self, question: Question) -> str | None:
        """Ask something else."""
        running = [
            c.id for c in self.translator.calls.values() if c.name == "AskUserQuestion" and c.announced
        ]
        return await self.asker.ask(question, running[0] if running else "")

    def _mode_update(self) -> CurrentModeUpdate:
        return CurrentModeUpdate(session_update="current_mode_update", current_mode_id=self.conversation.mode)

    def _options_update(self) -> ConfigOptionUpdate:
        return ConfigOptionUpdate(session_update="config_option_update", config_options=self.options())

    def _host(self, local: LocalEnvironment) -> Environment:
        """Put what the editor offers in front of this machine."""
        files = EditorFiles(local.files, self._editor, self.id, self.spelling)
        if not self._editor.can.terminals:
            return EditorEnvironment(local, files, None)
        terminals = EditorTerminals(
            local,
            self._editor,
            self.id,
            scratch=self._home / "spill" if self._home else None,
            on_terminal=self._embed,
        )
        return EditorEnvironment(local, files, terminals)

    async def _embed(self, command: str, terminal: str) -> None:
        """Show a terminal in the call that it belongs to; commands run one at a time."""
        for call in reversed(self.translator.calls.values()):
            if call.name == "Bash" and call.announced and call.arguments.get("command") == command:
                call.terminal = terminal
                await self.tell(
                    ToolCallProgress(
                        session_update="tool_call_update", tool_call_id=call.id, content=call.content()
                    )
                )
                return

    async def _text(self, path: str) -> str | None:
        """A file's text as a diff sees it."""
        try:
            data = await self.conversation.environment.files.read(Path(path))
            return open_text(decode(data).text).view
        except (OSError, EncodingRefusedError):
            return None

    def _flush_soon(self, call_id: str) -> None:
        if call_id not in self._flushes:
            loop = asyncio.get_running_loop()
            self._flushes[call_id] = loop.call_later(PROGRESS_SECONDS, self._flush, call_id)

    def _flush(self, call_id: str) -> None:
        self._flushes.pop(call_id, None)
        call = self.translator.calls.get(call_id)
        update = call.progress() if call else None
        if update is not None:
            self._spawn(self.tell(update))

    async def _list_models(self) -> None:
        task = self._listing = self._spawn(self._fetch_models())
        await asyncio.wait({task}, timeout=MODELS_SECONDS)
        if not task.done():
            task.add_done_callback(lambda _: self._spawn(self.tell(self._options_update())))

    async def _fetch_models(self) -> None:
        with contextlib.suppress(KcodeError):
            self._models = await self.conversation.models()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _mode(text: str) -> Mode:
    return next(mode for mode in choices.NAMES if mode == text)


def new_id() -> str:
    """Return an id for a new session."""
    return str(uuid.uuid4())
