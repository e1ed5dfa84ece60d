"""What Edit says beyond the ladder: how a place was found, and a file's own lines after a second miss."""

import json
from collections.abc import Mapping, Sequence

from kcode.editing.endings import open_text
from kcode.editing.outcome import Reason, Rung
from kcode.tools._target import Target
from kcode.tools._text import numbered, split_lines
from kcode.types.environment import ResolvedPath
from kcode.types.messages import AssistantMessage, ToolMessage
from kcode.types.state import State

RUNGS: Mapping[Rung, str] = {
    "lines": "found by whole lines",
    "blank_lines": "found by whole lines, without the blank ones",
    "decoration": "found without line numbers and the like",
    "escapes": "found with its escapes undone",
    "elision": "found around what it leaves out",
}
"""How a place was found where old_string was not exactly there."""
TEXT_DIFFERS: frozenset[Reason] = frozenset({"not_found", "ambiguous", "unclear"})
"""Refusals after which the model needs to see the file as it is."""
_WHOLE = 150
"""Lines of a file that is shown as a whole."""
_AROUND = 40
_LOOK_BACK = 60
"""Messages in which an earlier refusal is looked for."""


def refused_before(state: State, place: ResolvedPath) -> bool:
    """Whether the newest Edit of this file was refused too."""
    failed: dict[str, bool] = {}
    for message in reversed(state.transcript[-_LOOK_BACK:]):
        if isinstance(message, ToolMessage) and message.name == "Edit":
            failed[message.call_id] = message.is_error
        if isinstance(message, AssistantMessage):
            for call in reversed(message.tool_calls):
                if call.id in failed and _same_file(call.arguments, place):
                    return failed[call.id]
    return False


def _same_file(arguments: str, place: ResolvedPath) -> bool:
    try:
        named: object = json.loads(arguments).get("file_path")
    except (ValueError, AttributeError):
        return False
    return isinstance(named, str) and named.removeprefix("./") in {
        place.shown,
        str(place.path),
        str(place.real),
    }


def fresh_region(target: Target, lines: Sequence[int]) -> str:
    """Show the file as it is now: all of a short one, else what stands around the lines that were spoken of."""
    text = split_lines(open_text(target.text).view)
    if len(text) <= _WHOLE:
        first, last = 1, len(text)
    elif lines:
        first, last = max(lines[0] - _AROUND, 1), min(lines[0] + _AROUND, len(text))
    else:
        return ""
    what = "all of it" if last - first + 1 == len(text) else f"lines {first}-{last} of {len(text)}"
    return (
        f"\nThis is the second edit of this file in a row that does not fit. Here is {what}, as it is now; copy "
        f"old_string from it, without the numbers:\n{numbered(text[first - 1 : last], first)}"
    )
