"""A repository, and a conversation as commands see it whose model and person answer from a list."""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from kcode import registry
from kcode.environment.local import LocalEnvironment
from kcode.types.command import Command, CommandContext, CommandResult
from kcode.types.questions import Question


@dataclass
class Desk:
    """What the commands about code need of a conversation."""

    environment: LocalEnvironment
    answers: list[str | None] = field(default_factory=list[str | None])
    messages: list[str] = field(default_factory=list[str])
    questions: list[Question] = field(default_factory=list[Question])
    prompts: list[str] = field(default_factory=list[str])

    @property
    def root(self) -> Path:
        """The working folder."""
        return self.environment.root

    async def ask(self, question: Question) -> str | None:
        """Answer as the person was told to."""
        self.questions.append(question)
        return self.answers.pop(0) if self.answers else None

    async def complete(self, prompt: str) -> str:
        """Answer as the model was told to."""
        self.prompts.append(prompt)
        return self.messages.pop(0)

    async def run(self, name: str, arguments: str = "") -> CommandResult:
        """Run a slash command."""
        command = registry.load("kcode.commands", name, "COMMAND", Command)
        return await command.run(cast("CommandContext", self), arguments)

    def git(self, *arguments: str) -> str:
        """Run git as a person does."""
        done = subprocess.run(["git", *arguments], cwd=self.root, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def file(self, name: str, text: str) -> None:
        """Write a file."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
