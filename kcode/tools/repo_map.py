"""Show which files of a repository matter, or where a name is defined."""

from collections.abc import Sequence

from pydantic import BaseModel, Field

from kcode import registry
from kcode.screen.names import escape_name
from kcode.tools._code import symbol_line
from kcode.types.environment import Environment
from kcode.types.errors import ToolError
from kcode.types.tool import (
    Access,
    Invocation,
    PathNeed,
    PrepareContext,
    Tool,
    ToolContext,
    ToolOutput,
    text_output,
)

TOKENS = 1500
MOST_TOKENS = 8000
SYMBOLS = 50


class RepoMap(BaseModel):
    """Arguments of RepoMap."""

    focus: list[str] = Field(default=[])
    symbol: str = ""
    tokens: int = Field(TOKENS, description="Length, at most 8000")


async def prepare(args: RepoMap, context: PrepareContext) -> Invocation:
    """Say what is looked for."""
    root = context.environment.root
    symbol = args.symbol.strip().rpartition(".")[2]
    focus = [one for one in map(str.strip, args.focus) if one]
    tokens = min(max(args.tokens, 200), MOST_TOKENS)

    async def run(context: ToolContext) -> ToolOutput:
        if symbol:
            return text_output(await _definitions(context.environment, symbol))
        return await _map(context.environment, tokens, focus)

    title = f"Definitions of {symbol}" if symbol else "Map" + (f" around {', '.join(focus)}" if focus else "")
    return Invocation(
        kind="search",
        title=title,
        rule="Read",
        needs=(PathNeed("read", root),),
        run=run,
        access=Access(reads=frozenset({root})),
        side_effects=False,
    )


async def _map(environment: Environment, tokens: int, focus: Sequence[str]) -> ToolOutput:
    places = [await _relative(environment, one) for one in focus]
    made = await environment.syntax.map(tokens=tokens, focus=places)
    if not made.ranked:
        return text_output(
            "There is no code here whose language is known (Python, JavaScript, TypeScript, Go, Rust, Java, C, "
            "shell). Use Glob and Grep."
        )
    lines = [made.text]
    if made.unknown:
        lines.insert(0, f"[nothing here is called {', '.join(made.unknown)}]")
    if made.partial:
        lines.append(f"[incomplete: {made.partial}]")
    details = {"files": made.files, "parsed": made.parsed}
    return text_output("\n".join(lines), details=details)


async def _relative(environment: Environment, one: str) -> str:
    """Return a path relative to the root, or the word as it is where it is no path."""
    if "/" not in one and "." not in one:
        return one
    try:
        place = await environment.resolve(one)
    except ToolError:
        return one
    return (
        str(place.real.relative_to(environment.root)) if place.real.is_relative_to(environment.root) else one
    )


async def _definitions(environment: Environment, symbol: str) -> str:
    found = await environment.syntax.symbols(symbol, limit=SYMBOLS + 1)
    if not found:
        return f"Nothing here defines {symbol}. Grep finds where the word stands at all."
    lines = [f"{escape_name(one.path)}:{one.first}{symbol_line(one)}" for one in found[:SYMBOLS]]
    if len(found) > SYMBOLS:
        lines.append("[more are left out; give the whole name]")
    if all(one.name != symbol for one in found):
        lines.insert(0, f"Nothing is called {symbol}; these contain it:")
    return "\n".join(lines)


TOOL = Tool(
    name="RepoMap",
    description=registry.text("kcode.tools", "repo_map.md"),
    args=RepoMap,
    prepare=prepare,
    read_only=True,
    order=65,
    summary=lambda arguments: f"RepoMap {arguments.get('symbol') or arguments.get('focus') or ''}",
)
