"""A whole conversation, wired as front ends get it, with a scripted model and real files."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from kcode.app.conversation import Conversation
from kcode.app.start import open_conversation
from kcode.config.options import Options
from kcode.providers.scripted import ScriptedModel, Step, call, says
from kcode.types.command import CommandResult
from kcode.types.events import Event, Notice, TurnEnded
from kcode.types.frontend import Decision, PermissionRequest
from kcode.types.messages import UserMessage
from kcode.types.questions import Question


@dataclass
class Person:
    """A front end that allows everything, and answers questions by the beginnings of the options."""

    answers: list[str] = field(default_factory=list[str])
    events: list[Event] = field(default_factory=list[Event])
    asked: list[Question] = field(default_factory=list[Question])
    requests: list[PermissionRequest] = field(default_factory=list[PermissionRequest])

    async def on_event(self, event: Event) -> None:
        self.events.append(event)

    async def decide(self, request: PermissionRequest) -> Decision:
        self.requests.append(request)
        return Decision("allow_once")

    async def ask(self, question: Question) -> str | None:
        self.asked.append(question)
        if not self.answers:
            return None
        wanted = self.answers.pop(0)
        return next(o.label for o in question.options if wanted in o.label)

    @property
    def notices(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Notice)]


@dataclass
class Talk:
    """A conversation and the person in it."""

    conversation: Conversation
    person: Person
    root: Path

    async def says(self, text: str) -> TurnEnded:
        ended = await self.conversation.prompt(text)
        assert ended.error is None, ended.note
        return ended

    async def command(self, line: str) -> CommandResult:
        result = await self.conversation.command(line)
        assert result is not None
        return result

    @property
    def prompts(self) -> list[str]:
        said = self.conversation.state.transcript
        return [m.text for m in said if isinstance(m, UserMessage) and m.origin == "user"]

    def files(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and ".git" not in path.relative_to(self.root).parts
        }


def runs(*commands: str) -> list[Step]:
    """A turn: one step with a call of Bash for each command, and an end."""
    return [says("", *(call("Bash", command=command) for command in commands)), says("done")]


def writes(**contents: str) -> list[Step]:
    """A turn that writes files, named by keywords with `_` for the dot."""
    calls = [call("Write", file_path=name.replace("_", "."), content=text) for name, text in contents.items()]
    return [says("", *calls), says("done")]


def edits(name: str, old: str, new: str) -> list[Step]:
    """A turn that reads a file and changes a text in it."""
    return [
        says("", call("Read", file_path=name)),
        says("", call("Edit", file_path=name, old_string=old, new_string=new)),
        says("done"),
    ]


async def talk(
    root: Path, turns: Iterable[Iterable[Step]], *, person: Person | None = None, resume: str | None = None
) -> Talk:
    """Open a conversation in a folder; the caller closes it."""
    someone = person or Person()
    options = Options(cwd=root, resume=resume)
    model = ScriptedModel([step for turn in turns for step in turn])
    return Talk(await open_conversation(options, someone, model=model), someone, root)
