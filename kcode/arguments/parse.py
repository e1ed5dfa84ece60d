"""From the text of a call's arguments to what its tool takes."""

from dataclasses import dataclass
from typing import Any, cast

from kcode.arguments.check import problems, signature
from kcode.arguments.failure import ArgumentsError
from kcode.arguments.fit import Fit
from kcode.arguments.mend import mend
from kcode.arguments.names import nearest
from kcode.arguments.schema import Schema, is_closed, properties
from kcode.types.messages import Repair

_WRAPPERS = frozenset({"arguments", "args", "parameters", "params", "input", "kwargs"})
_ABOUT = frozenset({"name", "tool", "tool_name", "function", "type", "id"})
"""What may stand beside arguments in a call."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """Arguments that fit the schema, and what was mended on the way."""

    value: dict[str, Any]
    repairs: tuple[Repair, ...] = ()


def parse(text: str, schema: Schema, *, read_only: bool = False, finished: bool = True) -> Parsed:
    """Read a call's arguments.

    Args:
        text: what the model wrote.
        schema: the JSON schema of the tool's arguments.
        read_only: whether the tool changes nothing. Only then may a missing final bracket be added: what
            follows a cut is unknown, and half a change is worse than none.
        finished: whether the response ended as the model meant it to, that is not by its length limit.

    Raises:
        ArgumentsError: the text is unusable, or fields are missing or wrong; the message names each of them.
    """
    mended = mend(text, may_close=read_only and finished)
    fit = Fit(root=schema)
    inner, wrapper = _unwrapped(mended.value, schema)
    value = fit.fields(inner, schema)
    notes = [(kind, "") for kind in mended.kinds] + ([("wrapped", wrapper)] if wrapper else []) + fit.notes
    unknown = [name for name in value if name not in properties(schema)] if is_closed(schema) else []
    wrong = problems(value, schema, schema)
    if wrong:
        raise ArgumentsError(_message(wrong, unknown, schema), kind="fields")
    for name in unknown:
        del value[name]
        notes.append(("unknown", name))
    return Parsed(value, tuple(Repair(place="arguments", kind=kind, detail=detail) for kind, detail in notes))


def _unwrapped(value: dict[str, Any], schema: Schema) -> tuple[dict[str, Any], str]:
    """Return the arguments without the call that they were wrapped into once more, and the wrapper's name."""
    names = [name for name in value if name in _WRAPPERS]
    if len(names) != 1 or not is_closed(schema) or not value.keys() <= {*names, *_ABOUT}:
        return value, ""
    inner: object = value[names[0]]
    if not isinstance(inner, dict) or value.keys() & properties(schema).keys():
        return value, ""
    return cast("dict[str, Any]", inner), names[0]


def _message(wrong: list[str], unknown: list[str], schema: Schema) -> str:
    lines = [f"The arguments do not fit, so nothing was run. {len(wrong)} to correct:"]
    lines += [f"- {problem}" for problem in wrong]
    for name in unknown:
        near = nearest(name, properties(schema), limit=1)
        lines.append(f"- {name} is not a field{f'; did you mean {near[0]}?' if near else ''}")
    lines.append(f"Fields: {signature(schema)}. Send the whole call again.")
    return "\n".join(lines)
