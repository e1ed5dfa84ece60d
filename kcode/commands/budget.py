"""/budget."""

from kcode.types.command import Command, CommandContext, CommandResult


async def run(context: CommandContext, arguments: str) -> CommandResult:
    """Show the session's budget, set it or take it away."""
    wanted = arguments.strip().lower().lstrip("$")
    if wanted in {"off", "none"}:
        context.set_budget(None)
        return CommandResult("There is no budget for this session any more.")
    if wanted:
        try:
            usd = float(wanted)
        except ValueError:
            return CommandResult(f"{wanted!r} is no amount. Write it like `/budget 2.50`.", is_error=True)
        if not 0 < usd < 1e6:
            return CommandResult("A budget must be more than $0. `/budget off` takes it away.", is_error=True)
        context.set_budget(usd)
    cost = context.cost()
    ceiling, spent = cost["budget"], cost["usd"]
    if not isinstance(ceiling, float | int):
        return CommandResult("No budget is set for this session. Set one like `/budget 2.50`.")
    used = f"${spent:.4f} are spent" if isinstance(spent, float | int) else "nothing is counted so far"
    unknown = (
        ""
        if context.model.price
        else f" The price of {context.model.id} is not known, so it cannot be kept to."
    )
    return CommandResult(f"Beyond ${ceiling:g} in this session you are asked first; {used}.{unknown}")


COMMAND = Command(
    name="budget",
    description="asks before this session costs more than an amount",
    run=run,
    hint="[usd | off]",
)
