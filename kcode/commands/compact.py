"""/compact."""

from typing import cast

from kcode.types.command import Command, CommandContext, CommandResult
from kcode.types.errors import ModelError


async def run(context: CommandContext, arguments: str) -> CommandResult:
    """Summarise the older conversation; `fast` does it without the model, `--dry-run` only tells."""
    focus = arguments.strip()
    if focus == "--dry-run":
        return CommandResult(_plan(context))
    try:
        return CommandResult(await context.compact("" if focus == "fast" else focus, fast=focus == "fast"))
    except ModelError as error:
        return CommandResult(f"Nothing was replaced. {error}", is_error=True)


def _plan(context: CommandContext) -> str:
    plan = context.context_plan()
    replaced, kept, tail = (cast("dict[str, int]", plan[name]) for name in ("replaced", "kept", "tail"))
    lines = [
        f"Of about {plan['used']:,} tokens,",
        f"- {replaced['messages']} messages with {replaced['tokens']:,} tokens would be replaced by a summary;",
        f"- {kept['messages']} older messages with {kept['tokens']:,} tokens would stay, {kept['user']} of them yours;",
        f"- the last {tail['messages']} messages with {tail['tokens']:,} tokens would stay.",
    ]
    if plan["ledger"]:
        lines += ["", "Kept exactly beside the summary:", "", str(plan["ledger"])]
    return "\n".join(lines)


COMMAND = Command(
    name="compact",
    description="replaces the older conversation by a summary; `fast` writes it without the model",
    run=run,
    hint="[fast | --dry-run | what to keep above all]",
)
