"""The system prompt, and the instructions that users keep in files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kcode import registry

LIMIT = 6_000
"""Bytes that the system prompt may have."""


@dataclass(frozen=True, slots=True)
class Instructions:
    """One instruction file: where it lies and what it says."""

    path: str
    scope: str
    text: str


def system_prompt(
    facts: Mapping[str, str],
    *,
    replace: str | None = None,
    append: str | None = None,
    language: str = "",
    small: bool = False,
) -> str:
    """Build the prompt; `facts` say where the agent works. It stays the same through a session.

    `small` chooses the short one, for models with small windows: they are small themselves, and follow few and
    plain rules better than many.
    """
    name = "system_small.md" if small else "system.md"
    head = replace if replace is not None else registry.text("kcode.prompts", name)
    place = "\n".join(f"- {name}: {value}" for name, value in facts.items() if value)
    parts = [head, f"# Where you are\n{place}"]
    if language:
        parts.append(f"Answer in this language, whatever the user writes in: {language}.")
    if append:
        parts.append(append)
    return "\n\n".join(parts) + "\n"


def instruction_text(files: Sequence[Instructions]) -> str:
    """Write the instruction files as one text, the nearest last."""
    blocks = [f"Contents of {file.path} ({file.scope}):\n\n{file.text.strip()}" for file in files]
    return (
        "<system-reminder>\nThe user keeps these instructions in files. Follow them; where they contradict one "
        "another, the later one counts.\n\n" + "\n\n".join(blocks) + "\n</system-reminder>"
    )
