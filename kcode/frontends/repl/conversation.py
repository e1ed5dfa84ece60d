"""What the terminal needs of a conversation: a part of what the composition root offers."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeAlias

from kcode.config.layers import Loaded
from kcode.config.options import Options
from kcode.types.command import Command, CommandResult, SessionSummary
from kcode.types.connection import Connection
from kcode.types.environment import CommandResult as ShellResult
from kcode.types.events import Mode, TurnEnded
from kcode.types.frontend import Frontend
from kcode.types.messages import ImagePart
from kcode.types.model import JsonObject, ModelInfo
from kcode.types.state import State


class Conversation(Protocol):
    """A conversation that the terminal shows and steers."""

    @property
    def state(self) -> State:
        """The conversation so far."""
        ...

    @property
    def model(self) -> ModelInfo:
        """The model in use."""
        ...

    @property
    def mode(self) -> Mode:
        """The permission mode."""
        ...

    @property
    def session_id(self) -> str:
        """The session's id."""
        ...

    @property
    def loaded(self) -> Loaded:
        """The settings in force."""
        ...

    @property
    def busy(self) -> bool:
        """Whether a turn runs."""
        ...

    @property
    def connection(self) -> Connection:
        """The endpoint in use."""
        ...

    def cost(self) -> JsonObject:
        """Money, time and tokens of this session."""
        ...

    def commands(self) -> Sequence[Command]:
        """Every slash command."""
        ...

    def sessions(self) -> Sequence[SessionSummary]:
        """The stored sessions of this folder, the newest first."""
        ...

    async def set_mode(self, mode: Mode) -> None:
        """Change the permission mode."""
        ...

    async def prompt(self, text: str, images: Sequence[ImagePart] = ()) -> TurnEnded:
        """Run one turn."""
        ...

    def steer(self, text: str) -> None:
        """Say something while a turn runs; the model hears it at its next step."""
        ...

    def unsteer(self) -> list[str]:
        """Take back what the model has not heard yet."""
        ...

    def cancel(self) -> None:
        """Stop the turn that runs."""
        ...

    async def command(self, line: str) -> CommandResult | None:
        """Run a slash command; None if the line is not one."""
        ...

    async def shell(self, command: str) -> ShellResult:
        """Run a shell command for the person; its output joins the conversation."""
        ...

    def to_background(self) -> Sequence[str]:
        """Let the running commands go on in the background; returns their ids."""
        ...

    async def resume(self, session: str) -> None:
        """Go on with another session."""
        ...

    async def sandbox_line(self) -> str:
        """How far commands are fenced in, in few words, found out if need be; empty where that is off."""
        ...

    def git_line(self) -> Awaitable[str]:
        """Name the branch and its state."""
        ...

    async def close(self) -> None:
        """End everything."""
        ...


Opener: TypeAlias = Callable[[Options, Frontend], Awaitable[Conversation]]
"""Opens the conversation for a front end; raises ConfigError or SessionError."""
