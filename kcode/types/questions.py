"""Questions to a person that are not about permission."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Option:
    """One answer to choose."""

    label: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """A question with answers to choose from; a person may answer in their own words unless it is `closed`."""

    text: str
    options: Sequence[Option] = ()
    header: str = ""
    multiple: bool = False
    closed: bool = False


Ask: TypeAlias = Callable[[Question], Awaitable[str | None]]
"""Ask, and return the answer's words; None where nobody answers."""
