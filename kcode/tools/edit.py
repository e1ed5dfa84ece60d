"""Replace text in a file."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, Field

from kcode import registry
from kcode.editing.encoding import readable
from kcode.editing.endings import open_text
from kcode.editing.ladder import edit_all
from kcode.editing.outcome import Edit as Wanted
from kcode.editing.outcome import EditRefused, Outcomes
from kcode.tools._again import RUNGS, TEXT_DIFFERS, fresh_region, refused_before
from kcode.tools._change import AROUND, Change, change
from kcode.tools._code import syntax_note
from kcode.tools._paths import path_needs, path_rule
from kcode.tools._target import Target, file_change, load, store
from kcode.tools._text import numbered, split_lines
from kcode.types.environment import ResolvedPath
from kcode.types.errors import ToolError
from kcode.types.events import FileSeen
from kcode.types.messages import Repair
from kcode.types.state import State
from kcode.types.tool import (
    Access,
    Invocation,
    PrepareContext,
    Tool,
    ToolContext,
    ToolOutput,
    text_output,
)


class OneEdit(BaseModel):
    """One of several replacements."""

    old_string: str
    new_string: str
    replace_all: bool = False


class Edit(BaseModel):
    """Arguments of Edit."""

    file_path: str
    old_string: str = ""
    new_string: str = ""
    replace_all: bool = Field(default=False, description="Every exact occurrence")
    edits: list[OneEdit] = Field(default=[], description="Several, made in turn")


@dataclass(frozen=True, slots=True)
class _Plan:
    target: Target
    data: bytes
    outcomes: Outcomes
    made: Change


async def prepare(args: Edit, context: PrepareContext) -> Invocation:
    """Find the place and show what would change."""
    wanted = _wanted(args)
    place = await context.environment.resolve(args.file_path, must_exist=not _creates(wanted))
    found = await load(context.environment.files, place, context.state)
    unread = found.exists and found.seen is None
    try:
        first = _planned(found, wanted, context.state)
    except ToolError as refusal:
        if unread:
            return _refusing(place, refusal)
        raise

    async def run(context: ToolContext) -> ToolOutput:
        target = await load(context.environment.files, place, context.state)
        # An earlier call of the same response may have changed the file: what counts is what is there now.
        same = (target.sha256, target.seen) == (first.target.sha256, first.target.seen)
        plan = first if same else _planned(target, wanted, context.state)
        await store(context.environment, plan.target, plan.data)
        before, after = plan.target.text, plan.outcomes.text
        note = await syntax_note(context.environment, place, before, after, plan.made.spans)
        return _output(plan, note)

    return Invocation(
        kind="edit",
        title=f"Edit {place.shown}",
        rule=path_rule("Edit", place),
        # That old_string fits tells of the content too, so leave to read comes first.
        needs=(*(path_needs("read", place) if unread else ()), *path_needs("edit", place)),
        run=run,
        access=Access(writes=frozenset({place.real})),
        paths=(place.path,),
        diff=first.made.diff,
    )


def _wanted(args: Edit) -> Sequence[Wanted]:
    single = Wanted(args.old_string, args.new_string, args.replace_all)
    several = [Wanted(e.old_string, e.new_string, e.replace_all) for e in args.edits]
    if not several:
        return [single]
    # Some models fill in both; then the single one is the first, or a copy of it.
    return several if single.old == single.new or single in several else [single, *several]


def _creates(wanted: Sequence[Wanted]) -> bool:
    return len(wanted) == 1 and not wanted[0].old and bool(wanted[0].new)


def _refusing(place: ResolvedPath, refusal: ToolError) -> Invocation:
    """Return a call that only says why the edit does not fit.

    The words show lines of the file, which the model has not read yet: it needs leave to read it.
    """

    async def run(_: ToolContext) -> ToolOutput:
        raise refusal

    return Invocation(
        kind="read",
        title=f"Edit {place.shown}",
        rule=path_rule("Read", place),
        needs=path_needs("read", place),
        run=run,
        access=Access(reads=frozenset({place.real})),
        side_effects=False,
        paths=(place.path,),
    )


def _planned(target: Target, wanted: Sequence[Wanted], state: State) -> _Plan:
    place, text = target.place, target.text
    if not target.exists and not _creates(wanted):
        raise ToolError(f"{place.shown} does not exist (any more). To make it, use Write.")
    try:
        outcomes = edit_all(text, wanted)
    except EditRefused as refusal:
        start = f"{place.shown} changed since you read it." if target.stale else f"{place.shown}:"
        again = refused_before(state, place) if refusal.reason in TEXT_DIFFERS else False
        fresh = fresh_region(target, refusal.lines) if again else ""
        raise ToolError(readable(f"{start} {refusal}") + fresh) from refusal
    if target.stale and any(one.rung != "exact" for one in outcomes.each):
        raise ToolError(_stale(target, outcomes))
    data = target.encode(outcomes.text)
    return _Plan(target, data, outcomes, change(text, outcomes.text, place.shown))


def _stale(target: Target, outcomes: Outcomes) -> str:
    lines = split_lines(open_text(target.text).view)
    span = next(one.before[0] for one in outcomes.each if one.rung != "exact")
    first = max(min(span.first, len(lines)) - AROUND, 1)
    return (
        f"{target.place.shown} changed since you read it, and old_string is not exactly what stands there now, so "
        "nothing was changed. Repeat the edit with the lines as they are:\n"
        f"{numbered(lines[first - 1 : span.last + AROUND], first)}"
    )


def _output(plan: _Plan, note: str) -> ToolOutput:
    target, made = plan.target, plan.made
    shown = target.place.shown
    what = f"Edited {shown}" if target.exists else f"Created {shown}"
    rungs = dict.fromkeys(RUNGS[one.rung] for one in plan.outcomes.each if one.rung in RUNGS)
    notes = [*rungs, *(note for one in plan.outcomes.each for note in one.adapted)]
    head = f"{what} (+{made.added} -{made.removed} lines)." + (f" Note: {'; '.join(notes)}." if notes else "")
    repairs = [
        Repair(place="meaning", kind=f"edit_{one.rung}", detail="; ".join(one.adapted))
        for one in plan.outcomes.each
        if one.rung != "exact" or one.adapted
    ]
    if target.place.repair:
        repairs.insert(0, target.place.repair)
    changed = file_change(target, plan.data, made)
    return text_output(
        "\n".join(filter(None, (head, made.region, note))),
        changes=(changed,),
        seen=(_seen(plan),),
        repairs=tuple(repairs),
    )


def _seen(plan: _Plan) -> FileSeen:
    target, made = plan.target, plan.made
    knew_all = not target.exists or (target.seen is not None and target.seen.whole and not target.stale)
    first, last = (
        (made.spans[0][0], made.spans[-1][1]) if made.spans and not knew_all else (1, len(made.lines))
    )
    sha256 = hashlib.sha256(plan.data).hexdigest()
    return FileSeen(path=str(target.place.real), sha256=sha256, start=first, end=last, whole=knew_all)


TOOL = Tool(
    name="Edit",
    description=registry.text("kcode.tools", "edit.md"),
    args=Edit,
    prepare=prepare,
    core=True,
    order=30,
    summary=lambda arguments: f"Edit {arguments.get('file_path', '')}",
)
