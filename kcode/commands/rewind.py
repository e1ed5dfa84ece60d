"""/rewind."""

import time
from collections.abc import Sequence
from typing import Literal, TypeAlias

from kcode.types.command import Command, CommandContext, CommandResult, RewindPoint, Rewound
from kcode.types.errors import SessionError
from kcode.types.questions import Option, Question

What: TypeAlias = Literal["both", "conversation", "files"]
WHAT: dict[str, What] = {
    "Conversation and files": "both",
    "Conversation only": "conversation",
    "Files only": "files",
}
LEAVE = "Leave everything as it is"
REDO = "Redo"
SHOWN = 50
FILES = 3
WIDTH = 70
LISTED = 20
USAGE = (
    "`/rewind NUMBER [both|conversation|files]` goes back to before a prompt; `/rewind redo` takes that back."
)


async def run(context: CommandContext, arguments: str) -> CommandResult:
    """Go back to before a prompt."""
    words = arguments.split()
    try:
        if words[:1] == ["redo"]:
            return await _redo(context)
        points = await context.rewind_points()
        if not points:
            return CommandResult("There is nothing to go back to yet.")
        number = await _number(context, points, words)
        if number is None:
            return CommandResult(_listing(points))
        if number == 0:
            return await _redo(context)
        what = await _what(context, number, words)
        if what is None:
            return CommandResult("Nothing was changed.")
        done = await context.rewind(number, conversation=what != "files", files=what != "conversation")
    except SessionError as error:
        return CommandResult(str(error), is_error=True)
    return CommandResult(_told(done, what), draft=done.draft)


async def _number(context: CommandContext, points: Sequence[RewindPoint], words: Sequence[str]) -> int | None:
    """Return the chosen prompt, 0 for redo, None where nothing was chosen."""
    if words:
        if not words[0].isdecimal():
            raise SessionError(f"{words[0]!r} is no prompt's number. {USAGE}")
        return int(words[0])
    newest = list(reversed(points))[:SHOWN]
    options = [Option(f"#{point.number} {_short(point.text)}", _changes(point)) for point in newest]
    if context.redoable:
        options.append(Option(REDO, "take the last going back back"))
    question = Question("Go back to before which prompt?", options, header="Rewind", closed=True)
    answer = await context.ask(question)
    first = (answer or "").strip().partition(" ")[0].lstrip("#").rstrip(".")
    if first == REDO:
        return 0
    return int(first) if first.isdecimal() else None


async def _what(context: CommandContext, number: int, words: Sequence[str]) -> What | None:
    if len(words) > 1:
        known: dict[str, What] = {what: what for what in WHAT.values()}
        if words[1] not in known:
            raise SessionError(f"{words[1]!r} is none of both, conversation, files. {USAGE}")
        return known[words[1]]
    if words:
        return "both"
    ahead = await context.rewind(number, conversation=True, files=True, look=True)
    text = "\n".join(["What is to be restored?", *_preview(ahead)])
    options = [*(Option(label) for label in WHAT), Option(LEAVE)]
    answer = await context.ask(Question(text, options, header="Rewind", closed=True))
    return WHAT.get(answer or "")


async def _redo(context: CommandContext) -> CommandResult:
    done = await context.redo()
    if done is None:
        return CommandResult(
            "There is nothing to redo: only the last going back can be taken back, until the next prompt."
        )
    return CommandResult(_told(done, "both" if done.conversation else "files"))


def _preview(ahead: Rewound) -> list[str]:
    lines: list[str] = []
    if ahead.restored:
        lines.append(f"Files that would be put back: {_names(ahead.restored)}")
    lines += [f"Stays as it is: {name} ({reason})" for name, reason in ahead.kept[:LISTED]]
    if not ahead.restored and not ahead.kept:
        lines.append("No file changed since.")
    return [*lines, *ahead.notes]


def _told(done: Rewound, what: What) -> str:
    parts: list[str] = []
    if what != "files":
        parts.append(
            "The conversation is as it was then." if done.draft else "The conversation is whole again."
        )
    if what != "conversation":
        count = len(done.restored)
        parts.append(
            f"{count} file{'' if count == 1 else 's'} put back: {_names(done.restored)}."
            if count
            else "No file had to be put back."
        )
    lines = [" ".join(parts)]
    lines += [f"- left alone: `{name}`: {reason}" for name, reason in done.kept[:LISTED]]
    if len(done.kept) > LISTED:
        lines.append(f"- and {len(done.kept) - LISTED} more were left alone")
    lines += [f"- {note}" for note in done.notes]
    return "\n".join(lines)


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def _listing(points: Sequence[RewindPoint]) -> str:
    lines = [
        f"- {p.number}. {time.strftime('%H:%M', time.localtime(p.at))} {_short(p.text)}"
        + (f" ({changes})" if (changes := _changes(p)) else "")
        for p in points
    ]
    return "\n".join(["Nothing was changed. Prompts of this conversation:", "", *lines, "", USAGE])


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"


def _changes(point: RewindPoint) -> str:
    named = [f"{name} +{added} -{removed}" for name, added, removed in point.files[:FILES]]
    more = len(point.files) - len(named) + point.more
    return ", ".join([*named, *([f"{more} more"] if more else [])]) or "no file changed"


COMMAND = Command(
    name="rewind",
    description="goes back to before a prompt: the conversation, the files, or both",
    run=run,
    hint="[number [both|conversation|files] | redo]",
    aliases=("undo",),
)
