"""End a background command."""

from pydantic import BaseModel

from kcode import registry
from kcode.tools.bash_output import unknown
from kcode.types.tool import Invocation, NamedNeed, PrepareContext, Tool, ToolContext, ToolOutput, text_output


class KillBash(BaseModel):
    """Arguments of KillBash."""

    shell_id: str


async def prepare(args: KillBash, context: PrepareContext) -> Invocation:
    """Name the command; only what this session started can be ended."""
    del context
    process = args.shell_id

    async def run(context: ToolContext) -> ToolOutput:
        processes = context.environment.processes
        try:
            ran = await processes.kill(process)
        except KeyError:
            raise unknown(processes, process) from None
        return text_output(
            f"{process} and everything it started were ended." if ran else f"{process} had ended already."
        )

    return Invocation(
        kind="execute",
        title=f"End {process}",
        rule="KillBash",
        needs=(NamedNeed("KillBash", safe=True),),
        run=run,
    )


TOOL = Tool(
    name="KillBash",
    description=registry.text("kcode.tools", "kill_bash.md"),
    args=KillBash,
    prepare=prepare,
    order=42,
)
