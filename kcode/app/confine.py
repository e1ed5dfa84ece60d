"""Which commands run inside of a fence, and how far this machine can fence them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from kcode.config.schema import SandboxSettings
from kcode.environment.fence import Confined
from kcode.environment.sandbox import Fence, Sandbox, confine, probe
from kcode.types.errors import ConfigError

Probe: TypeAlias = Callable[[Mapping[str, str], Sequence[Path]], Awaitable[Sandbox]]
"""Finds out how far commands can be fenced, given variables and the working folders."""

UNKNOWN = Sandbox("none", reason="not looked for yet")


class Confinement:
    """Decides for each command whether it is fenced; the machine is tried once, when it matters first.

    With the setting "auto", commands that run unasked only because of the fence are fenced, in the mode `auto`; what
    a person or a rule allowed runs as it always did. With "always" and "required" every command is fenced. A fence
    that is only partial never lets a command run unasked: it is better than none for commands that run anyway.

    Implements `kcode.environment.processes.Fencing`.

    Args:
        settings: the setting `sandbox`.
        environ: whose PATH is looked in for bubblewrap.
        home: the person's home folder, whose keys are hidden.
        own: kcode's own folder, which is hidden too.
        try_it: finds out how far commands can be fenced.
    """

    def __init__(
        self,
        settings: SandboxSettings,
        environ: Mapping[str, str],
        home: Path | None,
        own: Path | None,
        *,
        try_it: Probe = probe,
    ) -> None:
        self._settings = settings
        self._environ = environ
        self._home = home
        self._hidden = [own] if own else []
        self._try = try_it
        self._trying: asyncio.Future[Sandbox] | None = None
        self._unasked: set[str] = set()
        self._lifted = False
        self.folders: Sequence[Path] = ()
        self.sandbox = UNKNOWN

    @property
    def always(self) -> bool:
        """Whether every command is fenced."""
        return self._settings.chosen in {"always", "required"}

    @property
    def shown(self) -> str:
        """The level in words, and for which commands it holds."""
        if self._settings.chosen == "off":
            return "off (set so)"
        if self.always and self.sandbox.level != "none":
            return f"{self.sandbox.shown}, for every command"
        scope = {
            "full": ", for commands that run unasked in the mode auto",
            "partial": ", which is not enough for commands to run unasked",
        }
        return self.sandbox.shown + scope.get(self.sandbox.level, "")

    async def begin(self) -> Sequence[str]:
        """Try what is needed from the start on; returns warnings.

        Raises:
            ConfigError: a fence is required and cannot be had.
        """
        if not self.always:
            return ()
        await self.look()
        if self.sandbox.level == "full":
            return ()
        if self._settings.chosen == "required":
            found = "there is none" if self.sandbox.level == "none" else f"it is only {self.sandbox.shown}"
            raise ConfigError(
                f"The settings require a full sandbox, and {found}: {self.sandbox.reason}. "
                'Install bubblewrap (Debian: apt install bubblewrap), or set sandbox.mode to "auto".'
            )
        if self.sandbox.level == "partial":
            return [f"The sandbox is only {self.sandbox.shown}: {self.sandbox.reason}."]
        return [f"Commands run without a sandbox: {self.sandbox.reason}."]

    async def look(self) -> Sandbox:
        """Find out how far commands can be fenced; whoever asks meanwhile waits for the same answer."""
        if self._settings.chosen == "off" or self.sandbox is not UNKNOWN:
            return self.sandbox
        if self._trying is None:
            self._trying = asyncio.ensure_future(self._try(self._environ, self.folders))
        # Who gives up waiting does not take the answer from the others.
        found = await asyncio.shield(self._trying)
        if self.sandbox is UNKNOWN:
            self.sandbox = found
        return self.sandbox

    async def brief(self, *, unasked: bool) -> str:
        """The level in few words, found out if need be; empty where fencing is off.

        Args:
            unasked: whether commands would run unasked if they could be fenced, so that it is told in any case.
        """
        if self._settings.chosen == "off":
            return "none" if unasked else ""
        return (await self.look()).brief

    def unfit(self, reason: str) -> None:
        """No command can be fenced here."""
        self.sandbox = Sandbox("none", reason=reason)

    async def closed(self) -> bool:
        """Whether commands may run unasked: fenced in full, and without a network."""
        if self._settings.chosen == "off" or self._settings.network:
            return False
        return (await self.look()).level == "full"

    def fence(self, command: str) -> None:
        """This command was allowed because it will be fenced."""
        self._unasked.add(command)

    def free(self, command: str) -> None:
        """This command was allowed by a person or a rule."""
        self._unasked.discard(command)

    def lift(self, *, lifted: bool) -> None:
        """The person types a command of their own."""
        self._lifted = lifted

    def fences(self, command: str) -> bool:
        """Whether a command has to be fenced, and can be."""
        return not self._lifted and (self.always or command in self._unasked) and self.sandbox.level != "none"

    def confine(self, command: str, argv: Sequence[str], cwd: Path, scratch: Path) -> Confined:
        """Say how a command is run, fenced where it has to be."""
        if not self.fences(command):
            return Confined(argv)
        extra = [Path(name).expanduser() for name in self._settings.write]
        fence = Fence(
            folders=[*self.folders, *(path.resolve() for path in extra if path.is_dir())],
            home=self._home,
            hidden=self._hidden,
            scratch=scratch,
            network=False if command in self._unasked else self._settings.network is not False,
        )
        return confine(self.sandbox, fence, argv, cwd)


def unconfined() -> Confinement:
    """No fence for any command."""
    return Confinement(SandboxSettings(mode="off"), {}, None, None)
