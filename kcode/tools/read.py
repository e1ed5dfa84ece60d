"""Read a file."""

import asyncio
import hashlib
from collections.abc import Mapping

from pydantic import BaseModel, Field

from kcode import registry
from kcode.editing.encoding import Decoded, EncodingRefusedError
from kcode.editing.endings import open_text
from kcode.screen.names import escape_name
from kcode.tools._code import outline_text
from kcode.tools._documents import notebook_text, pdf_text
from kcode.tools._image import image_part, media_type
from kcode.tools._paths import confirm, explain, path_needs, path_rule, spelled
from kcode.tools._text import binary_kind, decode_text, split_lines
from kcode.tools._window import LINES, stream_window, window
from kcode.types.environment import Environment, Files, FileStat, ResolvedPath
from kcode.types.errors import ToolError
from kcode.types.events import FileSeen
from kcode.types.messages import Repair, TextPart
from kcode.types.tool import (
    Access,
    Invocation,
    PrepareContext,
    Tool,
    ToolContext,
    ToolOutput,
    text_output,
)

LARGE = 8 << 20
"""Bytes from which on a file is not held as a whole."""
LARGEST_DOCUMENT = 64 << 20
ENTRIES = 1000
WORTH_AN_OUTLINE = 120
"""Lines from which on what was read is kept in a short form too, for when it is no longer shown."""


class Read(BaseModel):
    """Arguments of Read."""

    file_path: str
    offset: int = Field(1, description="First line, from 1; negative counts from the end")
    limit: int = Field(LINES, description="How many lines")


async def prepare(args: Read, context: PrepareContext) -> Invocation:
    """Find the file."""
    place = await context.environment.resolve(args.file_path)
    offset = args.offset or 1
    limit = args.limit if args.limit > 0 else LINES
    partly = (offset, limit) != (1, LINES)

    async def run(context: ToolContext) -> ToolOutput:
        await confirm(context.environment, place)
        return await _read(context.environment, place, offset, limit)

    return Invocation(
        kind="read",
        title=f"Read {place.shown}" + (f" (from line {offset}, {limit} lines)" if partly else ""),
        rule=path_rule("Read", place),
        needs=path_needs("read", place),
        run=run,
        access=Access(reads=frozenset({place.real})),
        side_effects=False,
        paths=(place.path,),
    )


async def _read(environment: Environment, place: ResolvedPath, offset: int, limit: int) -> ToolOutput:
    files = environment.files
    repairs = (place.repair,) if place.repair else ()
    try:
        found = await files.stat(place.real)
        if found.kind == "directory":
            return text_output(await _listing(files, place), repairs=repairs)
        _refuse(found, place)
        head = await files.read(place.real, limit=512)
        if head.startswith(b"%PDF-"):
            return await _pdf(files, place, found, offset, limit)
        kind = media_type(head, place.path.suffix.lower())
        if kind:
            return await _image(files, place, found, kind)
        if found.size >= LARGE:
            shown = await stream_window(files, place.real, offset, limit)
            return text_output(spelled(place, shown.text), repairs=repairs)
        return await _text(environment, place, offset, limit)
    except OSError as error:
        raise ToolError(explain(error, place, "read")) from error


def _refuse(found: FileStat, place: ResolvedPath) -> None:
    if found.kind == "missing":
        raise ToolError(f"{place.shown} is a link to something that does not exist.")
    if found.kind == "special":
        raise ToolError(
            f"{place.shown} is a device, pipe, socket or file of the kernel; Read takes regular files only. "
            "Nothing was read. If you need what it says, use Bash with a command that ends."
        )


async def _listing(files: Files, place: ResolvedPath) -> str:
    entries = await files.list(place.real)
    lines = [_entry(name, found) for name, found in entries[:ENTRIES]]
    if len(entries) > ENTRIES:
        lines.append(f"[{len(entries) - ENTRIES} more entries; use Glob with a pattern]")
    count = "1 entry" if len(entries) == 1 else f"{len(entries)} entries"
    return "\n".join([f"{place.shown} is a folder with {count}:", *lines])


def _entry(name: str, found: FileStat) -> str:
    ends = {
        "directory": "/",
        "file": f"  {found.size:,} bytes",
        "special": "  (device, pipe or socket)",
        "missing": "  (broken link)",
    }
    return escape_name(name) + ends[found.kind]


async def _text(environment: Environment, place: ResolvedPath, offset: int, limit: int) -> ToolOutput:
    data = await environment.files.read(place.real)
    try:
        file = decode_text(data)
    except EncodingRefusedError as error:
        raise ToolError(
            f"{place.shown} is {binary_kind(data)} of {len(data):,} bytes; its text cannot be shown. {error}"
        ) from error
    seen = FileSeen(path=str(place.real), sha256=hashlib.sha256(data).hexdigest())
    view = open_text(file.text).view
    if not view:
        return _output(place, "[the file is empty]", seen)
    if place.path.suffix == ".ipynb":
        cells = notebook_text(file.text)
        if cells is not None:
            shown = window(split_lines(cells), offset, limit)
            note = "[a notebook, its cells as text; the file itself is JSON]"
            return _output(place, f"{shown.text}\n{note}", seen.model_copy(update={"whole": False}))
    shown = window(split_lines(view), offset, limit)
    seen = seen.model_copy(update={"start": shown.first, "end": shown.last, "whole": shown.complete})
    rest, outline = "", ""
    if shown.last - shown.first >= WORTH_AN_OUTLINE:
        symbols = await environment.syntax.outline(place.path, view.encode(errors="replace"))
        outline = outline_text([one for one in symbols if one.first <= shown.last], shown.first - 1)
        if (shown.first, offset, limit) == (1, 1, LINES) and (rest := outline_text(symbols, shown.last)):
            rest = f"[outline of the rest, with lines:]\n{rest}"
    text = "\n".join(filter(None, (shown.text, _encoding_note(file), rest)))
    return _output(place, text, seen, {"outline": outline} if outline else {})


def _encoding_note(file: Decoded) -> str:
    if file.doubt:
        return f"[read as {file.encoding}. {file.doubt}]"
    return "" if file.encoding == "utf-8" else f"[encoding {file.encoding}, kept by Edit and Write]"


def _output(
    place: ResolvedPath, text: str, seen: FileSeen, details: Mapping[str, str] | None = None
) -> ToolOutput:
    repairs: tuple[Repair, ...] = (place.repair,) if place.repair else ()
    return text_output(spelled(place, text), seen=(seen,), repairs=repairs, details=dict(details or {}))


async def _whole(files: Files, place: ResolvedPath, found: FileStat) -> bytes:
    if found.size > LARGEST_DOCUMENT:
        raise ToolError(
            f"{place.shown} has {found.size:,} bytes, too many for a picture or document. Make it smaller."
        )
    return await files.read(place.real)


async def _image(files: Files, place: ResolvedPath, found: FileStat, kind: str) -> ToolOutput:
    data = await _whole(files, place, found)
    image, words = await asyncio.to_thread(image_part, data, kind)
    repairs = (place.repair,) if place.repair else ()
    return ToolOutput(parts=(TextPart(text=f"{place.shown}: {words}"), image), repairs=repairs)


async def _pdf(files: Files, place: ResolvedPath, found: FileStat, offset: int, limit: int) -> ToolOutput:
    text = await asyncio.to_thread(pdf_text, await _whole(files, place, found))
    repairs = (place.repair,) if place.repair else ()
    return text_output(spelled(place, window(split_lines(text), offset, limit).text), repairs=repairs)


TOOL = Tool(
    name="Read",
    description=registry.text("kcode.tools", "read.md"),
    args=Read,
    prepare=prepare,
    read_only=True,
    core=True,
    order=10,
    summary=lambda arguments: f"Read {arguments.get('file_path', '')}",
)
