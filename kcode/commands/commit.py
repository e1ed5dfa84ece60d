"""/commit."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from kcode.commands._repository import (
    NAMES,
    Changes,
    asked,
    diff_of_work,
    fenced,
    git,
    has_commits,
    idle_hooks,
    listed,
    look,
    top_path,
)
from kcode.screen.names import escape_name
from kcode.types.command import Command, CommandContext, CommandResult
from kcode.types.errors import ModelError, ToolError
from kcode.types.questions import Option, Question

_PROMPT = 40_000
_NEW_FILE = 2_000
_TRIES = 6
COMMIT, WITHOUT_NEW, CANCEL = "Commit", "Commit without the new files", "Cancel"
_NO = re.compile(r"\W*(no|nope|n|cancel|stop|abort|don'?t|do not|never ?mind)\b.*", re.IGNORECASE | re.DOTALL)
_TASK = """\
Write the message of the commit with the changes below. Answer with the message alone, without quotes or a fence.

Write it as the earlier messages of this repository are written: their language, their prefixes, their case, their \
length, with or without a body. Say what changes and, where it is not plain, why. Invent no issue numbers and add no \
trailers that the earlier messages do not have."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is committed: what is staged, or else what has changed and what is new."""

    changes: Changes
    all_changed: bool

    @property
    def paths(self) -> Sequence[str]:
        return [*self.changes.changed, *self.changes.new] if self.all_changed else self.changes.staged

    @property
    def new(self) -> Sequence[str]:
        return self.changes.new if self.all_changed else ()


async def run(context: CommandContext, arguments: str) -> CommandResult:
    """Commit what is staged, or else everything, under a message that the person has seen."""
    try:
        plan = await _planned(context)
        if arguments.strip():
            return CommandResult(await _make(context, plan, arguments.strip(), with_new=False))
        return CommandResult(await _with_the_models_message(context, plan))
    except ToolError as error:
        return CommandResult(str(error), is_error=True)
    except ModelError as error:
        return CommandResult(
            f"The model could not write the message: {error} Nothing was committed; `/commit MESSAGE` commits under "
            "one of your own.",
            is_error=True,
        )


async def _planned(context: CommandContext) -> _Plan:
    changes = await look(context)
    if changes.conflicts:
        raise ToolError(f"There are conflicts in {listed(changes.conflicts)}. Solve them first.")
    plan = _Plan(changes, all_changed=not changes.staged)
    if not plan.paths:
        raise ToolError(f"There is nothing to commit.{_withheld(changes)}")
    return plan


async def _with_the_models_message(context: CommandContext, plan: _Plan) -> str:
    material = await _material(context, plan)
    wish = ""
    for _ in range(_TRIES):
        message = _clean(await context.complete(f"{_TASK}{wish}\n\n{material}"))
        if not message:
            raise ToolError(
                "The model wrote no message. Nothing was committed; `/commit MESSAGE` takes yours."
            )
        answer = await context.ask(_question(plan, message))
        if answer is None:
            return (
                f"The message would be:\n\n{fenced(message)}\n\nNothing was committed, since nobody could be asked. "
                "`/commit MESSAGE` commits under that message."
            )
        if answer in {COMMIT, WITHOUT_NEW}:
            return await _make(context, plan, message, with_new=answer == COMMIT)
        if answer == CANCEL or _NO.fullmatch(answer):
            return "Nothing was committed."
        wish = f"\n\nThe last one was:\n{message}\n\nThe user wants this changed about it: {answer}"
    return "Nothing was committed."


def _question(plan: _Plan, message: str) -> Question:
    count = "1 file" if len(plan.paths) == 1 else f"{len(plan.paths)} files"
    names = ", ".join(map(escape_name, plan.paths[:10])) + (", ..." if len(plan.paths) > 10 else "")
    options = [Option(COMMIT, f"{count}: {names}")]
    if plan.new and len(plan.new) < len(plan.paths):
        options.append(Option(WITHOUT_NEW, f"leaves out {len(plan.new)} that git does not know yet"))
    options.append(Option(CANCEL))
    return Question(
        text=f"Commit {'everything' if plan.all_changed else 'what is staged'} under this message? "
        f"Or say what to change about it.\n\n{message}",
        options=options,
        header="Commit",
    )


async def _material(context: CommandContext, plan: _Plan) -> str:
    """Gather what the message is written from: earlier messages, and the changes."""
    subjects = await asked(context, "log", "-20", "--no-merges", "--format=%s")
    bodies = await asked(context, "log", "-3", "--no-merges", "--format=%B%x00")
    diff = await (diff_of_work(context) if plan.all_changed else git(context, "diff", "--cached"))
    parts = [
        f"Earlier subjects:\n{subjects or '(none, this is the first commit)'}",
        f"The last messages whole:\n{bodies.replace(chr(0), '---')[:6000]}" if bodies else "",
        f"Files:\n{chr(10).join(map(escape_name, plan.paths[:200]))}",
        f"Changes:\n{diff[:_PROMPT]}" + ("\n[cut]" if len(diff) > _PROMPT else "") if diff.strip() else "",
        *[await _beginning(context, path) for path in plan.new[:10]],
    ]
    return "\n\n".join(filter(None, parts))


async def _beginning(context: CommandContext, path: str) -> str:
    """Show how a new file begins."""
    top = await asked(context, "rev-parse", "--show-toplevel")
    try:
        data = await context.environment.files.read(context.environment.root / top / path, limit=_NEW_FILE)
    except OSError:
        return ""
    return f"New file {escape_name(path)}:\n{data.decode('utf-8', 'replace')}" if b"\0" not in data else ""


def _clean(text: str) -> str:
    """Take off what models put around a message."""
    text = text.strip()
    if match := re.fullmatch(r"```\w*\n(.*?)\n?```", text, re.DOTALL):
        text = match[1].strip()
    text = re.sub(r"^(commit message|message)\s*:\s*", "", text, flags=re.IGNORECASE)
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'`" and "\n" not in text:
        text = text[1:-1]
    return text.replace("\0", "").strip()


async def _make(context: CommandContext, plan: _Plan, message: str, *, with_new: bool) -> str:
    if plan.all_changed:
        new = plan.new if with_new else ()
        if not new and not plan.changes.changed:
            raise ToolError(
                f"Only new files are there: {listed(plan.new)}. Stage those that you want with `git add`."
            )
        if plan.changes.changed:
            await git(context, "add", "--update", "--", ":/")
        for start in range(0, len(new), 200):
            await git(context, "add", "--", *map(top_path, new[start : start + 200]))
    before = (
        await asked(context, "rev-parse", "--verify", "--quiet", "HEAD") if await has_commits(context) else ""
    )
    await git(context, "commit", "--quiet", f"--message={message}")
    after = await asked(context, "rev-parse", "--short", "HEAD")
    stat = await asked(context, "show", "--shortstat", "--format=", "HEAD")
    notes = [f"Committed {after}:{stat or ' no changes'}.", fenced(message)]
    left = () if with_new else plan.new
    notes += [f"Left out, new: {listed(left)}."] if left else []
    notes += [_withheld(plan.changes).strip()] if plan.changes.withheld and plan.all_changed else []
    if hooks := await idle_hooks(context):
        notes.append(
            f"kcode starts no hooks: {', '.join(hooks)} did not run. `git commit --amend` in a shell runs them."
        )
    notes.append(
        "`/undo-commit` takes it back." if before else "`/undo-commit` takes this first commit back."
    )
    return "\n\n".join(notes)


def _withheld(changes: Changes) -> str:
    if not changes.withheld:
        return ""
    named = ", ".join(
        f"`{escape_name(path)}` ({why})" for path, why in list(changes.withheld.items())[:NAMES]
    )
    return f" Left out: {named}."


COMMAND = Command(
    name="commit",
    description="commits what is staged, or else everything, under a message in the repository's style",
    run=run,
    hint="[message]",
)
