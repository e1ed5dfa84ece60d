import asyncio
from pathlib import Path

import pytest

from kcode.app.authorize import Authorizer, Rules
from kcode.app.remember import Remembered
from kcode.config.home import find_home
from kcode.config.layers import SourcedRule, load_settings
from kcode.config.options import Options
from kcode.config.trust import Trust
from kcode.types.errors import ConfigError
from kcode.types.events import Event, Notice
from kcode.types.frontend import Decision, PermissionRequest
from kcode.types.questions import Question
from kcode.types.tool import CommandNeed, Invocation, Need, PathNeed, ToolContext, ToolOutput, text_output


class Person:
    """Gives the same answer to every question, and remembers them."""

    def __init__(self, answer: Decision) -> None:
        self.answer = answer
        self.asked: list[PermissionRequest] = []
        self.events: list[Event] = []
        self.at_once = 0

    async def on_event(self, event: Event) -> None:
        self.events.append(event)

    async def decide(self, request: PermissionRequest) -> Decision:
        self.asked.append(request)
        self.at_once += 1
        assert self.at_once == 1, "two questions at the same time"
        await asyncio.sleep(0.01)
        self.at_once -= 1
        return self.answer

    async def ask(self, question: Question) -> str | None:
        return None


async def nothing(_: ToolContext) -> ToolOutput:
    return text_output("")


def request(*needs: Need) -> PermissionRequest:
    invocation = Invocation(kind="execute", title="t", rule="r", needs=needs, run=nothing)
    return PermissionRequest("main", "1", "Bash", {}, invocation)


def rule(behaviour: str, text: str) -> SourcedRule:
    return SourcedRule(behaviour, text, "user", "settings", "settings.json:1:1")  # pyright: ignore[reportArgumentType]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    work = tmp_path / "work"
    work.mkdir()
    return work.resolve()


@pytest.fixture
def home_folder(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    return home


def authorizer(folder: Path, person: Person, *rules: SourcedRule, **more: object) -> Authorizer:
    return Authorizer(person, Rules(rules, [folder], folder.parent, ()), "default", **more)  # pyright: ignore[reportArgumentType]


async def test_a_rule_settles_it_without_a_question(folder: Path) -> None:
    person = Person(Decision("allow_once"))
    decide = authorizer(folder, person, rule("allow", "Bash(make)"), rule("deny", "Bash(rm *)"))
    assert (await decide(request(CommandNeed("make", folder)))).allowed
    refused = await decide(request(CommandNeed("rm -r x", folder)))
    assert not refused.allowed
    assert "Bash(rm *)" in refused.feedback
    assert person.asked == []


async def test_the_strictest_of_several_needs_decides(folder: Path) -> None:
    person = Person(Decision("reject_once"))
    decide = authorizer(folder, person, rule("allow", "Bash(make)"))
    needs = (CommandNeed("make", folder), PathNeed("edit", folder / "x"))
    assert not (await decide(request(*needs))).allowed
    assert len(person.asked) == 1


async def test_always_settles_the_next_call_too_and_questions_come_one_by_one(folder: Path) -> None:
    person = Person(Decision("allow_always"))
    decide = authorizer(folder, person)
    calls = [request(CommandNeed("touch a", folder)) for _ in range(5)]
    decisions = await asyncio.gather(*(decide(call) for call in calls))
    assert all(d.allowed for d in decisions)
    assert len(person.asked) == 1
    assert person.asked[0].suggestions


async def test_a_malformed_rule_is_told_with_its_place(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"settings\.json:1:1"):
        authorizer(folder, Person(Decision("allow_once")), rule("allow", "Bash("))


async def test_bypassing_can_be_refused(folder: Path) -> None:
    decide = authorizer(folder, Person(Decision("allow_once")), bypass="not here")
    with pytest.raises(ConfigError, match="not here"):
        decide.set_mode("bypassPermissions")
    assert decide.mode == "default"


async def test_always_is_kept_for_the_next_session_and_the_folder_stays_trusted(
    folder: Path, home_folder: Path
) -> None:
    environ = {"HOME": str(home_folder)}
    home = find_home(environ)
    person = Person(Decision("allow_always"))
    decide = authorizer(folder, person, keep=Remembered(folder, folder, home).keep)
    assert (await decide(request(CommandNeed("touch a", folder)))).allowed
    assert not [e for e in person.events if isinstance(e, Notice)]
    assert Trust(home).standing(folder, folder).trusted
    project = Trust(home).standing(folder).contents
    loaded = load_settings(Options(cwd=folder), home=home, environ=environ, root=folder, project=project)
    assert [r.text for r in loaded.rules] == list(person.asked[0].suggestions)
    assert (folder / ".kcode" / ".gitignore").exists()


def keep_trusted(folder: Path, home_folder: Path, name: str, text: str) -> str:
    """Trust a folder that has a file in `.kcode` and keep a rule in it; says what went wrong."""
    home = find_home({"HOME": str(home_folder)})
    (folder / ".kcode").mkdir()
    (folder / ".kcode" / name).write_text(text)
    trust = Trust(home)
    trust.accept(folder, trust.standing(folder, folder).items)
    return Remembered(folder, folder, home).keep(["Bash(touch *)"])


def test_local_settings_stay_out_of_commits_in_a_folder_that_has_settings(
    folder: Path, home_folder: Path
) -> None:
    assert keep_trusted(folder, home_folder, "settings.json", "{}") == ""
    assert "settings.local.json" in (folder / ".kcode" / ".gitignore").read_text().splitlines()


def test_a_gitignore_of_the_project_is_left_as_it_is(folder: Path, home_folder: Path) -> None:
    assert keep_trusted(folder, home_folder, ".gitignore", "mine\n") == ""
    assert (folder / ".kcode" / ".gitignore").read_text() == "mine\n"


async def test_an_untrusted_folder_keeps_no_rules(folder: Path, home_folder: Path) -> None:
    (folder / "AGENTS.md").write_text("Do as I say.")
    person = Person(Decision("allow_always"))
    keep = Remembered(folder, folder, find_home({"HOME": str(home_folder)})).keep
    decide = authorizer(folder, person, keep=keep)
    assert (await decide(request(CommandNeed("touch a", folder)))).allowed
    assert not (folder / ".kcode").exists()
    notices = [e for e in person.events if isinstance(e, Notice)]
    assert "not trusted" in notices[0].text
    assert (await decide(request(CommandNeed("touch b", folder)))).allowed
    assert len(person.asked) == 1
