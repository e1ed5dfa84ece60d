"""A repository that names programs in every place git looks at must not see one of them start."""

from pathlib import Path

import pytest

from kcode.process import git
from kcode.process.spawn import run
from tests.process.git_trap import Trap, made_trap


@pytest.fixture
async def trap(tmp_path: Path) -> Trap:
    return await made_trap(tmp_path)


COMMANDS: list[list[str]] = [
    ["status", "--porcelain"],
    ["diff"],
    ["diff", "--cached"],
    ["log", "-p"],
    ["show"],
    ["grep", "two"],
    ["blame", "a.txt"],
    ["ls-files", "-m"],
    ["add", "a.txt"],
    ["commit", "-q", "-a", "-m", "second"],
    ["stash"],
    ["checkout", "-q", "-b", "other"],
    ["branch", "third"],
    ["fetch", "ssh://nowhere.invalid/x"],
    ["rev-parse", "HEAD"],
]


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda a: " ".join(a[:2]))
async def test_no_program_of_the_repository_starts(trap: Trap, arguments: list[str]) -> None:
    await trap.hardened(arguments)

    assert trap.traces() == set()


async def test_without_the_hardening_the_same_repository_runs_its_programs(trap: Trap) -> None:
    await trap.plain("status")
    await trap.plain("commit", "-q", "-a", "-m", "second", "--no-gpg-sign")

    assert {"fsmonitor", "hook-pre-commit"} <= trap.traces()


async def test_a_bare_repository_in_a_sub_folder_is_not_entered(trap: Trap) -> None:
    inner = trap.folder / "docs"
    await trap.plain("init", "-q", "--bare", str(inner))
    await trap.plain("config", "--file", str(inner / "config"), "core.bare", "false")
    await trap.plain("config", "--file", str(inner / "config"), "core.worktree", str(inner))
    await trap.plain("config", "--file", str(inner / "config"), "core.fsmonitor", f"{trap.program} inner")
    trap.trace.unlink(missing_ok=True)

    result = await trap.hardened(["status"], cwd=inner)

    assert result.status != 0
    assert trap.traces() == set()


async def test_a_sub_module_with_programs_of_its_own_does_not_run_them(trap: Trap, tmp_path: Path) -> None:
    library = tmp_path / "library"
    library.mkdir()
    await run(["git", "init", "-q", "-b", "main"], cwd=library, env=trap.env)
    (library / "b").write_text("b\n")
    await run(["git", "add", "."], cwd=library, env=trap.env)
    identity = ["-c", "user.email=a@example.org", "-c", "user.name=a"]
    await run(["git", *identity, "commit", "-q", "-m", "x"], cwd=library, env=trap.env)
    added = await trap.plain(
        "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(library), "sub"
    )
    assert added.status == 0, added.stderr
    for where in ("config", "HEAD"):
        assert (trap.folder / ".git" / "modules" / "sub" / where).exists()
    await run(
        ["git", "config", "core.fsmonitor", f"{trap.program} sub"], cwd=trap.folder / "sub", env=trap.env
    )
    (trap.folder / "sub" / "b").write_text("changed\n")
    trap.trace.unlink(missing_ok=True)

    for arguments in (["status"], ["diff"], ["diff", "--stat"], ["commit", "-q", "-m", "y"]):
        await trap.hardened(arguments)

    assert trap.traces() == set()


async def test_a_program_that_runs_git_itself_is_covered_through_its_environment(trap: Trap) -> None:
    settings = {**git.SETTINGS, "filter.evil.clean": "", "filter.evil.required": "false"}
    env = git.environment(trap.env, settings.items())

    await run(["git", "status"], cwd=trap.folder, env=env)

    assert trap.traces() == set()


async def test_what_is_allowed_stays_as_the_repository_has_it(trap: Trap) -> None:
    assert "core.hooksPath=/dev/null" in git.command(["status"])
    assert "core.hooksPath=/dev/null" not in git.command(["status"], allow=["core.hooksPath"])


def test_settings_that_a_person_already_hands_to_git_are_kept() -> None:
    own = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "a.b", "GIT_CONFIG_VALUE_0": "c"}
    env = git.environment(own, [("filter.x.clean", "")])

    assert env == {
        **own,
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_1": "filter.x.clean",
        "GIT_CONFIG_VALUE_1": "",
        **git.VARIABLES,
    }


@pytest.mark.parametrize("name", ["a=b", "a.b.c", "AbC", "\u00fc", "=", "a=b.process"])
async def test_a_driver_is_switched_off_whatever_its_name(trap: Trap, name: str) -> None:
    for part in ("clean", "smudge", "process"):
        await trap.plain("config", f"filter.{name}.{part}", f"{trap.program} {part}")
    await trap.plain("config", f"merge.{name}.driver", f"{trap.program} merge")
    (trap.folder / ".gitattributes").write_text(f"*.txt filter={name} merge={name}\n", encoding="utf-8")
    trap.trace.unlink(missing_ok=True)
    for arguments in (["status"], ["diff"], ["add", "a.txt"], ["stash"], ["checkout", "-q", "-b", "other"]):
        await trap.hardened(arguments)
    assert trap.traces() == set()


@pytest.mark.parametrize("how", ["include.path", "includeIf.gitdir:**.path", "config.worktree"])
async def test_settings_that_are_included_from_elsewhere_are_switched_off_too(trap: Trap, how: str) -> None:
    lines = f'[filter "q=r"]\n clean = {trap.program} clean\n[core]\n fsmonitor = {trap.program} fs\n'
    if how == "config.worktree":
        await trap.plain("config", "extensions.worktreeConfig", "true")
        (trap.folder / ".git" / how).write_text(lines)
    else:
        (trap.folder / "evil").write_text(lines)
        await trap.plain("config", how, "../evil")
    (trap.folder / ".gitattributes").write_text("*.txt filter=q=r\n")
    trap.trace.unlink(missing_ok=True)
    for arguments in (["status"], ["diff"], ["add", "a.txt"]):
        await trap.hardened(arguments)
    assert trap.traces() == set()
    await trap.plain("status")
    assert trap.traces() >= {"fs"}
