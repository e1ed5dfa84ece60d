"""Write a whole file."""

import hashlib

from pydantic import BaseModel

from kcode import registry
from kcode.editing.endings import adopt, open_text
from kcode.editing.placeholders import left_out
from kcode.tools._change import change
from kcode.tools._code import syntax_note
from kcode.tools._paths import path_needs, path_rule
from kcode.tools._target import Target, file_change, load, store
from kcode.tools._text import split_lines
from kcode.types.errors import ToolError
from kcode.types.events import FileSeen
from kcode.types.messages import Repair
from kcode.types.tool import (
    Access,
    Invocation,
    PrepareContext,
    Tool,
    ToolContext,
    ToolOutput,
    text_output,
)


class Write(BaseModel):
    """Arguments of Write."""

    file_path: str
    content: str


async def prepare(args: Write, context: PrepareContext) -> Invocation:
    """Look what is there and show what would change."""
    place = await context.environment.resolve(args.file_path, must_exist=False)
    first = await load(context.environment.files, place, context.state)
    text = _text(first, args.content)
    made = change(first.text, text, place.shown)

    async def run(context: ToolContext) -> ToolOutput:
        target = await load(context.environment.files, place, context.state)
        text = _text(target, args.content)
        repairs = [place.repair] if place.repair else []
        if text != args.content:
            repairs.append(Repair(place="meaning", kind="line_endings", detail=place.shown))
        return await _write(context, target, text, tuple(repairs))

    return Invocation(
        kind="edit",
        title=f"{'Write' if first.exists else 'Create'} {place.shown}",
        # Rules for changing files are spelled Edit(...), whichever tool changes them.
        rule=path_rule("Edit", place),
        needs=path_needs("edit", place),
        run=run,
        access=Access(writes=frozenset({place.real})),
        paths=(place.path,),
        diff=made.diff,
    )


def _text(target: Target, content: str) -> str:
    """Return what is to be written; raises ToolError where that would lose what the model does not know."""
    shown = target.place.shown
    if target.text == "":
        return content
    if target.seen is None:
        lines = len(split_lines(open_text(target.text).view))
        raise ToolError(
            f"{shown} exists ({lines} lines) and you have not read it in this conversation, so it was not replaced. "
            "Read it first; or change a part of it with Edit."
        )
    if target.stale:
        raise ToolError(
            f"{shown} changed since you read it, so it was not replaced. Read it again, then write."
        )
    marker = left_out(split_lines(open_text(target.text).view), content.split("\n"))
    if marker is not None:
        raise ToolError(
            f"The content leaves out a part of the file ({marker.strip()!r}), so it was not replaced. "
            "Write the whole file, or change a part of it with Edit."
        )
    return adopt(content, target.text)


async def _write(context: ToolContext, target: Target, text: str, repairs: tuple[Repair, ...]) -> ToolOutput:
    place = target.place
    data = target.encode(text)
    seen = FileSeen(
        path=str(place.real), sha256=hashlib.sha256(data).hexdigest(), end=len(split_lines(text)), whole=True
    )
    if target.exists and seen.sha256 == target.sha256:
        return text_output(
            f"{place.shown} has exactly this content already; nothing was written. Go on with what comes next.",
            seen=(seen,),
            repairs=repairs,
        )
    await store(context.environment, target, data)
    made = change(target.text, text, place.shown)
    what = f"Replaced {place.shown}" if target.exists else f"Created {place.shown}"
    note = await syntax_note(context.environment, place, target.text, text, made.spans)
    return text_output(
        "\n".join(filter(None, (f"{what} (+{made.added} -{made.removed} lines).", note))),
        changes=(file_change(target, data, made),),
        seen=(seen,),
        repairs=repairs,
    )


TOOL = Tool(
    name="Write",
    description=registry.text("kcode.tools", "write.md"),
    args=Write,
    prepare=prepare,
    core=True,
    order=20,
    summary=lambda arguments: f"Write {arguments.get('file_path', '')}",
)
