"""What can be asked of a person, whatever it is shown on."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer; `words` is the prompt of a line to type, where the answer needs one."""

    label: str
    note: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """What is asked. Without choices it is a line to type; `filtering` lets typing narrow the choices.

    `shortcut` is the position of the choice that Shift-Tab takes.
    """

    title: str
    choices: tuple[Choice, ...] = ()
    body: str = ""
    multiple: bool = False
    filtering: bool = False
    hidden: bool = False
    line: str = ""
    start: int = 0
    shortcut: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Positions of the choices taken, and the words typed."""

    picks: tuple[int, ...] = ()
    words: str = ""


class Asker(Protocol):
    """Shows forms."""

    @property
    def waiting(self) -> int:
        """How many forms are shown or wait to be."""
        ...

    async def ask(self, form: Form) -> Answer | None:
        """Show a form and wait; None if it was dismissed."""
        ...


class Surface(Protocol):
    """Where finished output goes."""

    @property
    def columns(self) -> int:
        """Columns of the terminal."""
        ...

    def print(self, text: str) -> None:
        """Write finished output, which may hold ANSI styles and ends with a line break."""
        ...

    def redraw(self) -> None:
        """Draw what moves again, soon."""
        ...


class Prompting(Protocol):
    """Where prompts are typed."""

    def put_back(self, text: str) -> None:
        """Put text before what is typed now."""
        ...
