"""/effort."""

import json

from kcode.types.command import Command, CommandContext, CommandResult
from kcode.types.errors import ConfigError, ModelError
from kcode.types.questions import Option, Question

LEVELS = ("low", "medium", "high", "max", "off")


async def run(context: CommandContext, arguments: str) -> CommandResult:
    """Show how much the model is asked to think, or change it."""
    wanted = arguments.strip().lower()
    if not wanted:
        options = [Option(level, _sent(context, level)) for level in LEVELS]
        answer = await context.ask(
            Question(f"How much is {context.model.id} to think?", options, header="Effort")
        )
        wanted = (answer or "").strip().lower()
    if not wanted:
        asked = (
            f"`{context.effort}`: {_sent(context, context.effort)}" if context.effort else "the model's own"
        )
        return CommandResult(f"The effort is {asked}.")
    if wanted not in LEVELS:
        return CommandResult(f"{wanted!r} is no effort. There are {', '.join(LEVELS)}.", is_error=True)
    try:
        await context.set_effort(wanted)
    except (ConfigError, ModelError) as error:
        return CommandResult(str(error), is_error=True)
    cold = " The server may have to read the conversation anew once." if context.state.transcript else ""
    return CommandResult(f"The effort is now `{wanted}`: {_sent(context, wanted)}.{cold}")


def _sent(context: CommandContext, level: str) -> str:
    """Say in words what an effort comes to with this model."""
    fields = context.thinking(level)
    if fields == context.thinking(""):
        return f"{context.model.id} has no such level here and thinks as it does by itself"
    sent = ", ".join(f"{name} {json.dumps(value)}" for name, value in fields.items())
    same = next((other for other in LEVELS if other != level and context.thinking(other) == fields), "")
    if level == "off" and same:
        return f"{context.model.id} cannot be kept from thinking; the least is asked for ({sent})"
    return f"sent as {sent}{f', the same as {same}' if same else ''}"


COMMAND = Command(
    name="effort", description="how much the model is to think", run=run, hint=f"[{' | '.join(LEVELS)}]"
)
