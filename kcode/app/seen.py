"""What a model knows and did so far in a turn, as far as its transcript tells."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from kcode.types.messages import AssistantMessage, ToolMessage, UserMessage
from kcode.types.state import State

_PATH = re.compile(r'"file_path"\s*:\s*("(?:[^"\\]|\\.)*")')
_NUMBERED = re.compile(r"^ *(\d+)\t(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the model knows and did.

    Attributes:
        read: files that it read from their first line on and did not change since, by the path it asked for.
        around: where files are named: what it was told of the folder, and results.
        ran: whether it ran a command since the person spoke last, and since it last changed a file.
        changed: the file that it changed last since the person spoke last; empty for none.
    """

    read: Mapping[str, str] = field(default_factory=dict[str, str])
    around: str = ""
    ran: bool = False
    changed: str = ""


def what_was_seen(state: State) -> Seen:
    """Read it off the transcript."""
    paths: dict[str, str] = {}
    read: dict[str, str] = {}
    around = [state.system]
    ran, changed = False, ""
    for message in state.transcript:
        match message:
            case UserMessage(origin="user"):
                ran, changed = False, ""
            case AssistantMessage():
                named = ((call.id, _PATH.search(call.arguments)) for call in message.tool_calls)
                paths |= {call_id: str(json.loads(found[1])) for call_id, found in named if found}
            case ToolMessage():
                around.append(message.text)
                path = paths.get(message.call_id, "")
                if message.name == "Bash":
                    ran = True
                elif message.name in {"Edit", "Write"} and not message.is_error:
                    ran, changed = False, path
                    read.pop(path, None)
                elif message.name == "Read" and not message.is_error:
                    lines = _NUMBERED.findall(message.text)
                    if lines and lines[0][0] == "1":
                        read[path] = "\n".join(text for _, text in lines)
            case _:
                pass
    return Seen(read, "\n".join(around), ran, changed)
