"""One way to read what the model typed."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read what was typed.

    Attributes:
        old: the text to look for.
        new: the text to write.
        kind: the step of the ladder that it belongs to.
        note: what was undone, in plain words.
        whole_lines: whether it may only stand for whole lines.
        line: the 1-based line at which it must start, where its line numbers are the only evidence.
    """

    old: str
    new: str
    kind: Literal["exact", "decoration", "escapes"] = "exact"
    note: str = ""
    whole_lines: bool = False
    line: int | None = None
