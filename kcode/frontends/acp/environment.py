"""The editor's files and terminals in front of this machine."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from kcode.frontends.acp.terminals import EditorTerminals
from kcode.types.environment import Environment, Files, Git, Processes, ResolvedPath, Search
from kcode.types.syntax import Syntax


class EditorEnvironment:
    """Implements `kcode.types.environment.Environment`: search and git stay this machine's."""

    def __init__(self, local: Environment, files: Files, terminals: EditorTerminals | None) -> None:
        self._local = local
        self._files = files
        self._terminals = terminals

    @property
    def root(self) -> Path:
        """The folder that the agent works in: absolute, links resolved."""
        return self._local.root

    @property
    def folders(self) -> Sequence[Path]:
        """The root and every added working folder."""
        return self._local.folders

    @property
    def files(self) -> Files:
        """Files, through the editor where it offers that."""
        return self._files

    @property
    def processes(self) -> Processes:
        """Commands, in the editor's terminals where it offers them."""
        return self._terminals or self._local.processes

    @property
    def search(self) -> Search:
        """Finding files and text."""
        return self._local.search

    @property
    def git(self) -> Git:
        """Git."""
        return self._local.git

    @property
    def syntax(self) -> Syntax:
        """Code by its grammar."""
        return self._local.syntax

    @property
    def facts(self) -> Mapping[str, str]:
        """What the system prompt says of this place."""
        return self._local.facts

    async def resolve(self, text: str, *, must_exist: bool = True) -> ResolvedPath:
        """Find the file that a model meant by `text`."""
        return await self._local.resolve(text, must_exist=must_exist)

    async def close(self) -> None:
        """End what runs in terminals and on this machine."""
        if self._terminals is not None:
            await self._terminals.close()
        await self._local.close()
