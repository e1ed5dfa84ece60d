"""Replacing the head of a conversation by a summary."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from kcode.context import tokens
from kcode.context.budget import Budget
from kcode.context.exchanges import exchange, tail_start
from kcode.context.ledger import Ledger
from kcode.context.tokens import TokenCount
from kcode.context.trim import touched
from kcode.types.events import FileSeen
from kcode.types.messages import AssistantMessage, Message, TextPart, ToolCall, ToolMessage, UserMessage
from kcode.types.state import State

INSTRUCTION = """\
The room for this conversation is running out: everything above will be replaced by what you write now. Write a \
handoff note to yourself, in the language that the user writes, in the first person, so that you can go on without \
asking again. Cover:
1. what the user wants, with every instruction and constraint that still holds, in the user's words;
2. what has been done: files changed and how, commands run and their results, exact paths, names and values;
3. what was found out, and what is only assumed and not yet checked;
4. what is in progress, what failed last and why, and the next steps in order.
An exact list of the todo items, of the files read and changed and of failed commands is kept beside your note; do not \
copy it. Do not call tools. Write only the note."""

_FALLBACK_LINES = 120


@dataclass(frozen=True, slots=True)
class View:
    """A file as a read shows it now."""

    text: str
    seen: FileSeen


ReadView: TypeAlias = Callable[[str], Awaitable[View | None]]
"""Reads a file again by its absolute path, as the model would see it; None where that cannot be."""


def head_end(state: State, room: Budget, count: TokenCount) -> int:
    """Return the position before which messages are summarised: the last steps stay."""
    start = state.compacted.upto if state.compacted else 0
    end = tail_start(state.transcript, room.steps, count=count, room=room.tail)
    return end if end > start else tail_start(state.transcript, 1)


def kept(state: State, end: int, room: Budget) -> tuple[int, ...]:
    """Choose what stays verbatim before `end`.

    The instruction files, the first and the newest messages of the user within the budget, and what was pinned,
    with the whole exchange around it.
    """
    users: list[int] = []
    positions: set[int] = set()
    for position, message in enumerate(state.transcript[:end]):
        match message:
            case UserMessage(origin="memory"):
                positions.add(position)
            case UserMessage(origin="user"):
                users.append(position)
            case ToolMessage() if message.call_id in state.pinned:
                positions.update(exchange(state.transcript, position))
            case _:
                pass
    left = room.user
    for order, position in enumerate([*users[:1], *reversed(users[1:])]):
        left -= _size(state, position)
        if left < 0 and order:
            break
        positions.add(position)
    return tuple(sorted(positions))


def _size(state: State, position: int) -> int:
    """Estimate the words of a message of the user; its pictures become notes."""
    message = state.transcript[position]
    text = message.text if isinstance(message, UserMessage) else ""
    return tokens.PER_MESSAGE + tokens.of_text(state.shortened.get(position, text))


def note_without_model(messages: Sequence[Message]) -> str:
    """Write a bare note from the record itself, for when no model can write one."""
    lines: list[str] = []
    for message in messages:
        if isinstance(message, AssistantMessage):
            if message.text.strip():
                lines.append(f"- said: {' '.join(message.text.split())[:200]}")
            lines.extend(
                f"- called {c.name} {' '.join(c.arguments.split())[:120]}" for c in message.tool_calls
            )
        elif isinstance(message, ToolMessage) and message.is_error:
            lines.append(f"  failed: {' '.join(message.text.split())[:160]}")
    if len(lines) > _FALLBACK_LINES:
        left = len(lines) - _FALLBACK_LINES
        third = _FALLBACK_LINES // 3
        lines = [*lines[:third], f"... {left} more lines ...", *lines[-2 * third :]]
    return "\n".join(["(Written without the model: a list of what was done.)", *lines])


async def attached(
    state: State, end: int, keep: Sequence[int], room: int, read: ReadView
) -> tuple[tuple[Message, ...], tuple[FileSeen, ...]]:
    """Show the newest views of the files in work again, where they go with the head.

    At most `room` tokens of them. They are written as calls with results, the way the model knows them; a
    call's id names the position at which it was made, so that none comes twice.
    """
    visible = _visible(state, end, keep)
    left = room
    chosen: list[View] = []
    for path in reversed(touched(state)):
        if path in visible or left <= 0 or len(chosen) >= 12:
            continue
        view = await read(path)
        if view is None or (size := tokens.of_text(view.text)) > left:
            continue
        left -= size + 40
        chosen.append(view)
    chosen.reverse()
    if not chosen:
        return (), ()
    calls = [
        ToolCall(id=f"view_{len(state.transcript)}_{i}", name="Read", arguments=_arguments(view.seen.path))
        for i, view in enumerate(chosen)
    ]
    results = [
        ToolMessage(call_id=call.id, name="Read", parts=(TextPart(text=view.text),))
        for call, view in zip(calls, chosen, strict=True)
    ]
    asked = AssistantMessage(
        parts=(TextPart(text="I look again at the files in work."), *calls), finish="tool_calls"
    )
    return (asked, *results), tuple(view.seen for view in chosen)


def _arguments(path: str) -> str:
    import json  # noqa: PLC0415 - needed after a compaction only

    return json.dumps({"file_path": path}, ensure_ascii=False)


def _visible(state: State, end: int, keep: Sequence[int]) -> frozenset[str]:
    """The files of which a view stays in sight."""
    found: set[str] = set()
    for position in (*keep, *range(end, len(state.transcript))):
        message = state.transcript[position]
        if isinstance(message, ToolMessage) and message.call_id not in state.hidden:
            record = state.calls.get(message.call_id)
            if record and not record.changed:
                found.update(seen.path for seen in record.seen if seen.whole)
    return frozenset(found)


def transcript_views(state: State) -> ReadView:
    """Take views from the transcript instead of the disk: the newest one of a file that has not changed since."""
    messages: dict[str, tuple[str, FileSeen]] = {}
    for message in state.transcript:
        if isinstance(message, ToolMessage):
            record = state.calls.get(message.call_id)
            for seen in record.seen if record and not record.changed else ():
                messages[seen.path] = (message.text, seen)

    async def read(path: str) -> View | None:
        text, seen = messages.get(path, ("", None))
        known = state.seen.get(path)
        return View(text, seen) if seen and known and known.sha256 == seen.sha256 else None

    return read


def ask_message(focus: str) -> UserMessage:
    """Write the request for a summary."""
    text = INSTRUCTION + (f"\nThe user asks you to keep above all: {focus}" if focus else "")
    return UserMessage(parts=(TextPart(text=text),), origin="harness")


__all__ = [
    "INSTRUCTION",
    "Ledger",
    "ReadView",
    "View",
    "ask_message",
    "attached",
    "head_end",
    "kept",
    "note_without_model",
    "transcript_views",
]
