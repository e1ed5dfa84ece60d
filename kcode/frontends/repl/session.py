"""What the terminal does once everything is imported: open the conversation and connect it to the keys."""

import asyncio
import contextlib
from dataclasses import replace

from kcode.frontends.repl.approve import Approver
from kcode.frontends.repl.complete import CommandName
from kcode.frontends.repl.conversation import Conversation, Opener
from kcode.frontends.repl.feed import Feed
from kcode.frontends.repl.live import Live
from kcode.frontends.repl.opening import default_opener, preload
from kcode.frontends.repl.picker import pick
from kcode.frontends.repl.questions import ask
from kcode.frontends.repl.recap import farewell, take_up
from kcode.frontends.repl.render.canvas import Canvas, safe
from kcode.frontends.repl.room import Room
from kcode.frontends.repl.scroll import Scroll
from kcode.frontends.repl.status_command import StatusCommand, snapshot
from kcode.frontends.repl.talk import Talk
from kcode.frontends.repl.welcome import Welcome
from kcode.types.errors import KcodeError, NoConnectionError
from kcode.types.events import Event, Mode
from kcode.types.frontend import Decision, PermissionRequest
from kcode.types.model import JsonObject
from kcode.types.questions import Question


class Session:
    """The front end that a conversation talks to, from opening to closing."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._scroll = Scroll(room.stage, Canvas(room.theme))
        live = Live(self._scroll.canvas)
        self._feed = Feed(self._scroll, live, room.status)
        self._approver = Approver(self._scroll, room.dialog, self._set_mode)
        self._conversation: Conversation | None = None
        live.asking = lambda: room.dialog.waiting > 0
        room.stage.live = live.draw

    async def on_event(self, event: Event) -> None:
        """Show what happened."""
        await self._feed.on_event(event)

    async def decide(self, request: PermissionRequest) -> Decision:
        """Ask whether a call may run."""
        return await self._approver.decide(request)

    async def ask(self, question: Question) -> str | None:
        """Ask something else."""
        return await ask(self._room.dialog, question)

    async def run(self) -> None:
        """Open the conversation and do what the person sends, for ever."""
        room = self._room
        room.spawn(self._feed.tick())
        conversation = await self._open(room.opener or await asyncio.to_thread(default_opener))
        if conversation is None:
            room.leave(1)
            return
        self._conversation = conversation
        if room.opener is None:
            room.spawn(preload())
        talk = Talk(conversation, self._feed, room.prompt, root=room.options.cwd, leave=room.leave)
        room.closing += [conversation.close, talk.stop]
        self._connect(talk, conversation)
        room.farewell = lambda: self._farewell(conversation)
        await self._begin(conversation)
        for text in room.early:
            talk.submit(text)
        room.note("")
        await talk.run()

    async def _open(self, opener: Opener) -> Conversation | None:
        """Open the conversation; None if it cannot be opened and the person gives up."""
        options = self._room.options
        if options.resume == "":
            options = replace(options, resume=None)
        welcome = Welcome(self._room.dialog, self._scroll.note)
        if self._room.opener is None:
            options = await welcome.trust(options)
        while True:
            try:
                return await opener(options, self)
            except NoConnectionError:
                if not await welcome.set_up():
                    return None
            except KcodeError as error:
                if not await welcome.after(error):
                    self._scroll.note(str(error), "red")
                    return None

    def _connect(self, talk: Talk, conversation: Conversation) -> None:
        """Let the keys reach the conversation."""
        room, actions = self._room, self._room.actions
        room.commands = [
            CommandName(c.name, c.description, c.hint, c.aliases) for c in conversation.commands()
        ]
        room.status.model, room.status.window = safe(conversation.model.id), conversation.model.window
        room.status.mode = conversation.mode
        actions.submit, actions.take_back = talk.submit, talk.take_back
        actions.busy, actions.interrupt = lambda: talk.busy, talk.interrupt
        actions.cycle_mode, actions.unfold = talk.cycle_mode, self._scroll.unfold
        actions.background = self._to_background
        actions.todos = self._feed.toggle_todos
        known = {command.name for command in room.commands}
        back = next((name for name in ("rewind", "undo") if name in known), "")
        if back:
            actions.rewind = lambda: talk.submit(f"/{back}")
        room.dialog.on_interrupt = actions.stop
        own = self._own_status(conversation)
        talk.after = lambda: room.spawn(self._look(conversation, own))
        room.spawn(self._look(conversation, own))
        interval = conversation.loaded.settings.status_line
        if own is not None and interval is not None and interval.refresh_interval:
            room.spawn(self._keep_looking(own, interval.refresh_interval))

    def _to_background(self) -> None:
        moved = self._conversation.to_background() if self._conversation else ()
        self._room.note(f"{', '.join(moved)} goes on in the background" if moved else "No command is running")

    async def _begin(self, conversation: Conversation) -> None:
        """Pick a stored session if asked to, and show where an earlier conversation stood."""
        if self._room.options.resume == "":
            chosen = await pick(self._room.dialog, conversation.sessions())
            if chosen:
                try:
                    await conversation.resume(chosen)
                except KcodeError as error:
                    self._scroll.note(str(error), "red")
        take_up(self._feed, conversation.state)

    def _farewell(self, conversation: Conversation) -> str:
        """Say how to go on later, if anything was said."""
        if not conversation.state.transcript or not self._room.options.persist:
            return ""
        return farewell(self._scroll, conversation.session_id)

    def _own_status(self, conversation: Conversation) -> StatusCommand | None:
        """Return the person's own status line, if the settings name one."""
        settings, cwd = conversation.loaded.settings, self._room.options.cwd
        if settings.status_line is None or settings.disable_all_hooks:
            return None

        def told() -> JsonObject:
            return snapshot(conversation, cwd, self._room.status.used, conversation.cost())

        return StatusCommand(settings.status_line.command, cwd, told)

    async def _look(self, conversation: Conversation, own: StatusCommand | None) -> None:
        """Look at what the status line shows and nobody tells."""
        with contextlib.suppress(KcodeError, OSError, asyncio.TimeoutError):
            self._room.status.sandbox = await conversation.sandbox_line()
        with contextlib.suppress(KcodeError, OSError, asyncio.TimeoutError):
            self._room.status.branch = safe(await conversation.git_line())
        usd = conversation.cost().get("usd")
        if isinstance(usd, int | float):
            self._room.status.cost = usd
        if own is not None:
            await own.refresh()
            self._room.status.own = own.lines
        self._room.stage.redraw()

    async def _keep_looking(self, own: StatusCommand, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            await own.refresh()
            self._room.status.own = own.lines
            self._room.stage.redraw()

    async def _set_mode(self, mode: Mode) -> None:
        if self._conversation is not None:
            await self._conversation.set_mode(mode)
            self._room.status.mode = mode
