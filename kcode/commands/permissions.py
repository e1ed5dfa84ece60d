"""/permissions."""

from collections.abc import Iterator
from typing import cast

from kcode.types.command import Command, CommandContext, CommandResult
from kcode.types.errors import ConfigError
from kcode.types.model import JsonObject

USAGE = "`/permissions`, `/permissions check COMMAND`, or `/permissions allow|ask|deny RULE`"


async def run(context: CommandContext, arguments: str) -> CommandResult:
    """List the rules, add one, or explain what they make of a command."""
    verb, _, rest = arguments.strip().partition(" ")
    if not verb:
        return CommandResult(_rules(context))
    if verb == "check" and rest.strip():
        return CommandResult("\n".join(_explanation(context.explain(rest.strip()))))
    if verb in {"allow", "ask", "deny"} and rest.strip():
        try:
            await context.add_rule(verb, rest.strip())
        except ConfigError as error:
            return CommandResult(str(error), is_error=True)
        return CommandResult(f"For this session: {verb} `{rest.strip()}`.")
    return CommandResult(f"Usage: {USAGE}.", is_error=True)


def _explanation(verdict: JsonObject) -> Iterator[str]:
    for name in ("decision", "reason", "part", "rule", "source"):
        if verdict.get(name):
            yield f"- {name}: {verdict[name]}"
    parts = cast("list[dict[str, str]]", verdict.get("parts") or [])
    if len(parts) > 1:
        yield from (f"- {each['decision']}: {each['part']} ({each['reason']})" for each in parts)
    offers = cast("list[str]", verdict.get("suggestions") or [])
    if offers:
        yield f"- offers: {', '.join(offers)}"


def _rules(context: CommandContext) -> str:
    lines = [f"- {behaviour} `{rule}` ({source})" for behaviour, rule, source in context.rules()]
    head = f"Mode: {context.mode}. deny comes before ask, ask before allow."
    return "\n".join([head, "", *(lines or ["There are no rules."]), "", f"Usage: {USAGE}."])


COMMAND = Command(
    name="permissions",
    description="lists, adds and explains permission rules",
    run=run,
    hint="[check COMMAND | allow|ask|deny RULE]",
    aliases=("allowed-tools",),
)
