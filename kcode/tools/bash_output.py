"""Read what a background command printed."""

import asyncio
import re

from pydantic import BaseModel, Field

from kcode import registry
from kcode.process.status import describe
from kcode.types.environment import BackgroundOutput, Processes
from kcode.types.errors import ToolError
from kcode.types.tool import (
    Access,
    Invocation,
    NamedNeed,
    PrepareContext,
    Tool,
    ToolContext,
    ToolOutput,
    text_output,
)

_PATIENCE = 2.0
"""Seconds to wait for the first new output, so that asking again and again costs fewer steps."""
_LOOK = 0.1


class BashOutput(BaseModel):
    """Arguments of BashOutput."""

    bash_id: str
    filter: str = Field("", description="Only lines matching this regular expression; the others are dropped")


async def prepare(args: BashOutput, context: PrepareContext) -> Invocation:
    """Check the filter."""
    del context
    try:
        wanted = re.compile(args.filter) if args.filter else None
    except re.error as error:
        raise ToolError(f"The filter is not a regular expression: {error}.") from error

    async def run(context: ToolContext) -> ToolOutput:
        result = await _wait(context.environment.processes, args.bash_id)
        return text_output(
            _told(result, wanted), details={"status": result.status, "running": result.running}
        )

    return Invocation(
        kind="read",
        title=f"Output of {args.bash_id}",
        rule="BashOutput",
        needs=(NamedNeed("BashOutput", safe=True),),
        run=run,
        access=Access(),
        side_effects=False,
    )


async def _wait(processes: Processes, process: str) -> BackgroundOutput:
    for _ in range(int(_PATIENCE / _LOOK)):
        result = await look(processes, process)
        if result.output or not result.running:
            return result
        await asyncio.sleep(_LOOK)
    return await look(processes, process)


async def look(processes: Processes, process: str) -> BackgroundOutput:
    """Return a command's new output; raises ToolError, naming those that run, if there is no such command."""
    try:
        return await processes.output(process)
    except KeyError:
        raise unknown(processes, process) from None


def unknown(processes: Processes, process: str) -> ToolError:
    """Return the error for an id that no background command has."""
    running = ", ".join(processes.background())
    return ToolError(f"No background command {process}. Running: {running or 'none'}.")


def _told(result: BackgroundOutput, wanted: re.Pattern[str] | None) -> str:
    lines = [line for line in result.output.splitlines() if wanted is None or wanted.search(line)]
    state = "still running" if result.running else f"ended: {describe(result.status or 0)}"
    return "\n".join([*lines, f"[{result.id} {state}{'' if lines else ', nothing new'}]"])


TOOL = Tool(
    name="BashOutput",
    description=registry.text("kcode.tools", "bash_output.md"),
    args=BashOutput,
    prepare=prepare,
    order=41,
)
