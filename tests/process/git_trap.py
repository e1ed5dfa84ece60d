"""A repository that names programs wherever git looks for them; shared by tests of who runs git."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from kcode.process import git
from kcode.process.environ import clean_environment
from kcode.process.spawn import Finished, run


class Trap:
    """A repository whose configuration and hooks all name a program that leaves a trace."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "repo"
        self.trace = folder / "trace"
        self.program = folder / "program"
        self.env = clean_environment({**os.environ, "HOME": str(folder), "TRACE": str(self.trace)})

    async def plain(self, *arguments: str) -> Finished:
        return await run(["git", *arguments], cwd=self.folder, env=self.env)

    async def hardened(self, arguments: Sequence[str], cwd: Path | None = None) -> Finished:
        listing = await run(git.command(git.DRIVERS_QUERY), cwd=self.folder, env=self.env)
        drivers = git.driver_settings(listing.stdout.decode())
        env = git.environment(self.env, drivers.items())
        return await run(git.command(arguments), cwd=cwd or self.folder, env=env)

    def traces(self) -> set[str]:
        return set(self.trace.read_text().split()) if self.trace.exists() else set()


def executable(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


async def made_trap(folder: Path) -> Trap:
    made = Trap(folder)
    made.folder.mkdir()
    for arguments in (
        ("init", "-q", "-b", "main"),
        ("config", "user.email", "a@example.org"),
        ("config", "user.name", "a"),
    ):
        await made.plain(*arguments)
    (made.folder / ".gitattributes").write_text("*.txt filter=evil diff=evil merge=evil\n")
    (made.folder / "a.txt").write_text("one\n")
    await made.plain("add", ".")
    await made.plain("commit", "-q", "-m", "first")
    (made.folder / "a.txt").write_text("two\n")

    executable(made.program, '#!/bin/sh\necho "$1" >>"$TRACE"\ncat 2>/dev/null\nexit 0\n')
    names = {
        "core.fsmonitor": "fsmonitor",
        "core.sshCommand": "ssh",
        "core.editor": "editor",
        "diff.external": "diff-external",
        "diff.evil.command": "diff-command",
        "diff.evil.textconv": "textconv",
        "filter.evil.clean": "clean",
        "filter.evil.smudge": "smudge",
        "merge.evil.driver": "merge-driver",
        "gpg.program": "gpg",
        "credential.helper": "credential",
    }
    for key, name in names.items():
        await made.plain("config", key, f"{made.program} {name}")
    await made.plain("config", "commit.gpgSign", "true")
    hooks = made.folder / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for hook in (
        "pre-commit",
        "post-index-change",
        "post-checkout",
        "commit-msg",
        "post-commit",
        "reference-transaction",
    ):
        executable(hooks / hook, f'#!/bin/sh\necho hook-{hook} >>"$TRACE"\n')
    made.trace.unlink(missing_ok=True)
    return made
