"""Which commands run inside of a fence, and how far this machine can fence them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from kcode.config.schema import SandboxSettings
from kcode.environment.sandbox import Fence, Sandbox, probe, wrap
from kcode.types.errors import ConfigError

UNKNOWN = Sandbox("none", reason="not looked for yet")


class Confinement:
    """Decides for each command whether it is fenced; the machine is tried once, when it matters first.

    With the setting "auto", commands that run unasked only because of the fence are fenced, in the mode `auto`; what
    a person or a rule allowed runs as it always did. With "always" and "required" every command is fenced.

    Args:
        settings: the setting `sandbox`.
        environ: whose PATH is looked in for bubblewrap.
        home: the person's home folder, whose keys are hidden.
        own: kcode's own folder, which is hidden too.
    """

    def __init__(
        self, settings: SandboxSettings, environ: Mapping[str, str], home: Path | None, own: Path | None
    ) -> None:
        self._settings = settings
        self._environ = environ
        self._home = home
        self._hidden = [own] if own else []
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
        scope = "every command" if self.always else "commands that run unasked in the mode auto"
        return f"{self.sandbox.shown}, for {scope}" if self.sandbox.level == "full" else self.sandbox.shown

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
            raise ConfigError(
                f"The settings require a sandbox, and there is none: {self.sandbox.reason}. "
                'Install bubblewrap (Debian: apt install bubblewrap), or set sandbox.mode to "auto".'
            )
        return [f"Commands run without a sandbox: {self.sandbox.reason}."]

    async def look(self) -> Sandbox:
        """Find out how far commands can be fenced."""
        if self.sandbox is UNKNOWN and self._settings.chosen != "off":
            self.sandbox = await probe(self._environ, self.folders)
        return self.sandbox

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

    def confine(self, command: str, argv: Sequence[str], cwd: Path, scratch: Path) -> Sequence[str]:
        """Return the arguments that run a command, fenced where it has to be."""
        unasked = command in self._unasked
        if self._lifted or not (unasked or self.always) or self.sandbox.level != "full":
            return argv
        extra = [Path(name).expanduser() for name in self._settings.write]
        fence = Fence(
            folders=[*self.folders, *(path.resolve() for path in extra if path.is_dir())],
            home=self._home,
            hidden=self._hidden,
            scratch=scratch,
            network=False if unasked else self._settings.network is not False,
        )
        return wrap(self.sandbox, fence, argv, cwd)


def unconfined() -> Confinement:
    """No fence for any command."""
    return Confinement(SandboxSettings(mode="off"), {}, None, None)
