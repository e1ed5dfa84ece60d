"""What an edit asks for, what it did, and how it is refused."""

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from kcode.types.errors import ToolError

Reason: TypeAlias = Literal[
    "no_change", "blank_old", "placeholder", "not_found", "ambiguous", "already_applied", "unclear"
]
"""Why an edit was refused: nothing would change; old is blank; new leaves code out; old is not in the file;
old fits several places; new is there already; the place is known but what to write there is not."""

Rung: TypeAlias = Literal["exact", "decoration", "escapes", "lines", "blank_lines", "elision"]
"""The step of the ladder that found the place; anything but `exact` means that the old text had a slip."""


class LineRange(NamedTuple):
    """Whole lines, 1-based, both ends included; `last` is `first - 1` where no line is left."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Edit:
    """One wanted replacement."""

    old: str
    new: str
    replace_all: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an edit did.

    Attributes:
        text: the whole new text.
        rung: the step of the ladder that found the place.
        adapted: plain words for whatever was not taken literally, for the model and the log.
        before: the lines of the text that were replaced.
        after: the lines of the new text that replaced them, in the same order.
    """

    text: str
    rung: Rung
    adapted: tuple[str, ...]
    before: tuple[LineRange, ...]
    after: tuple[LineRange, ...]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What a list of edits did: the final text, and every edit's own outcome in turn."""

    text: str
    each: tuple[Outcome, ...]


class EditRefused(ToolError):  # noqa: N818 - a refusal is an answer, not a fault
    """An edit that was not made; the text is untouched and the message says what to do next.

    Attributes:
        reason: the class of refusal.
        lines: the 1-based line numbers of the text that the message speaks of.
        edit: the 0-based position in a list of edits, 0 for a single one.
    """

    def __init__(self, message: str, *, reason: Reason, lines: tuple[int, ...] = (), edit: int = 0) -> None:
        super().__init__(message)
        self.reason: Reason = reason
        self.lines = lines
        self.edit = edit
