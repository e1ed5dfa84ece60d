"""/model."""

from kcode.types.command import Command, CommandContext, CommandResult
from kcode.types.errors import ConfigError, ModelError
from kcode.types.questions import Option, Question


async def run(context: CommandContext, arguments: str) -> CommandResult:
    """Show the models, or switch to one."""
    wanted = arguments.strip()
    try:
        if not wanted:
            wanted = await _choose(context)
        if not wanted:
            return CommandResult(f"The model is `{context.model.id}`.")
        info = await context.set_model(wanted)
    except (ConfigError, ModelError) as error:
        return CommandResult(str(error), is_error=True)
    return CommandResult(f"The model is now `{info.id}`, window {info.window:,} tokens.")


async def _choose(context: CommandContext) -> str:
    options = [Option(m.id, f"window {m.window:,}") for m in await context.models()]
    answer = await context.ask(Question(f"Which model? In use: {context.model.id}", options, header="Model"))
    return (answer or "").strip()


COMMAND = Command(name="model", description="shows or changes the model", run=run, hint="[id]")
