"""Search file contents."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from kcode import registry
from kcode.tools._paths import folder_rule, look, path_needs, spelled
from kcode.types.environment import Found, GrepQuery, ResolvedPath
from kcode.types.errors import ToolError
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

MOST = {"content": 200, "files_with_matches": 100, "count": 100}
"""Lines of each kind that one call shows unless it asks for more."""
CHARACTERS = 40_000
AROUND = 50
"""Lines before and after a match that are shown at most."""


class Grep(BaseModel):
    """Arguments of Grep."""

    model_config = ConfigDict(populate_by_name=True)

    pattern: str
    path: str = Field("", description="File or folder")
    glob: str = Field("", description="e.g. *.py")
    type: str = Field("", description="ripgrep type, e.g. py")
    output_mode: Literal["content", "files_with_matches", "count"] = "files_with_matches"
    before: int = Field(0, alias="-B")
    after: int = Field(0, alias="-A")
    around: int = Field(0, alias="-C")
    line_numbers: bool = Field(default=True, alias="-n")
    ignore_case: bool = Field(default=False, alias="-i")
    multiline: bool = False
    head_limit: int = 0
    offset: int = Field(0, description="Skip so many lines")


async def prepare(args: Grep, context: PrepareContext) -> Invocation:
    """Find where to search."""
    if not args.pattern:
        raise ToolError(
            "The pattern is empty. Give the regular expression to look for; Glob lists files by name."
        )
    place = await context.environment.resolve(args.path.strip() or ".")
    if (await look(context.environment.files, place)).kind == "special":
        raise ToolError(
            f"{place.shown} is a device, pipe, socket or file of the kernel; it cannot be searched."
        )
    query, repairs = _query(args, place)
    if place.repair:
        repairs = (place.repair, *repairs)

    async def run(context: ToolContext) -> ToolOutput:
        found = await context.environment.search.grep(query)
        return text_output(spelled(place, _text(args, found)), repairs=repairs)

    return Invocation(
        kind="search",
        title=f"Grep {args.pattern}" + (f" in {place.shown}" if args.path else ""),
        rule=folder_rule(place),
        needs=path_needs("read", place),
        run=run,
        access=Access(reads=frozenset({place.real})),
        side_effects=False,
        paths=(place.path,),
    )


def _query(args: Grep, place: ResolvedPath) -> tuple[GrepQuery, tuple[Repair, ...]]:
    spans = "\\n" in args.pattern or "\n" in args.pattern
    repairs = (
        (Repair(place="meaning", kind="multiline", detail=args.pattern),)
        if spans and not args.multiline
        else ()
    )
    query = GrepQuery(
        pattern=args.pattern,
        path=place.real,
        glob=args.glob.strip(),
        type=args.type.strip().removeprefix("."),
        ignore_case=args.ignore_case,
        # A pattern with a newline in it can match in no other way.
        multiline=args.multiline or spans,
        mode=args.output_mode,
        before=_lines(args.before, args.around),
        after=_lines(args.after, args.around),
        line_numbers=args.line_numbers,
    )
    return query, repairs


def _lines(one: int, both: int) -> int:
    return min(max(one, both, 0), AROUND)


def _text(args: Grep, found: Found) -> str:
    total = len(found.lines)
    first = max(args.offset, 0)
    limit = args.head_limit if args.head_limit > 0 else MOST[args.output_mode]
    if total == 0:
        return "\n".join([_nothing(args), *_partial(found)])
    if first >= total:
        return f"There are {total} lines; offset {first} is past their end."
    shown: list[str] = []
    room = CHARACTERS
    for line in found.lines[first : first + limit]:
        room -= len(line) + 1
        if room < 0 and shown:
            break
        shown.append(line)
    last = first + len(shown)
    if last < total:
        shown.append(f"[lines {first + 1}-{last} of {total}; go on with offset={last}, or narrow the search]")
    return "\n".join([*shown, *_partial(found)])


def _partial(found: Found) -> list[str]:
    return [f"[incomplete: {found.partial}]"] if found.partial else []


def _nothing(args: Grep) -> str:
    narrowed = [
        f"{name}={value}"
        for name, value in (("path", args.path), ("glob", args.glob), ("type", args.type))
        if value
    ]
    where = f" with {', '.join(narrowed)}" if narrowed else ""
    return f"Nothing matches {args.pattern}{where}. Ignored and binary files are not searched."


TOOL = Tool(
    name="Grep",
    description=registry.text("kcode.tools", "grep.md"),
    args=Grep,
    prepare=prepare,
    read_only=True,
    core=True,
    order=60,
    summary=lambda arguments: f"Grep {arguments.get('pattern', '')}",
)
