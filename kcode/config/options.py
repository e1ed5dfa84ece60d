"""What the command line asked for, parsed and checked for shape."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from kcode.types.mode import Mode

OutputFormat: TypeAlias = Literal["text", "json", "stream-json"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The flags of one run; None where a flag was not given. Times are seconds, money US dollars."""

    cwd: Path
    prompt: str = ""
    model: str | None = None
    fallback_models: tuple[str, ...] | None = None
    """Models to fall back to, in place of those that the settings name."""
    permission_mode: Mode | None = None
    allowed_tools: tuple[str, ...] = ()
    disallowed_tools: tuple[str, ...] = ()
    tools: tuple[str, ...] | None = None
    """The tools that are offered; None for what suits the model."""
    add_dirs: tuple[Path, ...] = ()
    settings: str | None = None
    system_prompt: str | None = None
    append_system_prompt: str | None = None
    max_turns: int | None = None
    max_budget_usd: float | None = None
    max_time: float | None = None
    continue_latest: bool = False
    resume: str | None = None
    """A session id or its beginning; "" opens the picker."""
    fork: bool = False
    session_id: str | None = None
    persist: bool = True
    trust: bool = False
    accepted: Mapping[str, str] | None = None
    """What the person has just accepted of the folder's own files: hashes by path. Another content does not count."""
    verbose: bool = False
    interactive: bool = False
    output_format: OutputFormat = "text"
    input_format: Literal["text", "stream-json"] = "text"
    partial_messages: bool = False
    event_log: bool = False
    host_decides: bool = False
    """With stream-json input: the program at the other end answers permission questions."""
    replay_user_messages: bool = False
