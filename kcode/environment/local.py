"""This machine as the agent's surroundings."""

import asyncio
import itertools
import os
import platform
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from kcode.environment.files import LocalFiles
from kcode.environment.found import holds_secrets
from kcode.environment.git import LocalGit, read_head, untrusted_variables
from kcode.environment.mounts import Mounts
from kcode.environment.paths import resolve_path, stands
from kcode.environment.processes import LocalProcesses
from kcode.environment.search import LocalSearch
from kcode.environment.syntax.grammars import GRAMMARS
from kcode.environment.syntax.local import LocalSyntax
from kcode.process.shell import find_shell
from kcode.screen.names import escape_name
from kcode.types.environment import ResolvedPath

_LISTED = 40


class LocalEnvironment:
    """Files, processes, search and git of this machine, see `kcode.types.environment.Environment`.

    Nothing is started or read before it is asked for.

    Args:
        root: the folder that the agent works in.
        folders: more folders that count as inside.
        home: kcode's own folder, for output that is too long to be shown; None where nothing can be kept.
        environ: the variables that commands inherit, cleaned of secrets; None for this process's own.
        pass_env: names of variables that commands get although they look like secrets.
        variables: more variables for commands, from the settings.
        hidden: says of which files searching a folder's text shows nothing; None for those named like secrets.
    """

    def __init__(
        self,
        root: Path,
        folders: Sequence[Path] = (),
        *,
        home: Path | None = None,
        environ: Mapping[str, str] | None = None,
        pass_env: Collection[str] = (),
        variables: Mapping[str, str] | None = None,
        hidden: Callable[[Path], bool] | None = None,
    ) -> None:
        self._root = _real(root)
        self._more = [folder for folder in map(_real, folders) if folder != self._root]
        self._home = home
        self._environ = os.environ if environ is None else environ
        self._pass_env = tuple(pass_env)
        self._variables = variables or {}
        self.trusted = True
        """Whether git that commands start may run what the repository in the folder names."""
        self._processes: LocalProcesses | None = None
        self._mounts = Mounts()
        self._files = LocalFiles(self._mounts)
        self._search = LocalSearch(self._root, hidden=hidden or holds_secrets)
        self._git = LocalGit(self._root)
        self._syntax = LocalSyntax(self._root, home, self._code_files, hidden or holds_secrets)

    @property
    def root(self) -> Path:
        """The folder that the agent works in: absolute, links resolved."""
        return self._root

    @property
    def folders(self) -> Sequence[Path]:
        """The root and every added working folder."""
        return (self._root, *self._more)

    @property
    def files(self) -> LocalFiles:
        """Files."""
        return self._files

    @property
    def processes(self) -> LocalProcesses:
        """Shell commands."""
        if self._processes is None:
            self._processes = LocalProcesses(
                self._root,
                folders=lambda: self.folders,
                env={**self._environ, **self._variables},
                pass_env=(*self._pass_env, *self._variables),
                scratch=self._home / "spill" if self._home else None,
            )
            self._processes.more = self.more_variables
        return self._processes

    @property
    def search(self) -> LocalSearch:
        """Finding files and text."""
        return self._search

    @property
    def git(self) -> LocalGit:
        """Git."""
        return self._git

    @property
    def syntax(self) -> LocalSyntax:
        """Code by its grammar."""
        return self._syntax

    @property
    def facts(self) -> Mapping[str, str]:
        """What the system prompt says of this place: platform, shell, date, git."""
        head = read_head(self._root)
        return {
            "Working folder": str(self._root),
            "Further folders": ", ".join(map(str, self._more)),
            "Platform": f"{platform.system()} {platform.release()} ({platform.machine()})",
            "Shell": find_shell(self._environ.get("PATH", os.defpath), self._root).path,
            "Date": time.strftime("%A, %Y-%m-%d"),
            "Git": "not a repository" if head is None else f"on {head}" if head else "a repository",
            "In it at the start": "" if self._mounts.slow(self._root) else _listing(self._root),
        }

    async def resolve(self, text: str, *, must_exist: bool = True) -> ResolvedPath:
        """Find the file that a model meant by `text`, see `kcode.environment.paths.resolve_path`."""
        if not self._mounts.slow(self._root) and (not must_exist or stands(text, self._root)):
            return resolve_path(text, self._root, self._more, must_exist=must_exist)
        # Looking for what may be meant can take a quarter of a second.
        return await asyncio.to_thread(resolve_path, text, self._root, self._more, must_exist=must_exist)

    async def more_variables(self, cwd: Path, env: Mapping[str, str]) -> Mapping[str, str]:
        """Variables for one command beside those of `env`, which it would have without."""
        return {} if self.trusted else await untrusted_variables(cwd, env)

    async def close(self) -> None:
        """End what still runs."""
        if self._processes is not None:
            await self._processes.close()
        await self._syntax.close()

    async def _code_files(self) -> tuple[Sequence[str], str]:
        return await self._search.names([s for one in GRAMMARS if one.mapped for s in one.suffixes])


def _listing(folder: Path) -> str:
    """Name what lies in a folder, hidden things left out: a model that sees names does not make them up."""
    try:
        with os.scandir(folder) as entries:
            first = itertools.islice((e for e in entries if not e.name.startswith(".")), 2_000)
            names = sorted(
                escape_name(e.name) + ("/" if e.is_dir(follow_symlinks=False) else "") for e in first
            )
    except OSError:
        return ""
    shown = names[:_LISTED]
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return (", ".join(name[:80] for name in shown) + more) or "nothing"


def _real(folder: Path) -> Path:
    return Path(os.path.realpath(folder))
