"""Git in the working folder, run so that no program named by the repository starts.

What changes or compares files is done by git itself, through `kcode.process`, with the repository's programs
switched off: GitPython's own way to run git would start them. What a repository is, is read with GitPython.
"""

import asyncio
import contextlib
import os
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from kcode.environment.repository import Repository, discover
from kcode.process import git as hardening
from kcode.process import git_commands
from kcode.process.environ import clean_environment
from kcode.process.spawn import Finished, run
from kcode.screen.names import escape_name
from kcode.types.environment import GitResult
from kcode.types.errors import ToolError

STATUS_SECONDS = 0.19
LIMIT = 2_000_000
"""Bytes of git's output that are taken."""
_QUERY_SECONDS = 10.0

_ELSEWHERE = re.compile(
    r"GIT_(DIR|WORK_TREE|INDEX_FILE|COMMON_DIR|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|NAMESPACE|PREFIX"
    r"|EXTERNAL_DIFF|CEILING_DIRECTORIES|SSH|SSH_COMMAND|PROXY_COMMAND|EXEC_PATH|TEMPLATE_DIR|TRACE.*"
    r"|CONFIG(_.*)?|ATTR_SOURCE|LITERAL_PATHSPECS|GLOB_PATHSPECS|NOGLOB_PATHSPECS|ICASE_PATHSPECS)"
)
"""Variables that would lead git to another repository, to other settings, or to a program."""


class LocalGit:
    """Git for one folder, see `kcode.types.environment.Git`.

    Args:
        root: where git runs.
        allow: settings of the hardening to leave as the repository has them, where the person trusts it.
        program: the git to run.
    """

    def __init__(self, root: Path, *, allow: Collection[str] = (), program: str = "git") -> None:
        self._root = root
        self._allow = tuple(allow)
        self._program = program

    async def run(self, arguments: Sequence[str], *, seconds: float = 30.0) -> GitResult:
        """Run `git` with these arguments in the working folder; raises ToolError where git is missing."""
        if not arguments or arguments[0].startswith("-"):
            raise ToolError("git needs its command first; options before the command are not taken.")
        drivers = await self._drivers(seconds)
        done = await self._start(arguments, drivers, seconds)
        output = done.stdout.decode(errors="replace")
        error = done.stderr.decode(errors="replace")
        if done.timed_out:
            error = f"{error}\ngit did not end within {seconds:g} s and was stopped".lstrip()
        elif done.cut:
            return GitResult(0, output, "there was more output than can be taken in; ask for less")
        elif done.status != 0:
            error = f"{error.rstrip()}\n{await self._explain(error)}".rstrip()
        return GitResult(done.status, output, error)

    async def status_line(self) -> str:
        """Name the branch and its state in a few words, "" outside a repository, within 200 ms."""
        head: str | None = ""
        try:
            async with asyncio.timeout(STATUS_SECONDS):
                # In a thread, since the folder may lie on a file system that does not answer.
                head = await asyncio.to_thread(read_head, self._root)
                if head is None:
                    return ""
                result = await self.run(["status", "--porcelain=v2", "--branch"])
        except (TimeoutError, ToolError):
            return f"{head}, unknown" if head else "unknown"
        if result.status != 0:
            return "unknown"
        return _status_words(result.output)

    async def repository(self) -> Repository | None:
        """Describe the repository that the folder belongs to; None if there is none or it cannot be read.

        Starts no program. The first call takes 100 ms, for GitPython.
        """
        return await asyncio.to_thread(discover, self._root)

    async def _drivers(self, seconds: float) -> Mapping[str, str]:
        listing = await self._start(hardening.DRIVERS_QUERY, {}, seconds)
        return hardening.driver_settings(listing.stdout.decode(errors="surrogateescape"))

    async def _start(self, arguments: Sequence[str], drivers: Mapping[str, str], seconds: float) -> Finished:
        argv = hardening.command(arguments, allow=self._allow, program=self._program)
        env = {k: v for k, v in clean_environment(os.environ).items() if not _ELSEWHERE.fullmatch(k)}
        # To look must not lock what somebody else works on.
        env |= {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C.UTF-8"}
        env = hardening.environment(env, drivers.items())
        try:
            return await run(argv, cwd=self._root, env=env, seconds=seconds, limit=LIMIT)
        except FileNotFoundError as error:
            raise ToolError(
                "git cannot be started: it is not installed here, or the working folder is gone."
            ) from error
        except (OSError, ValueError) as error:
            raise ToolError(f"git could not be started: {error}.") from error

    async def _explain(self, error: str) -> str:
        """Add to git's own words what one should do here."""
        if "cannot use bare repository" in error:
            return (
                "This folder is a bare repository inside another place. Such a folder can come with a clone and name "
                "programs to run, so it is not opened. If the user trusts it, Bash can."
            )
        if "index.lock" not in error and "not a git repository" not in error:
            return ""
        found = await self.repository()
        if found is None:
            broken = read_head(self._root) is not None
            return "There is a .git here, but it is damaged: git cannot read it." if broken else ""
        if found.locked is not None:
            return (
                f"The lock is {found.locked:.0f} s old. If no other git works here, it was left by one that was ended; "
                "wait a little, then ask the user before removing it."
            )
        return ""


async def untrusted_variables(cwd: Path, env: Mapping[str, str]) -> Mapping[str, str]:
    """The variables under which git that a command starts runs nothing that the repository in `cwd` names.

    Args:
        cwd: where the command will run, in a folder that nobody trusts.
        env: the command's environment.
    """
    listing = ""
    # Reading settings runs nothing, but a folder that looks like a repository may be none of the person's.
    argv = ["git", "-c", "safe.bareRepository=explicit", *git_commands.QUERY]
    with contextlib.suppress(OSError, ValueError):
        done = await run(argv, cwd=cwd, env=env, seconds=_QUERY_SECONDS, limit=LIMIT)
        if done.status == 0 and not done.cut and not done.timed_out:
            listing = os.fsdecode(done.stdout)
    hardened = hardening.environment(env, git_commands.settings(listing))
    return {name: value for name, value in hardened.items() if env.get(name) != value}


def read_head(folder: Path) -> str | None:
    """Name what is checked out, from the files alone: a branch, or the commit's first digits.

    Returns:
        "" if it cannot be told, None outside a repository.
    """
    for place in (folder, *folder.parents):
        git = place / ".git"
        try:
            if git.is_file():
                git = place / git.read_text(errors="surrogateescape").removeprefix("gitdir:").strip()
            text = (git / "HEAD").read_text(errors="surrogateescape").strip()
        except (OSError, ValueError):
            if os.path.lexists(git):
                return ""
            continue
        if text.startswith("ref:"):
            name = text.removeprefix("ref:").strip().removeprefix("refs/heads/")
            return "" if name == ".invalid" else escape_name(name)
        return text[:8] if re.fullmatch(r"[0-9a-f]{40,64}", text) else ""
    return None


def _status_words(output: str) -> str:
    """Put `git status --porcelain=v2 --branch` into words."""
    lines = output.splitlines()
    about = dict(line[2:].split(" ", 1) for line in lines if line.startswith("# ") and " " in line[2:])
    commit = about.get("branch.oid", "")
    name = about.get("branch.head", "")
    words = [f"detached at {commit[:8]}" if name == "(detached)" else escape_name(name)]
    if commit == "(initial)":
        words.append("no commits yet")
    conflicts = sum(line.startswith("u ") for line in lines)
    changed = sum(line.startswith(("1 ", "2 ")) for line in lines)
    untracked = sum(line.startswith("? ") for line in lines)
    for count, word in ((conflicts, "in conflict"), (changed, "changed"), (untracked, "untracked")):
        if count:
            words.append(f"{count} {word}")
    ahead = re.fullmatch(r"\+(\S+) -(\S+)", about.get("branch.ab", ""))
    if ahead:
        ways = zip(("ahead", "behind"), ahead.groups(), strict=True)
        words += [f"{way} {count}" for way, count in ways if count != "0"]
    return ", ".join(words)
