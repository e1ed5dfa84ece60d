"""What kcode itself puts down of a conversation: exact, and never through the model.

It stands below every summary, so that nothing depends on what a summary forgot.
"""

import json
import re
from collections.abc import Iterable, Sequence

from kcode.context import tokens
from kcode.types.messages import AssistantMessage, Message, ToolCall, ToolMessage, UserMessage
from kcode.types.state import CallRecord, State

_SHELL = "Bash"
_MARKS = {"completed": "x", "in_progress": ">", "pending": " "}
_NAMED = re.compile(
    r"https?://[^\s<>\"'`)\]]+"  # addresses
    r"|(?<![\w/.~-])(?:~|\.{1,2})?/?(?:[\w@+-][\w.@+-]*/)+[\w.@+-]*\w"  # paths with a slash
    r"|(?<![\w/.])[\w-]+\.(?:[a-z]{1,4}\d?|json|yaml|toml|lock)\b(?!\()"  # file names
    r"|(?<!\w)#\d+\b"  # issues
    r"|\b[A-Z][A-Z0-9]+-\d+\b"  # tickets
    r"|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"  # UUIDs
    r"|\b(?=[0-9a-f]*\d)(?=\d*[a-f])[0-9a-f]{7,40}\b"  # commits
    r"|`[^`\n]{2,80}`"  # what the user quoted as code
)
_LOOKED_AT = 40_000
"""Characters of one message in which names are looked for."""


class Ledger:
    """Writes the ledger; each message of the user is searched for names once."""

    def __init__(self) -> None:
        self._named: dict[int, tuple[UserMessage, tuple[str, ...]]] = {}

    def write(self, state: State, upto: int, keep: Iterable[int], room: int) -> str:
        """Put down what matters of the messages before `upto`, within about `room` tokens.

        Args:
            state: the conversation.
            upto: the messages before this are replaced.
            keep: positions of messages that stay verbatim.
            room: tokens.
        """
        head = state.transcript[:upto]
        kept = set(keep)
        sections = [
            ("Todo list", [f"[{_MARKS[t.status]}] {t.content}" for t in state.todos], 0.4),
            ("The plan that was agreed on", _plan(head), 0.3),
            ("Commands that failed when they last ran", _failures(state, head), 0.25),
            ("Files changed", _changed(state), 0.4),
            ("Named by the user in messages that are no longer shown", self._names(head, kept), 0.3),
            ("Skills loaded", _skills(head), 0.2),
            ("Files read", _read(state), 1.0),
        ]
        blocks: list[str] = []
        left = room
        for title, lines, share in sections:
            block = _block(title, lines, min(left, int(room * share)))
            if block:
                blocks.append(block)
                left -= tokens.of_text(block)
        return "\n".join(blocks)

    def _names(self, head: Sequence[Message], kept: set[int]) -> list[str]:
        found: dict[str, None] = {}
        for position, message in enumerate(head):
            if isinstance(message, UserMessage) and message.origin == "user" and position not in kept:
                for name in self._of(message):
                    found.pop(name, None)
                    found[name] = None
        return list(reversed(found))

    def _of(self, message: UserMessage) -> tuple[str, ...]:
        known = self._named.get(id(message))
        if known is None or known[0] is not message:
            names = dict.fromkeys(_NAMED.findall(message.text[:_LOOKED_AT]))
            known = self._named[id(message)] = (message, tuple(names))
        return known[1]


def _block(title: str, lines: Sequence[str], room: int) -> str:
    """Write a section, the first lines of it where it is too long."""
    room -= tokens.of_text(title) + 8
    chosen: list[str] = []
    for line in lines:
        entry = f"- {line}"
        room -= tokens.of_text(entry) + 1
        if room < 0:
            break
        chosen.append(entry)
    if not chosen:
        return ""
    left = len(lines) - len(chosen)
    more = [f"- and {left} more"] if left else []
    return "\n".join([f"{title}:", *chosen, *more])


def _failures(state: State, head: Sequence[Message]) -> list[str]:
    """The commands whose last run failed, the newest first, with the end of what they said."""
    last: dict[str, tuple[str, CallRecord]] = {}
    for call_id, record in state.calls.items():
        if record.name == _SHELL:
            last.pop(record.title, None)
            last[record.title] = (call_id, record)
    failed = [(title, call) for title, (call, record) in last.items() if record.status == "failed"][-8:]
    wanted = {call for _, call in failed}
    said = {m.call_id: m.text for m in head if isinstance(m, ToolMessage) and m.call_id in wanted}
    return [f"`{_line(title, 200)}`: {_end(said.get(call, ''))}" for title, call in reversed(failed)]


def _changed(state: State) -> list[str]:
    files: dict[str, tuple[int, int, str | None]] = {}
    for record in state.calls.values():
        for change in record.changed:
            added, removed, _ = files.pop(change.path, (0, 0, None))
            files[change.path] = (added + change.added, removed + change.removed, change.after)
    return [
        f"{path} (+{added} -{removed}; {f'sha256 {after[:12]}' if after else 'deleted'})"
        for path, (added, removed, after) in reversed(files.items())
    ]


def _read(state: State) -> list[str]:
    lines: list[str] = []
    for seen in reversed(list(state.seen.values())):
        span = "whole" if seen.whole else f"lines {seen.start}-{seen.end}"
        lines.append(f"{seen.path} ({span}; sha256 {seen.sha256[:12]})")
    return lines


def _plan(head: Sequence[Message]) -> list[str]:
    """The last plan that was handed in, as it was written."""
    for call in _calls(head, "ExitPlanMode"):
        plan = _argument(call, "plan")
        if plan:
            return plan.splitlines()
    return []


def _skills(head: Sequence[Message]) -> list[str]:
    names = [_argument(call, "skill") or _argument(call, "name") for call in _calls(head, "Skill")]
    return [name for name in dict.fromkeys(names) if name]


def _calls(head: Sequence[Message], tool: str) -> Iterable[ToolCall]:
    """The calls of a tool, the newest first."""
    for message in reversed(head):
        if isinstance(message, AssistantMessage):
            yield from (call for call in reversed(message.tool_calls) if call.name == tool)


def _argument(call: ToolCall, name: str) -> str:
    try:
        arguments: object = json.loads(call.arguments)
    except ValueError:
        return ""
    value: object = arguments.get(name) if isinstance(arguments, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return value if isinstance(value, str) else ""


def _line(text: str, length: int) -> str:
    joined = " ".join(text.split())
    return joined if len(joined) <= length else joined[: length - 3] + "..."


def _end(text: str) -> str:
    """The last words of an output, where errors stand."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return _line(" / ".join(lines[-3:]), 240) or "no output"
