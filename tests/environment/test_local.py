"""This machine as surroundings: folders with links resolved, cheap facts, one resolver."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kcode.environment.local import LocalEnvironment
from kcode.environment.paths import resolve_path
from kcode.types.environment import Environment
from kcode.types.errors import ToolError


def real_path(path: Path) -> Path:
    return Path(os.path.realpath(path))


async def nothing(text: str) -> None:
    del text


async def test_folders_are_real_and_the_root_comes_first(tmp_path: Path):
    root, more = tmp_path / "root", tmp_path / "more"
    root.mkdir()
    more.mkdir()
    (tmp_path / "link").symlink_to(root)
    environment: Environment = LocalEnvironment(tmp_path / "link", [more, root])
    real = real_path(tmp_path)
    assert environment.root == real / "root"
    assert list(environment.folders) == [real / "root", real / "more"]
    (more / "a.txt").write_text("")
    assert (await environment.resolve(str(more / "a.txt"))).inside
    await environment.close()


async def test_facts_say_where_one_is(tmp_path: Path):
    facts = LocalEnvironment(tmp_path).facts
    assert facts["Working folder"] == str(real_path(tmp_path))
    assert facts["Date"].endswith(time.strftime("%Y-%m-%d"))
    assert facts["Platform"]
    assert facts["Shell"].startswith("/")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/topic/x\n")
    assert LocalEnvironment(tmp_path).facts["Git"] == "on topic/x"


async def test_commands_get_the_variables_of_the_settings_but_no_secrets(tmp_path: Path):
    environ = {"PATH": os.environ["PATH"], "SOME_TOKEN": "secret", "KEPT": "yes", "GIVEN_KEY": "wanted"}
    environment = LocalEnvironment(
        tmp_path, environ=environ, pass_env=["GIVEN_KEY"], variables={"MORE": "set", "OWN_TOKEN": "own"}
    )
    try:
        command = "echo $KEPT $SOME_TOKEN $GIVEN_KEY $MORE $OWN_TOKEN"
        result = await environment.processes.run(command, nothing, seconds=10)
    finally:
        await environment.close()
    assert result.output.strip() == "yes wanted set own"


async def test_the_parts_work_together(tmp_path: Path):
    environment = LocalEnvironment(tmp_path)
    place = await environment.resolve("new/a.txt", must_exist=False)
    await environment.files.write(place.path, b"needle\n")
    assert (await environment.search.glob("*.txt", environment.root)).lines == ["new/a.txt"]
    assert await environment.files.read(place.real) == b"needle\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = Path(os.path.realpath(tmp_path_factory.mktemp("fuzz"))) / "proj"
    for name in ("src/app.py", "a/b.txt", "b", "C:/x", "~", "odd name'", "x:1"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


PIECES = st.sampled_from(
    (
        *("src", "app.py", "/", "..", ".", "~", " ", "'", '"', "`", "a/", "b", "C:", ":1", "#L2", "@"),
        *("file://", "%20", "\\", "\\xff", "\\n", "\n", "\0", "\ud800", "{", "\u00e9", "\u00c9", "\u202f"),
        *("proj", "\u00df", "x" * 300),
    )
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=8).map("".join), st.booleans())
def test_whatever_is_written_becomes_a_path_or_a_clear_refusal(project: Path, text: str, must_exist: bool):
    try:
        found = resolve_path(text, project, must_exist=must_exist)
    except ToolError as error:
        words = str(error)
    else:
        words = found.shown
        assert found.path.is_absolute()
        assert ".." not in found.path.parts
        assert found.shown.isprintable()
        assert os.path.lexists(found.path) or not must_exist
    assert words.encode()
