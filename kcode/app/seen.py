"""What a model knows and did so far in a turn, as far as its transcript tells."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kcode.types.messages import AssistantMessage, Message, ToolMessage, UserMessage

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
        failed: what the last command said, if it failed; until a file is changed, and the person speaks.
    """

    read: Mapping[str, str] = field(default_factory=dict[str, str])
    around: str = ""
    ran: bool = False
    changed: str = ""
    failed: str = ""

    def text_of(self, name: str) -> str | None:
        """What a file holds that was read, however its path was written; None for any other."""
        return next(
            (text for path, text in self.read.items() if path == name or path.endswith(f"/{name}")), None
        )


def what_was_seen(system: str, messages: Iterable[Message]) -> Seen:
    """Read it off what was said, from the system prompt on."""
    paths: dict[str, str] = {}
    read: dict[str, str] = {}
    around = [system]
    ran, changed, failed = False, "", ""
    for message in messages:
        match message:
            case UserMessage(origin="user"):
                ran, changed, failed = False, "", ""
            case AssistantMessage():
                named = ((call.id, _PATH.search(call.arguments)) for call in message.tool_calls)
                paths |= {call_id: str(json.loads(found[1])) for call_id, found in named if found}
            case ToolMessage():
                around.append(message.text)
                path = paths.get(message.call_id, "")
                if message.name == "Bash":
                    ran, failed = True, message.text if message.is_error else ""
                elif message.name in {"Edit", "Write"} and not message.is_error:
                    ran, changed, failed = False, path, ""
                    read.pop(path, None)
                elif message.name == "Read" and not message.is_error:
                    lines = _NUMBERED.findall(message.text)
                    if lines and lines[0][0] == "1":
                        read[path] = "\n".join(text for _, text in lines)
            case _:
                pass
    return Seen(read, "\n".join(around), ran, changed, failed)
