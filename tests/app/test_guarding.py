import asyncio
import subprocess
from pathlib import Path

import pytest
from app_bench import Talk, runs, talk

from kcode.config.home import find_home
from kcode.config.trust import Trust


@pytest.fixture
def repository(root: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    return root


async def stopped(talking: Talk) -> str:
    ended = await talking.conversation.prompt("go")
    await talking.conversation.close()
    return ended.note


@pytest.mark.parametrize(
    "command",
    [
        "git config core.fsmonitor ./evil",
        "git config alias.status '!evil'",
        "printf '[include]\\n\\tpath = ../evil\\n' >> .git/config",
        "echo evil > .git/hooks/pre-commit",
        "mkdir -p .kcode && echo '{}' > .kcode/settings.json",
        "echo '{}' > .mcp.json",
        "ln -s /tmp/evil .envrc",
        "mkdir .husky && echo evil > .husky/pre-push",
    ],
)
async def test_a_command_that_makes_programs_run_later_ends_the_turn(repository: Path, command: str) -> None:
    talking = await talk(repository, [runs(command)])
    note = await stopped(talking)
    assert "can make git, an editor or kcode run programs" in note
    assert note in talking.person.notices


@pytest.mark.parametrize(
    "command",
    [
        "git remote add origin https://example.org/x.git && git branch -m main",
        "git config branch.main.remote origin && git config branch.main.merge refs/heads/main",
        "git config user.name Somebody",
        "echo x > plain.txt && git add -A && git -c user.name=a -c user.email=a@b commit -qm x",
    ],
)
async def test_everyday_work_with_git_goes_on(repository: Path, command: str) -> None:
    assert await stopped(await talk(repository, [runs(command)])) == ""


async def test_trust_in_the_folder_is_dropped(repository: Path) -> None:
    (repository / ".mcp.json").write_text('{"mcpServers": {}}')
    trust = Trust(find_home({"KCODE_HOME": str(repository.parent / "kcode")}))
    trust.accept(repository, trust.standing(repository).items)
    assert trust.standing(repository).known

    await stopped(await talk(repository, [runs("echo evil > .git/hooks/post-checkout")]))

    assert not Trust(find_home({"KCODE_HOME": str(repository.parent / "kcode")})).standing(repository).known


async def test_a_command_that_is_interrupted_is_looked_at_too_and_the_next_turn_works(
    repository: Path,
) -> None:
    command = "echo evil > .git/hooks/pre-commit; touch done; sleep 60"
    talking = await talk(repository, [runs(command)[:1], runs("true")])
    turn = asyncio.create_task(talking.conversation.prompt("go"))
    async with asyncio.timeout(20):
        while not (repository / "done").exists():
            await asyncio.sleep(0.01)
    talking.conversation.cancel()

    assert (await turn).stop_reason == "cancelled"
    assert any("can make git, an editor or kcode run programs" in note for note in talking.person.notices)
    assert (await talking.says("and now?")).stop_reason == "end_turn"
    await talking.conversation.close()
