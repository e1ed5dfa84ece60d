"""What a partial sandbox is taken for: better than none for commands that run anyway, and no reason to ask less."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from app_bench import runs, talk

from kcode.app.confine import Confinement
from kcode.config.schema import SandboxSettings
from kcode.environment.local import LocalEnvironment
from kcode.environment.sandbox import Sandbox, probe_partial
from kcode.types.errors import ConfigError


async def partially(environ: Mapping[str, str], folders: Sequence[Path]) -> Sandbox:
    """Try without bubblewrap."""
    assert environ is not folders
    return await probe_partial("bubblewrap is not installed")


@pytest.fixture(autouse=True)
async def landlock() -> None:
    found = await probe_partial()
    if found.level != "partial":
        pytest.skip(f"NOT TESTED: {found.shown}")


def confinement(root: Path, **settings: object) -> Confinement:
    own = root.parent / "own"
    own.mkdir(exist_ok=True)
    chosen = SandboxSettings.model_validate(settings)
    made = Confinement(chosen, os.environ, root.parent / "home", own, try_it=partially)
    made.folders = [root]
    return made


async def ignore(_: str) -> None:
    return


async def test_always_fences_every_command_as_far_as_it_goes_and_says_so(root: Path) -> None:
    made = confinement(root, mode="always", network=False)
    (warning,) = await made.begin()
    assert warning == (
        "The sandbox is only partial (landlock: no protected paths): bubblewrap is not installed."
    )
    assert made.shown == "partial (landlock: no protected paths), for every command"
    assert await made.brief(unasked=False) == "partial"
    environment = LocalEnvironment(root)
    environment.processes.fencing = made
    outside = root.parent / "outside"
    result = await environment.processes.run(f"touch inside; touch {outside}", ignore, seconds=20)
    assert result.status == 1
    assert (root / "inside").exists()
    assert not outside.exists()
    network = await environment.processes.run("exec 3<>/dev/udp/127.0.0.1/9", ignore, seconds=20)
    assert network.status != 0
    made.lift(lifted=True)
    await environment.processes.run(f"touch {outside}", ignore, seconds=20)
    assert outside.exists()
    await environment.close()


async def test_further_folders_of_the_settings_can_be_written(root: Path) -> None:
    cache = root.parent / "cache"
    cache.mkdir()
    made = confinement(root, mode="always", write=[str(cache)])
    await made.begin()
    environment = LocalEnvironment(root)
    environment.processes.fencing = made
    result = await environment.processes.run(f"touch {cache}/x && touch {cache}/../y", ignore, seconds=20)
    assert (cache / "x").exists()
    assert result.status == 1
    await environment.close()


async def test_where_it_is_required_partial_is_too_little_to_start(root: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        await confinement(root, mode="required").begin()
    assert str(refused.value).startswith(
        "The settings require a full sandbox, and it is only partial (landlock: no protected paths): "
        "bubblewrap is not installed."
    )


async def test_nothing_runs_unasked_because_of_it(root: Path) -> None:
    made = confinement(root)
    assert await made.begin() == ()
    assert not await made.closed()
    assert "not enough for commands to run unasked" in made.shown
    talking = await talk(root, [runs("make -v > made")])
    talking.conversation._parts.confinement.sandbox = made.sandbox
    await talking.conversation.set_mode("auto")
    await talking.says("go")
    assert len(talking.person.requests) == 1
    await talking.conversation.close()


async def test_the_machine_is_tried_once_whoever_asks(root: Path) -> None:
    tried: list[int] = []

    async def counting(environ: Mapping[str, str], folders: Sequence[Path]) -> Sandbox:
        tried.append(1)
        return await partially(environ, folders)

    made = Confinement(SandboxSettings(), os.environ, None, None, try_it=counting)
    made.folders = [root]
    assert tried == []
    assert await made.brief(unasked=False) == "partial"
    assert not await made.closed()
    assert len(tried) == 1


async def test_status_tells_the_level_and_finds_it_out_first(root: Path) -> None:
    talking = await talk(root, [])
    told = (await talking.command("/status")).text
    assert "not looked for yet" not in told
    level = await talking.conversation.sandbox_line()
    assert f"Sandbox: {level}" in told
    await talking.conversation.close()


async def test_where_it_is_switched_off_the_line_is_silent_but_in_the_mode_auto(root: Path) -> None:
    made = confinement(root, mode="off")
    assert await made.brief(unasked=False) == ""
    assert await made.brief(unasked=True) == "none"
