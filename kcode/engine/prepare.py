"""From what the model wrote to a call that is ready to run, changing nothing yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from pydantic import BaseModel, JsonValue, ValidationError

from kcode.arguments import ArgumentsError, nearest, parse, resolve
from kcode.engine.loops import INVALID
from kcode.engine.ports import Ports
from kcode.types.errors import ToolError
from kcode.types.messages import Repair, ToolCall
from kcode.types.model import JsonObject, ToolSpec
from kcode.types.tool import AnyTool, Invocation, PrepareContext, ToolOutput, text_output

_CUT = (
    " The response had reached the output limit: make it smaller, for example write a file in several parts."
)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A call that may run once it is allowed."""

    tool: AnyTool
    arguments: JsonObject
    invocation: Invocation
    repairs: tuple[Repair, ...]


async def prepare(ports: Ports, call: ToolCall, *, finished: bool = True) -> Prepared | ToolOutput:
    """Find the tool, mend and check the arguments, and let the tool say what it would do.

    Returns the error for the model where that fails. `finished` is False where the response was cut off at the
    output limit: then nothing is added to arguments that end too early.
    """
    tool = ports.tools.get(call.name)
    repairs: tuple[Repair, ...] = ()
    if tool is None:
        tool = _meant(ports.tools, call.name)
        if tool is None:
            return _refused(_unknown(ports.tools, call.name))
        repairs = (Repair(place="arguments", kind="tool-name", detail=f"{call.name} -> {tool.name}"),)
    try:
        parsed = parse(call.arguments, _whole(tool.args), read_only=tool.read_only, finished=finished)
        arguments = tool.args.model_validate(parsed.value)
        invocation = await tool.prepare(arguments, PrepareContext(ports.environment, ports.state))
    except ArgumentsError as error:
        cut = error.kind == "cut" and not finished
        return _refused(f"{error}{_CUT if cut else ''}")
    except ValidationError as error:
        return _refused(_invalid(tool, error))
    except ToolError as error:
        return text_output(f"{error}", is_error=True)
    except Exception as error:  # noqa: BLE001 - a bug in a tool is the model's to route around
        words = f"{tool.name} failed inside kcode: {type(error).__name__}: {error}"
        return text_output(words, is_error=True)
    return Prepared(tool, parsed.value, invocation, (*repairs, *parsed.repairs))


def _refused(words: str) -> ToolOutput:
    return text_output(words, is_error=True, details={INVALID: True})


def _meant(tools: Mapping[str, AnyTool], name: str) -> AnyTool | None:
    """Find the tool whose name differs only in case, separators or a namespace in front of it."""
    known = resolve(name, tools)
    return tools[known] if known is not None else None


def _unknown(tools: Mapping[str, AnyTool], name: str) -> str:
    near = nearest(name, sorted(tools))
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return f"There is no tool named {name!r}.{hint} Tools: {', '.join(sorted(tools))}."


def _invalid(tool: AnyTool, error: ValidationError) -> str:
    problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg']}" for e in error.errors())
    return f"{tool.name} was not run, its arguments do not fit: {problems}. Call it again with these mended."


def tool_specs(tools: Mapping[str, AnyTool]) -> Sequence[ToolSpec]:
    """Describe the tools to the model, in an order that never changes, so that the prompt cache holds."""
    ordered = sorted(tools.values(), key=lambda tool: (tool.order, tool.name))
    return [ToolSpec(name=t.name, description=t.description, parameters=_schema(t)) for t in ordered]


@lru_cache(maxsize=256)
def _whole(args: type[BaseModel]) -> JsonObject:
    """Return the schema of a tool's arguments; making it takes longer than the rest of preparing a call."""
    return args.model_json_schema()


def _schema(tool: AnyTool) -> JsonObject:
    return cast("JsonObject", _lean(_whole(tool.args), keys=False))


def _lean(node: JsonValue, *, keys: bool) -> JsonValue:
    """Leave out what costs tokens and tells the model nothing: titles, and null defaults.

    `keys` says that `node` maps field names to schemas, where "title" is somebody's field.
    """
    if isinstance(node, list):
        return [_lean(item, keys=False) for item in node]
    if not isinstance(node, dict):
        return node
    if keys:
        return {key: _lean(value, keys=False) for key, value in node.items()}
    dropped = {"title"}
    if node.get("default", 0) is None:
        dropped.add("default")
    if "properties" in node:
        dropped.add("description")
    return {k: _lean(v, keys=k in {"properties", "$defs"}) for k, v in node.items() if k not in dropped}
