"""A conversation as front ends and commands use it: an agent, its log, its permissions and its place."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from kcode import registry
from kcode.app.aside import complete
from kcode.app.context import written
from kcode.app.limits import reached
from kcode.app.view import Parts, View
from kcode.engine.agent import Agent
from kcode.types.command import Command, CommandResult, Rewound
from kcode.types.environment import CommandResult as ShellResult
from kcode.types.errors import ConfigError, SessionError
from kcode.types.events import Cleared, MessageAdded, Mode, ModeChanged, Notice, TurnEnded
from kcode.types.messages import ImagePart, TextPart, UserMessage
from kcode.types.model import ModelInfo

BUSY = "A turn is running; interrupt it first, or wait for it."
SHELL_SECONDS = 600.0
CACHE_SECONDS = 600.0
"""How long servers keep the beginning of a conversation, roughly."""
COLD_TOKENS = 50_000
"""Tokens from which on sending them anew is worth a warning."""
SHELL_SHOWN = 30_000
PLAN_ON = (
    "[Plan mode is on. Look and think, but change nothing and run nothing that changes anything. "
    "Answer with a plan; the user will end plan mode before you carry it out.]"
)
PLAN_OFF = "[Plan mode is off. You may make changes again.]"


class Conversation(View):
    """Implements `kcode.types.command.CommandContext`, and what front ends need beside it."""

    def __init__(self, parts: Parts, agent: Agent) -> None:
        super().__init__(parts, agent)
        parts.meter.unpriced = lambda: "" if self.model.price else self.model.id
        self._commands: dict[str, Command] | None = None
        self._told_plan = False
        self._asked_at: float | None = None
        self._opened_with = self._chosen = agent.model.info.id

    async def prompt(self, text: str, images: Sequence[ImagePart] = ()) -> TurnEnded:
        """Run one turn."""
        for notice in self._parts.notices:
            await self._agent.emit(Notice(text=notice, level="warning"))
        self._parts.notices.clear()
        await self._warn_of_cold()
        self._parts.rewinding.begin()
        await self._introduce()
        self._parts.meter.begin()
        end = partial(self._agent.cancel, reached("time", self._parts.options.max_time or 0))
        try:
            async with self._parts.meter.deadline.kept(end):
                return await self._agent.prompt(text, images)
        finally:
            self._asked_at = self._parts.clock.monotonic()

    def steer(self, text: str) -> None:
        """Say something while a turn runs."""
        self._agent.steer(text)

    def unsteer(self) -> list[str]:
        """Take back what the model has not seen yet."""
        return self._agent.unsteer()

    def cancel(self) -> None:
        """Interrupt the running turn."""
        self._agent.cancel()

    async def command(self, line: str) -> CommandResult | None:
        """Run a slash command; None where the line is none."""
        name, _, arguments = line.strip().removeprefix("/").partition(" ")
        if not line.lstrip().startswith("/") or not name or "/" in name:
            return None
        command = self._known().get(name)
        if command is None:
            from kcode.arguments import nearest  # noqa: PLC0415 - only a mistake needs it

            near = nearest(name, self._known())
            hint = f" Did you mean /{near[0]}?" if near else " `/help` lists them all."
            return CommandResult(f"There is no command /{name}.{hint}", is_error=True)
        result = await command.run(self, arguments)
        return replace(result, text=self._parts.secrets.hide(result.text))

    async def complete(self, prompt: str) -> str:
        """Ask the model one thing beside the conversation."""
        return await complete(self._agent, prompt, self._parts.recorder.spending)

    def commands(self) -> Sequence[Command]:
        """Every command, sorted by name."""
        return sorted({id(c): c for c in self._known().values()}.values(), key=lambda c: c.name)

    async def shell(self, command: str) -> ShellResult:
        """Run a command that the person typed; its output joins the conversation."""

        async def ignore(_: str) -> None:
            return

        self._parts.confinement.lift(lifted=True)
        try:
            result = await self.environment.processes.run(command, ignore, seconds=SHELL_SECONDS)
        finally:
            self._parts.confinement.lift(lifted=False)
        text = f"The user ran a command.\n$ {command}\n{result.output[:SHELL_SHOWN]}\n[exit status {result.status}]"
        message = UserMessage(parts=(TextPart(text=text),), origin="shell")
        await self._agent.emit(MessageAdded(message=message))
        return replace(result, output=self._parts.secrets.hide(result.output))

    def to_background(self) -> Sequence[str]:
        """Let the running commands go on in the background; returns their ids."""
        return self.environment.processes.detach()

    async def add_rule(self, behaviour: str, rule: str) -> None:
        """Add a rule for this session."""
        self._parts.authorizer.add(behaviour, rule)

    async def set_mode(self, mode: Mode) -> None:
        """Change the permission mode; raises ConfigError where it is not allowed."""
        self._parts.authorizer.set_mode(mode)
        await self._agent.emit(ModeChanged(mode=mode))

    def set_budget(self, usd: float | None) -> None:
        """Ask before the session costs more than this; None never asks."""
        meter = self._parts.meter
        meter.ceiling, meter.portion = usd, usd or 0.0

    async def set_model(self, model: str) -> ModelInfo:
        """Switch to another model."""
        info = await self._use(model, self.effort, named=True)
        self._chosen = model
        return info

    async def set_effort(self, effort: str) -> None:
        """Ask the model to think more or less from the next request on."""
        # Not that which is asked instead at the moment, maybe of another vendor.
        await self._use(self._chosen, effort, named=False)

    async def _use(self, model: str, effort: str, *, named: bool) -> ModelInfo:
        if self.busy:
            # The running turn holds on to its model's connection.
            raise ConfigError(BUSY)
        opened = await self._parts.open_model(model, effort, named)
        self._parts.connection = replace(self._parts.connection, effort=effort)
        previous = self._agent.model
        await self._agent.use_model(opened)
        await previous.close()
        return opened.info

    async def compact(self, focus: str = "", *, fast: bool = False) -> str:
        """Summarise the older conversation."""
        if self.busy:
            return BUSY
        if not self.state.transcript:
            return "There is nothing to summarise yet."
        before, after = await self._agent.compact(focus, fast=fast)
        if after >= before:
            return f"A summary would not make the conversation smaller (about {before:,} tokens); nothing changed."
        return f"The conversation was summarised: about {before:,} tokens before, {after:,} now."

    async def uncompact(self) -> str:
        """Take the last summary back."""
        if self.busy:
            return BUSY
        return await self._agent.context.uncompact(self.state, self.model, self._agent.emit)

    async def adjust_context(
        self, *, pin: Sequence[str] = (), unpin: Sequence[str] = (), drop: Sequence[str] = ()
    ) -> None:
        """Pin, unpin and drop tool results, all at once."""
        await self._agent.context.adjust(self.state, self._agent.emit, pin=pin, unpin=unpin, hide=drop)

    async def remember(self, text: str, *, user: bool = False) -> str:
        """Append a line to an instruction file; returns its path. Raises ConfigError."""
        if self._parts.memory is None:
            raise ConfigError("There is no place for instructions here.")
        return str(self._parts.memory.add(text, user=user))

    async def clear(self) -> None:
        """Start the conversation anew; the log keeps what was said."""
        await self._agent.emit(Cleared())
        self._told_plan = False

    async def resume(self, session: str) -> None:
        """Go on with another session."""
        self._idle()
        if session == self.session_id:
            raise SessionError("This is the session that you are in.")
        opened = self._parts.sessions.reopen(session)
        self._parts.recorder.begin(opened.log, opened.events)
        self._agent = self._parts.new_agent(opened.state)
        self._chosen = self._opened_with
        if opened.state is not None:
            for event in opened.state.settlement():
                await self._agent.emit(event)

    async def rewind(self, number: int, *, conversation: bool, files: bool, look: bool = False) -> Rewound:
        """Go back to before a prompt, or only say what that would do."""
        if not look:
            self._idle()
        return await self._parts.rewinding.go(
            self._agent, number, conversation=conversation, files=files, look=look
        )

    async def redo(self) -> Rewound | None:
        """Take the last going back back; None if there is nothing to take back."""
        self._idle()
        return await self._parts.rewinding.redo(self._agent)

    async def close(self) -> None:
        """End what runs, close the log and the connection."""
        try:
            await self._agent.finish()
            await self._parts.rewinding.close()
            await self.environment.close()
        finally:
            # Whatever could not be ended, what was said is on disk and the session is free again.
            await self._parts.recorder.close()
            await self._agent.model.close()

    async def _warn_of_cold(self) -> None:
        """Say so before a long conversation is sent anew at the full price."""
        if not self.state.transcript:
            return
        idle = None if self._asked_at is None else self._parts.clock.monotonic() - self._asked_at
        if idle is not None and idle < CACHE_SECONDS:
            return
        used = self._agent.context.estimate(self.state)
        if used < COLD_TOKENS:
            return
        price = self.model.price
        cost = (
            f", for about ${used * price.input / 1e6:.2f} instead of ${used * price.cached / 1e6:.2f}"
            if price
            else ""
        )
        since = "was resumed" if idle is None else f"was idle for {idle / 60:.0f} minutes"
        text = (
            f"This conversation {since}, so the server may have forgotten it: "
            f"about {used:,} tokens are sent anew{cost}. /compact makes it smaller, /clear starts anew."
        )
        await self._agent.emit(Notice(text=text, level="warning", code="cold-prefix"))

    async def _introduce(self) -> None:
        """Hand the instruction files to a new conversation, and tell of plan mode where it changed."""
        if not self.state.transcript and self._parts.memory:
            text = written(self._parts.memory.files())
            if text:
                message = UserMessage(parts=(TextPart(text=text),), origin="memory")
                await self._agent.emit(MessageAdded(message=message))
        plan = self.mode == "plan"
        if plan != self._told_plan:
            self._told_plan = plan
            await self._say(PLAN_ON if plan else PLAN_OFF)

    def _idle(self) -> None:
        if self.busy:
            raise SessionError(BUSY)

    async def _say(self, text: str) -> None:
        message = UserMessage(parts=(TextPart(text=text),), origin="harness")
        await self._agent.emit(MessageAdded(message=message))

    def _known(self) -> dict[str, Command]:
        if self._commands is None:
            loaded = registry.load_all("kcode.commands", "COMMAND", Command)
            self._commands = {name: c for c in loaded.values() for name in (c.name, *c.aliases)}
        return self._commands
