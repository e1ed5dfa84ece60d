"""Replacing the head of a conversation by a summary."""

from collections.abc import Sequence

from kcode.context.tokens import TokenCount
from kcode.context.trim import tail_start
from kcode.types.messages import AssistantMessage, Message, ToolMessage, UserMessage
from kcode.types.state import State

KEEP_USER = 20_000
"""Tokens of the user's own messages that stay verbatim."""

INSTRUCTION = """\
The room for this conversation is running out: everything above will be replaced by what you write now. Write a \
handoff note to yourself, in the user's language, in the first person, so that you can go on without asking \
again. Cover:
1. what the user wants, with every instruction and constraint that still holds;
2. what has been done: files changed and how, commands run and their results, exact paths and names;
3. what was found out, and what is only assumed;
4. what is in progress, what failed last, and the next steps in order.
Do not call tools. Write only the note."""


def head_end(state: State, steps: int) -> int:
    """Return the position before which messages may be summarised: never between a call and its results."""
    end = tail_start(state.transcript, steps)
    while end < len(state.transcript) and isinstance(state.transcript[end], ToolMessage):
        end += 1
    return end


def kept_users(state: State, end: int, count: TokenCount) -> tuple[int, ...]:
    """Choose the user's own messages that stay: the first one, and the newest within the budget."""
    positions = [
        i
        for i, message in enumerate(state.transcript[:end])
        if isinstance(message, UserMessage) and message.origin == "user"
    ]
    room = KEEP_USER
    kept: list[int] = positions[:1]
    room -= count.of([state.transcript[i] for i in kept])
    for position in reversed(positions[1:]):
        room -= count.one(state.transcript[position])
        if room < 0:
            break
        kept.append(position)
    return tuple(sorted(kept))


def without_model(messages: Sequence[Message]) -> str:
    """Write a bare note from the record itself, for when no model can write one."""
    lines = ["(Written without the model: a list of what was done.)"]
    for message in messages:
        if isinstance(message, AssistantMessage):
            if message.text.strip():
                lines.append(f"- said: {' '.join(message.text.split())[:200]}")
            lines.extend(
                f"- called {c.name} {' '.join(c.arguments.split())[:160]}" for c in message.tool_calls
            )
        elif isinstance(message, ToolMessage) and message.is_error:
            lines.append(f"  failed: {' '.join(message.text.split())[:200]}")
    if len(lines) > 200:
        lines = [*lines[:40], f"... {len(lines) - 160} more ...", *lines[-120:]]
    return "\n".join(lines)
