"""Hand a task to a sub-agent."""

from pydantic import BaseModel, Field

from kcode import registry
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

READERS = ("Read", "Glob", "Grep", "Git", "WebFetch")
"""What a sub-agent gets that is only to look."""


class Agent(BaseModel):
    """Arguments of Agent."""

    prompt: str
    description: str = Field("", description="3-5 words")
    read_only: bool = False


async def prepare(args: Agent, context: PrepareContext) -> Invocation:
    """Name the task."""
    del context
    if not args.prompt.strip():
        raise ToolError("The prompt is empty. Write the whole task with everything the sub-agent must know.")

    async def run(context: ToolContext) -> ToolOutput:
        tools = READERS if args.read_only else None
        answer = await context.spawn(args.prompt, call_id=context.call_id, tools=tools)
        return text_output(answer or "[the sub-agent ended without an answer]")

    words = args.description.strip() or " ".join(args.prompt.split())[:60]
    return Invocation(
        kind="think",
        title=f"Agent: {words}",
        rule="Agent",
        # What the sub-agent does is asked for call by call.
        needs=(NamedNeed("Agent", safe=True),),
        run=run,
        access=Access(),
        description=args.prompt,
    )


TOOL = Tool(
    name="Agent",
    description=registry.text("kcode.tools", "agent.md"),
    args=Agent,
    prepare=prepare,
    order=90,
    summary=lambda arguments: f"Agent: {arguments.get('description', '')}",
)
