"""Git that commands start in a folder nobody trusts runs nothing of the repository, and everything of the person."""

import os
import shutil
from pathlib import Path

import pytest

from kcode.environment.local import LocalEnvironment
from kcode.types.environment import CommandResult
from tests.process.git_trap import Trap, executable, made_trap


class Commands:
    """A trap, and an environment that runs commands in it."""

    def __init__(self, trap: Trap) -> None:
        self.trap = trap
        self.local = LocalEnvironment(trap.folder, environ={**os.environ, **trap.env})
        self.local.trusted = False

    async def __call__(self, command: str) -> CommandResult:
        async def ignore(text: str) -> None:
            del text

        return await self.local.processes.run(command, ignore, seconds=20)

    def person(self, *lines: str) -> None:
        """Write what the person has in their own ~/.gitconfig."""
        (self.trap.folder.parent / ".gitconfig").write_text("\n".join(lines) + "\n")


@pytest.fixture
async def commands(tmp_path: Path) -> Commands:
    return Commands(await made_trap(tmp_path))


COMMANDS = (
    "git status",
    "git status --porcelain -uall",
    "git diff",
    "git diff --stat",
    "git diff --cached",
    "git log -p",
    "git show",
    "git grep two",
    "git blame a.txt",
    "git ls-files -m",
    "git add a.txt",
    "git commit -q -a -m second",
    "git stash && git stash pop",
    "git checkout -q -b other && git checkout -- a.txt",
    "git fetch ssh://127.0.0.1:1/x",
    "git fetch git://127.0.0.1:1/x",
    "git worktree add ../elsewhere",
    "git odd",
    "git trailers",
    "sh -c 'git status'",
    "git commit --allow-empty -m x --trailer t:1",
    "echo url=https://127.0.0.1 | git credential fill",
    "mkdir -p b && cd b && git status",
)


async def add_rare(trap: Trap) -> None:
    """More names of programs, as subtle ones."""
    for key, name in {
        "alias.odd": f"!{trap.program} alias",
        "alias.trailers": f"-c core.fsmonitor={trap.program} status",
        "core.gitProxy": f"{trap.program} proxy",
        "trailer.t.cmd": f"{trap.program} trailer",
        "credential.https://127.0.0.1.helper": f"!{trap.program} for-one-server",
        "core.alternateRefsCommand": f"{trap.program} refs",
        "gpg.openpgp.program": f"{trap.program} openpgp",
        "filter.a=b.clean": f"{trap.program} strange",
    }.items():
        await trap.plain("config", key, name)
    trap.trace.unlink(missing_ok=True)


@pytest.mark.parametrize("command", COMMANDS)
async def test_no_program_of_the_repository_starts(commands: Commands, command: str) -> None:
    await add_rare(commands.trap)

    await commands(command)

    assert commands.trap.traces() == set()


async def test_where_the_folder_is_trusted_nothing_changes(commands: Commands) -> None:
    await add_rare(commands.trap)
    commands.local.trusted = True

    seen = await commands(
        "env | grep -c GIT_CONFIG; git odd; git status; git commit -q -am second --no-gpg-sign"
    )

    assert seen.output.splitlines()[0] == "0"
    assert {"alias", "fsmonitor", "clean", "hook-pre-commit"} <= commands.trap.traces()


async def test_changes_are_still_shown_where_the_repository_had_named_a_program_for_it(
    commands: Commands,
) -> None:
    shown = (await commands("git diff; git log -p; git status --short")).output

    assert "-one\n+two" in shown
    assert "+one" in shown
    assert "M a.txt" in shown


async def test_the_persons_own_name_signature_helpers_and_hooks_stay(
    commands: Commands, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    (own / "hooks").mkdir(parents=True)
    for name, rest in {"gpg": "cat", "helper": "", "filter": "cat", "ssh": ""}.items():
        executable(own / name, f'#!/bin/sh\necho own-{name} >>"$TRACE"\n{rest}\n')
    executable(own / "hooks" / "pre-commit", '#!/bin/sh\necho own-hook >>"$TRACE"\n')
    commands.person(
        "[user]\nname = Person\nemail = person@example.org",
        f"[gpg]\nprogram = {own}/gpg",
        f"[credential]\nhelper = {own}/helper",
        f'[credential "https://127.0.0.1"]\nhelper = {own}/helper',
        f"[core]\nhooksPath = {own}/hooks\nsshCommand = {own}/ssh",
        f'[filter "evil"]\nclean = {own}/filter',
        "[commit]\ngpgSign = true",
    )
    for key in ("user.name", "user.email"):
        await commands.trap.plain("config", "--unset", key)

    identity = await commands("git config user.name; git config user.email")
    await commands(
        "git commit -q -am second; echo url=https://127.0.0.1 | git credential fill; git fetch ssh://127.0.0.1:1/x"
    )

    assert identity.output.split() == ["Person", "person@example.org"]
    assert commands.trap.traces() == {"own-gpg", "own-helper", "own-hook", "own-filter", "own-ssh"}


async def test_hooks_that_a_person_keeps_in_every_repository_are_the_repositorys(commands: Commands) -> None:
    commands.person("[core]\nhooksPath = .githooks")
    hooks = commands.trap.folder / ".githooks"
    hooks.mkdir()
    executable(hooks / "pre-commit", '#!/bin/sh\necho ran >>"$TRACE"\n')

    await commands("git commit -q -am second")

    assert commands.trap.traces() == set()


async def test_what_a_required_filter_would_have_hidden_is_not_added_as_it_is(commands: Commands) -> None:
    await commands.trap.plain("config", "filter.evil.required", "true")
    commands.trap.trace.unlink(missing_ok=True)

    done = await commands("git add a.txt")

    assert done.status != 0
    assert "clean filter 'evil' failed" in done.output
    assert commands.trap.traces() == set()


async def test_another_end_of_a_fetch_that_lies_here_runs_no_program_of_the_repository(
    commands: Commands,
) -> None:
    trap = commands.trap
    await trap.plain("config", "remote.origin.url", str(trap.folder))
    await trap.plain("config", "remote.origin.uploadpack", f"{trap.program} upload")
    trap.trace.unlink(missing_ok=True)

    done = await commands("git fetch")

    assert done.status != 0
    assert trap.traces() == set()


async def test_a_bare_repository_in_a_sub_folder_is_not_entered(commands: Commands) -> None:
    trap, inner = commands.trap, commands.trap.folder / "docs"
    await trap.plain("init", "-q", "--bare", str(inner))
    for key, value in {
        "core.bare": "false",
        "core.worktree": str(inner),
        "core.fsmonitor": str(trap.program),
    }.items():
        await trap.plain("config", "--file", str(inner / "config"), key, value)
    trap.trace.unlink(missing_ok=True)

    done = await commands("cd docs && git status")
    again = await commands("git status")

    assert "bare" in done.output
    assert done.status != 0
    assert again.status != 0
    assert trap.traces() == set()


async def test_the_variables_do_not_carry_over_or_count_as_a_change_by_the_command(
    commands: Commands,
) -> None:
    first = await commands("echo $GIT_CONFIG_COUNT")
    await commands("export MINE=1")

    assert (await commands("echo $GIT_CONFIG_COUNT")).output == first.output
    assert commands.local.processes.tainted == ""
    assert [name for name in commands.local.processes.env if name.startswith("GIT_CONFIG")] == []


async def test_a_setting_that_a_command_hands_to_git_goes_on_and_the_repository_stays_quiet(
    commands: Commands,
) -> None:
    await commands(
        "export GIT_CONFIG_KEY_$GIT_CONFIG_COUNT=my.own GIT_CONFIG_VALUE_$GIT_CONFIG_COUNT=1 "
        "GIT_CONFIG_COUNT=$((GIT_CONFIG_COUNT + 1))"
    )
    done = await commands("git config my.own && git status")

    assert (done.status, done.output.splitlines()[0]) == (0, "1")
    assert commands.trap.traces() == set()


async def test_what_the_person_hands_to_git_already_is_kept(tmp_path: Path) -> None:
    trap = await made_trap(tmp_path)
    trap.env |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "my.own", "GIT_CONFIG_VALUE_0": "yes"}
    commands = Commands(trap)

    done = await commands("git config my.own; git status --short")

    assert done.output.splitlines()[0] == "yes"
    assert trap.traces() == set()


async def test_settings_that_git_cannot_read_switch_the_programs_off_all_the_same(commands: Commands) -> None:
    (commands.trap.folder / ".git" / "config").write_text(
        f"[core]\nfsmonitor = {commands.trap.program} x\n[broken\n"
    )

    done = await commands("git status")

    assert done.status != 0
    assert commands.trap.traces() == set()


@pytest.mark.skipif(not shutil.which("strace"), reason="NOT TESTED: strace is not installed")
async def test_the_system_itself_saw_no_program_of_the_repository(commands: Commands, tmp_path: Path) -> None:
    evil = commands.trap.folder / "evil"
    executable(evil, "#!/bin/sh\nexit 0\n")
    for key in (
        "core.fsmonitor",
        "diff.evil.textconv",
        "filter.evil.clean",
        "diff.evil.command",
        "core.pager",
    ):
        await commands.trap.plain("config", key, str(evil))
    commands.trap.trace.unlink(missing_ok=True)
    trace = tmp_path / "strace"
    script = f"strace -f -qq -e trace=execve -o {trace} sh -c 'git status; git diff; git log -p; git commit -qam x'"

    await commands(script)
    quiet = trace.read_text()
    commands.local.trusted = True
    await commands(script.replace("git commit -qam x", "true"))

    assert "/git" in quiet
    assert str(evil) not in quiet
    assert str(evil) in trace.read_text()
