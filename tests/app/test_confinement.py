import json
import os
from pathlib import Path

import pytest
from app_bench import Person, runs, talk

from kcode.app.start import open_conversation
from kcode.config.options import Options
from kcode.environment.local import LocalEnvironment
from kcode.environment.sandbox import probe
from kcode.providers.scripted import ScriptedModel
from kcode.types.errors import ConfigError
from kcode.types.messages import ToolMessage


@pytest.fixture(autouse=True)
async def bubblewrap() -> None:
    found = await probe(os.environ, [])
    if found.level != "full":
        why = f"NOT TESTED: {found.shown}"
        if os.environ.get("KCODE_REQUIRE_BWRAP") == "1":
            pytest.fail(why)
        pytest.skip(why)


def outputs(person_events: list[object]) -> list[str]:
    texts: list[str] = []
    for event in person_events:
        message = getattr(event, "message", None)
        if isinstance(message, ToolMessage):
            texts.append(message.text)
    return texts


async def test_in_the_mode_auto_commands_run_unasked_and_fenced(root: Path) -> None:
    outside = root.parent / "outside"
    talking = await talk(root, [runs(f"make -v > made; touch {outside}; echo $?")])
    await talking.conversation.set_mode("auto")

    await talking.says("go")

    assert talking.person.requests == []
    assert (root / "made").exists()
    assert not outside.exists()
    assert "full (bwrap)" in talking.conversation.sandbox
    await talking.conversation.close()


async def test_a_fenced_command_is_over_when_it_ends_and_ends_in_time(root: Path) -> None:
    talking = await talk(
        root, [runs(*[f"make -v >/dev/null; sleep 60 & echo {n}" for n in range(5)]), runs("make -v; exit 7")]
    )
    await talking.conversation.set_mode("auto")
    await talking.says("go")
    await talking.says("fail")
    texts = outputs(list(talking.person.events))
    assert [text.strip() for text in texts[:5]] == [str(n) for n in range(5)]
    assert "exit status 7" in texts[5]
    assert list(talking.conversation.environment.processes.background()) == []
    assert "bwrap" not in children()
    result = await talking.conversation.environment.processes.run("make -v; sleep 60", _ignore, seconds=0.3)
    assert result.timed_out
    await talking.conversation.close()


def children() -> list[str]:
    """The names of this process's children, ended ones too."""
    pids = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return [Path(f"/proc/{pid}/comm").read_text().strip() for pid in pids]


async def _ignore(_: str) -> None:
    return


async def test_what_a_person_allowed_runs_as_it_always_did(root: Path) -> None:
    outside = root.parent / "outside"
    talking = await talk(root, [runs(f"touch {outside}")])

    await talking.says("go")

    assert len(talking.person.requests) == 1
    assert outside.exists()
    await talking.conversation.close()


async def test_folder_and_variables_carry_over_out_of_the_fence(root: Path) -> None:
    (root / "sub").mkdir()
    talking = await talk(
        root, [[*runs("cd sub; export WORD=carried; touch here")], runs("pwd; echo $WORD; touch x")]
    )
    await talking.conversation.set_mode("auto")
    await talking.says("one")
    await talking.says("two")
    last = outputs(list(talking.person.events))[-1]
    assert f"{root}/sub" in last
    assert "carried" in last
    await talking.conversation.close()


def settings(mode: str) -> None:
    home = Path(os.environ["KCODE_HOME"])
    home.mkdir(exist_ok=True)
    (home / "settings.json").write_text(json.dumps({"sandbox": {"mode": mode}}))


async def test_always_fences_every_command_and_leaves_the_person_theirs(root: Path) -> None:
    settings("always")
    outside = root.parent / "outside"
    talking = await talk(root, [runs(f"touch {outside}")])
    await talking.says("go")
    assert not outside.exists()

    await talking.conversation.shell(f"touch {outside}")

    assert outside.exists()
    await talking.conversation.close()


async def test_without_a_fence_the_mode_auto_asks(root: Path) -> None:
    settings("off")
    talking = await talk(root, [runs("make -v > made")])
    await talking.conversation.set_mode("auto")
    await talking.says("go")
    assert len(talking.person.requests) == 1
    await talking.conversation.close()


async def test_a_sandbox_that_is_required_and_cannot_be_had_ends_the_start(root: Path) -> None:
    settings("required")
    with pytest.raises(ConfigError, match="require a full sandbox"):
        await open_conversation(
            Options(cwd=root), Person(), model=ScriptedModel([]), environment=LocalEnvironment(root)
        )
