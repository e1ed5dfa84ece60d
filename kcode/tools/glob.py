"""List files by name pattern."""

from pathlib import PurePosixPath

from pydantic import BaseModel, Field

from kcode import registry
from kcode.tools._paths import folder_rule, look, path_needs, spelled
from kcode.types.errors import ToolError
from kcode.types.tool import (
    Access,
    Invocation,
    PrepareContext,
    Tool,
    ToolContext,
    ToolOutput,
    text_output,
)

MOST = 200
"""Files that one call names."""
_MAGIC = frozenset("*?[{")


class Glob(BaseModel):
    """Arguments of Glob."""

    pattern: str = Field(description="e.g. **/*.py or src/**/*.{ts,tsx}")
    path: str = Field("", description="Folder, default: the working folder")


async def prepare(args: Glob, context: PrepareContext) -> Invocation:
    """Find the folder."""
    below, pattern = _split(args.pattern.strip())
    if not pattern:
        raise ToolError(
            "The pattern is empty. Give one such as **/*.py, or use Read on a folder for its listing."
        )
    start = PurePosixPath(args.path.strip() or ".") / below
    place = await context.environment.resolve(str(start))
    if (await look(context.environment.files, place)).kind != "directory":
        raise ToolError(f"{place.shown} is not a folder. Give the folder as path and the name as pattern.")

    async def run(context: ToolContext) -> ToolOutput:
        found = await context.environment.search.glob(pattern, place.real)
        lines = list(found.lines[:MOST])
        if not lines:
            lines = [f"No file matches {args.pattern}" + (f" in {args.path}." if args.path else ".")]
        if len(found.lines) > MOST:
            lines.append(
                f"[{MOST} of {len(found.lines)} files; narrow the pattern or the path to see the others]"
            )
        if found.partial:
            lines.append(f"[incomplete: {found.partial}]")
        return text_output(spelled(place, "\n".join(lines)), repairs=(place.repair,) if place.repair else ())

    return Invocation(
        kind="search",
        title=f"Glob {args.pattern}" + (f" in {place.shown}" if args.path else ""),
        rule=folder_rule(place),
        needs=path_needs("read", place),
        run=run,
        access=Access(reads=frozenset({place.real})),
        side_effects=False,
        paths=(place.path,),
    )


def _split(pattern: str) -> tuple[str, str]:
    """Cut off the folders in front of an absolute pattern, or of one that leads upwards."""
    parts = PurePosixPath(pattern).parts
    if not parts or not (parts[0] in {"/", "~"} or ".." in parts):
        return "", pattern
    plain = 0
    while plain < len(parts) - 1 and _MAGIC.isdisjoint(parts[plain]):
        plain += 1
    return str(PurePosixPath(*parts[:plain])), "/".join(parts[plain:])


TOOL = Tool(
    name="Glob",
    description=registry.text("kcode.tools", "glob.md"),
    args=Glob,
    prepare=prepare,
    read_only=True,
    core=True,
    order=50,
    summary=lambda arguments: f"Glob {arguments.get('pattern', '')}",
)
