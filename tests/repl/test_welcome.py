"""What is asked once: trust, and a model to work with."""

import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from kcode.config.credentials import Credentials
from kcode.config.home import Home
from kcode.config.options import Options
from kcode.config.vendors import VENDORS
from kcode.frontends.repl.forms import Answer, Form
from kcode.frontends.repl.welcome import Welcome, find_servers
from kcode.providers.local_servers import LocalServer
from kcode.types.connection import Connection
from kcode.types.errors import ConfigError, ModelError
from kcode.types.model import ModelInfo


class Person:
    """Answers forms by the label of a choice, or with words; None dismisses."""

    def __init__(self, *answers: str | None) -> None:
        self._answers = list(answers)
        self.asked: list[Form] = []
        self.waiting = 0

    async def ask(self, form: Form) -> Answer | None:
        self.asked.append(form)
        answer = self._answers.pop(0)
        if answer is None:
            return None
        label, _, words = answer.partition(" = ")
        if not form.choices:
            return Answer((), answer)
        return Answer((next(i for i, c in enumerate(form.choices) if c.label.startswith(label)),), words)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [n for n in os.environ if n.startswith("KCODE_") or n.endswith("_API_KEY")]:
        monkeypatch.delenv(name)
    for name in ("KCODE_BASE_URL", "KCODE_API_KEY", "KCODE_MODEL"):
        # Set and taken away, so that what the dialogue sets is undone afterwards.
        monkeypatch.setenv(name, "")
    project = tmp_path / "project"
    project.mkdir()
    return project


def welcome(
    folder: Path,
    person: Person,
    offered: Sequence[str] | ModelError = (),
    running: Sequence[tuple[str, str]] = (),
) -> tuple[Welcome, list[str]]:
    notes: list[str] = []

    async def servers() -> Sequence[tuple[str, str]]:
        return running

    async def models(connection: Connection) -> Sequence[ModelInfo]:
        notes.append(f"asked {connection.base_url} with {connection.api_key}")
        if isinstance(offered, ModelError):
            raise offered
        return [ModelInfo(name) for name in offered]

    home = Home(folder.parent / "home", folder.parent)
    return Welcome(person, notes.append, home=home, models=models, servers=servers), notes


async def test_a_folder_with_nothing_of_its_own_is_not_asked_about(folder: Path) -> None:
    person = Person()
    hello, _ = welcome(folder, person)
    options = Options(cwd=folder)
    assert await hello.trust(options) is options
    assert person.asked == []


async def test_trust_is_asked_once_and_names_what_would_count(folder: Path) -> None:
    (folder / ".kcode").mkdir()
    (folder / ".kcode" / "settings.json").write_text('{"permissions": {"allow": ["Bash(make)"]}}')
    person = Person("Yes")
    hello, _ = welcome(folder, person)
    assert (await hello.trust(Options(cwd=folder))).accepted
    assert ".kcode/settings.json" in person.asked[0].body
    assert "Bash(make)" in person.asked[0].body
    again = Person()
    hello, _ = welcome(folder, again)
    await hello.trust(Options(cwd=folder))
    assert again.asked == []


async def test_everything_that_would_run_is_shown_before_trust_is_given(folder: Path) -> None:
    (folder / ".kcode").mkdir()
    commands = [f"step {n}; {'x' * 300}; rm -rf {n} \u202e\x1b[2J\nlast {n}" for n in range(20)]
    hooks = {"Stop": [{"hooks": [{"type": "command", "command": command}]} for command in commands]}
    (folder / ".kcode" / "settings.json").write_text(json.dumps({"hooks": hooks}))
    for n in range(20):
        path = folder / ".kcode" / "skills" / f"skill{n}" / "SKILL.md"
        path.parent.mkdir(parents=True)
        path.write_text("do")
    person = Person("No")
    hello, notes = welcome(folder, person)
    await hello.trust(Options(cwd=folder))
    shown = "\n".join([*notes, person.asked[0].body])
    assert [n for n in range(20) if f"rm -rf {n} \\u202e\u241b[2J\u240alast {n}\n" not in shown] == []
    assert [n for n in range(20) if f".kcode/skills/skill{n}/SKILL.md" not in shown] == []
    assert "above: 21 files" in person.asked[0].body
    assert len(person.asked[0].body.splitlines()) < 10


async def test_instructions_between_the_project_and_the_working_folder_are_asked_about(folder: Path) -> None:
    (folder / ".git").mkdir()
    (folder / "sub").mkdir()
    (folder / "sub" / "AGENTS.md").write_text("obey")
    person = Person("No")
    hello, _ = welcome(folder, person)
    await hello.trust(Options(cwd=folder / "sub"))
    assert "sub/AGENTS.md" in person.asked[0].body


async def test_a_file_that_is_exchanged_while_the_question_stands_is_asked_about_as_it_is_then(
    folder: Path,
) -> None:
    settings = folder / ".kcode" / "settings.json"
    settings.parent.mkdir()
    settings.write_text('{"permissions": {"allow": ["Bash(make)"]}}')

    class Swapped(Person):
        async def ask(self, form: Form) -> Answer | None:
            if not self.asked:
                settings.write_text('{"permissions": {"allow": ["Bash(evil)"]}}')
            return await super().ask(form)

    person = Swapped("Yes", "No")
    hello, notes = welcome(folder, person)

    options = await hello.trust(Options(cwd=folder))

    assert options.accepted is None
    assert "Bash(make)" in person.asked[0].body
    assert "Bash(evil)" in person.asked[1].body
    assert "changed while you were asked" in notes[0]


@pytest.mark.parametrize("answer", ["No", None])
async def test_without_trust_the_folder_does_not_count(folder: Path, answer: str | None) -> None:
    (folder / "AGENTS.md").write_text("obey\x1b[2J")
    hello, notes = welcome(folder, Person(answer))
    assert (await hello.trust(Options(cwd=folder))).accepted is None
    assert notes


async def test_a_vendor_a_key_and_a_model_are_kept(folder: Path) -> None:
    person = Person(VENDORS["moonshot"].label, "sk-secret", "kimi-k2")
    hello, notes = welcome(folder, person, ["kimi-k1", "kimi-k2"])
    assert await hello.set_up()
    home = folder.parent / "home"
    assert json.loads((home / "settings.json").read_text()) == {"vendor": "moonshot", "model": "kimi-k2"}
    assert Credentials(Home(home)).get("moonshot") == "sk-secret"
    assert stat.S_IMODE((home / "credentials.json").stat().st_mode) == 0o600
    assert [form.hidden for form in person.asked] == [False, True, False]
    assert f"asked {VENDORS['moonshot'].base_url} with sk-secret" in notes
    assert os.environ["KCODE_API_KEY"] == ""


async def test_a_server_of_ones_own_needs_no_key(folder: Path) -> None:
    person = Person("Another = 127.0.0.1:8000", "No", "local")
    hello, notes = welcome(folder, person, ["local"])
    assert await hello.set_up()
    settings = json.loads((folder.parent / "home" / "settings.json").read_text())
    assert settings == {"baseUrl": "http://127.0.0.1:8000/v1", "model": "local"}
    assert "asked http://127.0.0.1:8000/v1 with " in notes
    assert any("local at http://127.0.0.1:8000/v1 is kept in" in note for note in notes)


async def test_a_server_that_runs_on_this_machine_is_offered_first(folder: Path) -> None:
    person = Person("Ollama", "No", "local")
    hello, notes = welcome(folder, person, ["local"], [("Ollama", "http://127.0.0.1:11434/v1")])
    assert await hello.set_up()
    assert person.asked[0].choices[0].label == "Ollama, which runs on this machine"
    settings = json.loads((folder.parent / "home" / "settings.json").read_text())
    assert settings == {"baseUrl": "http://127.0.0.1:11434/v1", "model": "local"}
    assert "asked http://127.0.0.1:11434/v1 with " in notes


@pytest.mark.parametrize(("value", "found"), [("true", ["Ollama"]), ("false", [])])
async def test_servers_are_looked_for_unless_the_settings_say_not_to(
    folder: Path, monkeypatch: pytest.MonkeyPatch, value: str, found: list[str]
) -> None:
    async def look() -> Sequence[LocalServer]:
        return [LocalServer("Ollama", "http://127.0.0.1:11434/v1", ())]

    monkeypatch.setenv("KCODE_DETECT_LOCAL_SERVERS", value)
    monkeypatch.setenv("KCODE_HOME", str(folder.parent / "home"))
    assert [name for name, _ in await find_servers(look)] == found


async def test_a_key_that_is_refused_is_not_kept(folder: Path) -> None:
    person = Person(VENDORS["moonshot"].label, "wrong", "Choose again", None)
    hello, notes = welcome(folder, person, ModelError("The key was refused.", kind="auth"))
    assert not await hello.set_up()
    assert "The key was refused." in notes
    assert not (folder.parent / "home").exists()


async def test_a_broken_address_is_asked_for_again(folder: Path) -> None:
    person = Person("Another = ftp://x", None)
    hello, notes = welcome(folder, person)
    assert not await hello.set_up()
    assert any("address" in note for note in notes)


async def test_another_server_replaces_the_one_that_is_set_up_once_it_has_answered(folder: Path) -> None:
    settings = folder.parent / "home" / "settings.json"
    settings.parent.mkdir()
    settings.write_text('{"baseUrl": "http://127.0.0.1:1/v1", "model": "gone", "theme": "dark"}')
    person = Person(VENDORS["moonshot"].label, "wrong", "Choose again", None)
    hello, _ = welcome(folder, person, ModelError("The key was refused.", kind="auth"))
    assert not await hello.set_up(again=True)
    assert "stays until the other one answers" in person.asked[0].body
    assert json.loads(settings.read_text())["baseUrl"] == "http://127.0.0.1:1/v1"
    hello, _ = welcome(folder, Person(VENDORS["moonshot"].label, "sk-new", "kimi-k2"), ["kimi-k2"])
    assert await hello.set_up(again=True)
    assert json.loads(settings.read_text()) == {"vendor": "moonshot", "model": "kimi-k2", "theme": "dark"}
    hello, _ = welcome(folder, Person("Another = 127.0.0.1:8000", "No", "local"), ["local"])
    assert await hello.set_up(again=True)
    assert json.loads(settings.read_text()) == {
        "baseUrl": "http://127.0.0.1:8000/v1",
        "model": "local",
        "theme": "dark",
    }


async def test_a_server_that_did_not_answer_holds_for_this_run_and_replaces_nothing(folder: Path) -> None:
    settings = folder.parent / "home" / "settings.json"
    settings.parent.mkdir()
    settings.write_text('{"baseUrl": "http://127.0.0.1:1/v1"}')
    person = Person("Another = 127.0.0.1:8000", "No", "Type a model", "mine")
    hello, notes = welcome(folder, person, ModelError("No list.", kind="network"))
    assert await hello.set_up(again=True)
    assert json.loads(settings.read_text()) == {"baseUrl": "http://127.0.0.1:1/v1"}
    assert (os.environ["KCODE_BASE_URL"], os.environ["KCODE_MODEL"]) == ("http://127.0.0.1:8000/v1", "mine")
    assert any("replaces nothing" in note for note in notes)


async def test_a_variable_that_would_win_over_the_choice_is_named_and_gives_way_for_this_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KCODE_BASE_URL", "http://127.0.0.1:1/v1")
    person = Person("Another = 127.0.0.1:8000", "No", "local")
    hello, notes = welcome(folder, person, ["local"])
    assert await hello.set_up(again=True)
    assert os.environ["KCODE_BASE_URL"] == "http://127.0.0.1:8000/v1"
    assert any("Your shell sets KCODE_BASE_URL" in note for note in notes)


async def test_a_server_that_is_gone_can_be_tried_again_exchanged_or_left(folder: Path) -> None:
    gone = ModelError("The server could not be reached.", kind="network")
    assert await welcome(folder, Person("Try again"))[0].after(gone)
    assert not await welcome(folder, Person("Leave"))[0].after(gone)
    assert not await welcome(folder, Person(None))[0].after(gone)
    person = Person(
        "Choose another server", None, "Choose another server", "Another = 127.0.0.1:8000", "No", "local"
    )
    assert await welcome(folder, person, ["local"])[0].after(gone)
    assert "could not be reached" in person.asked[0].body
    settings = Person("Leave")
    assert not await welcome(folder, settings)[0].after(ConfigError("settings.json is broken"))
    assert [choice.label for choice in settings.asked[0].choices] == ["Try again", "Leave"]
