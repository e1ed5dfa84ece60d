"""Completion: slash commands at the beginning of the prompt, project files after an `@`."""

import re
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from dataclasses import dataclass

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from kcode.frontends.repl.files import FileIndex

_COMMAND = re.compile(r"/[\w:.-]*$")
_FILE = re.compile(r"(?:^|(?<=[\s(\"'`]))@(?P<path>[^\s@]*)$")


@dataclass(frozen=True, slots=True)
class CommandName:
    """A slash command as the menu shows it."""

    name: str
    description: str = ""
    hint: str = ""
    aliases: tuple[str, ...] = ()


class PromptCompleter(Completer):
    """Completes the prompt; `clean` makes foreign names safe to show."""

    def __init__(
        self,
        commands: Callable[[], Sequence[CommandName]],
        index: FileIndex,
        clean: Callable[[str], str],
    ) -> None:
        self._commands = commands
        self._index = index
        self._clean = clean

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Return matching commands; files are only found asynchronously."""
        del complete_event
        word = document.text_before_cursor
        if not _COMMAND.fullmatch(word) or document.text_after_cursor.strip():
            return
        for command in match_commands(self._commands(), word[1:]):
            display = f"/{command.name} {command.hint}".rstrip()
            yield Completion(
                f"/{command.name}",
                start_position=-len(word),
                display=self._clean(display),
                display_meta=self._clean(command.description),
            )

    async def get_completions_async(
        self, document: Document, complete_event: CompleteEvent
    ) -> AsyncGenerator[Completion, None]:
        """Yield commands at once, files once a thread has found them."""
        for completion in self.get_completions(document, complete_event):
            yield completion
        match = _FILE.search(document.text_before_cursor)
        if match is None or document.text_before_cursor.startswith("!"):
            return
        typed = match.group("path")
        for name in await self._index.search(typed):
            yield Completion(
                mention(name), start_position=-len(typed) - 1, display=self._clean(name), display_meta=""
            )


def mention(name: str) -> str:
    """Return how a file is named in a prompt: in quotes where it has blanks."""
    return f'@"{name}"' if re.search(r"\s", name) else f"@{name}"


def match_commands(commands: Sequence[CommandName], typed: str) -> list[CommandName]:
    """Return the commands that fit, the best first: by beginning, then by alias, then by letters in order."""
    typed = typed.lower()
    ranked: list[tuple[int, str, CommandName]] = []
    for command in commands:
        name = command.name.lower()
        if name.startswith(typed):
            ranked.append((0, name, command))
        elif any(alias.lower().startswith(typed) for alias in command.aliases):
            ranked.append((1, name, command))
        elif typed in name or re.search(".*".join(map(re.escape, typed)), name):
            ranked.append((2, name, command))
    return [command for _, _, command in sorted(ranked, key=lambda r: r[:2])]
