"""From a response as the server sent it to the message that the conversation keeps.

Leaked markup becomes calls, names and endings are put right, ids are kcode's own. What was done is listed in the
message's `repairs`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from kcode.arguments import ArgumentsError, resolve
from kcode.arguments.mend import mend
from kcode.arguments.schema import properties, required
from kcode.providers.assemble import Response
from kcode.providers.assemble_calls import RawCall
from kcode.providers.repair_scan import Scanner
from kcode.providers.repair_written import find_written
from kcode.types.messages import (
    AssistantMessage,
    AssistantPart,
    FinishReason,
    Repair,
    TextPart,
    ThinkingPart,
    ToolCall,
    Usage,
)
from kcode.types.model import ToolSpec

_MARKUP = re.compile(r"<\||[<◁]/?think|\A\s*\(Empty response: \{")
_HEADER = re.compile(r"(?:functions[.:])?(.*?)(?::\d+)?", re.DOTALL)
_NO_NAME = re.compile(r"\d*|(?:call|tool|toolu|chatcmpl-tool)[-_][A-Za-z0-9_-]*|[0-9a-f-]{16,}")
"""Headers that are an id or a counter: they say nothing about the tool."""
_FINISHES: Mapping[str, FinishReason] = {
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",
    "content_filter": "content_filter",
    "content-filter": "content_filter",
    "safety": "content_filter",
    "sensitive": "content_filter",
    "refusal": "content_filter",
}


def new_call_id() -> str:
    """Return an id that no other call has; letters, digits and `_` only, so that every vendor takes it."""
    return f"call_{token_hex(12)}"


@dataclass(frozen=True, slots=True)
class _Channel:
    text: str
    thinking: str = ""
    calls: tuple[RawCall, ...] = ()
    mended: tuple[tuple[str, str], ...] = ()


def repair(
    response: Response,
    tools: Sequence[ToolSpec],
    *,
    model: str = "",
    call_id: Callable[[], str] = new_call_id,
) -> AssistantMessage:
    """Return the message that a response means.

    Args:
        response: what the server sent.
        tools: the tools that were offered; without any, leaked calls are dropped.
        model: the model that was asked, where the response names none.
        call_id: makes the ids of calls.
    """
    schemas: dict[str, Mapping[str, Any]] = {tool.name: tool.parameters for tool in tools}
    content = _read(response.text, schemas, lone_end=not response.thinking)
    reasoning = _read(response.thinking, schemas, lone_end=False)
    thinking = reasoning.thinking + reasoning.text + content.thinking
    mended = [*reasoning.mended, *content.mended]
    text, calls = content.text, response.calls
    leaked = _once(reasoning.calls + content.calls, mended)
    if leaked and (calls or not tools):
        mended.append(("leak_dropped", "a proper call came" if calls else "no tools were offered"))
    elif leaked:
        calls = leaked
    if not calls:
        text, calls, found = _written(text, schemas)
        mended += found
    parts: list[AssistantPart] = []
    if thinking:
        parts.append(ThinkingPart(text=thinking, key=response.reasoning_key or "reasoning_content"))
    if text.strip():
        parts.append(TextPart(text=text))
    for call in calls:
        name = _named(call, schemas, mended)
        parts.append(ToolCall(id=call_id(), name=name, arguments=call.arguments))
    finish = _finish(response.finish, bool(calls), mended)
    return AssistantMessage(
        parts=tuple(parts),
        finish=finish,
        usage=response.usage or Usage(estimated=True),
        model=model or response.model,
        repairs=response.repairs
        + tuple(Repair(place="wire", kind=kind, detail=detail) for kind, detail in mended),
    )


def _read(text: str, schemas: Mapping[str, Mapping[str, Any]], *, lone_end: bool) -> _Channel:
    if not _MARKUP.search(text):
        return _Channel(text)
    scanner = Scanner(schemas)
    shown, rest = scanner.feed(text), scanner.finish()
    words, thinking = shown.text + rest.text, shown.thinking + rest.thinking
    if scanner.unopened is not None and lone_end:
        words, thinking = words[scanner.unopened :].lstrip(), words[: scanner.unopened] + thinking
    calls = tuple(RawCall("", leak.header, leak.arguments) for leak in scanner.calls)
    tagged = any(kind == "think_tag" for kind, _ in scanner.mended)
    return _Channel(words, thinking.strip() if tagged else thinking, calls, tuple(scanner.mended))


def _once(leaked: tuple[RawCall, ...], mended: list[tuple[str, str]]) -> tuple[RawCall, ...]:
    """Return each call once: the same number and arguments again are the same call, in both channels say."""
    found: list[RawCall] = []
    for call in leaked:
        if call in found and re.search(r":\d+\Z", call.name):
            mended.append(("sent_twice", call.name))
        else:
            found.append(call)
    return tuple(found)


def _written(
    text: str, schemas: Mapping[str, Mapping[str, Any]]
) -> tuple[str, tuple[RawCall, ...], list[tuple[str, str]]]:
    written = find_written(text, schemas)
    if written is None:
        return text, (), []
    calls = tuple(RawCall("", name, arguments) for name, arguments in written.calls)
    return written.text, calls, [("written_call", call.name) for call in calls]


def _named(call: RawCall, schemas: Mapping[str, Mapping[str, Any]], mended: list[tuple[str, str]]) -> str:
    known = resolve(call.name, schemas)
    if known is None:
        header = _HEADER.fullmatch(call.name.strip())
        bare = header.group(1) if header is not None else call.name
        if _NO_NAME.fullmatch(call.name.strip()) or not bare:
            known = _inferred(call.arguments, schemas)
        if known is None:
            known = _lawful(bare)
    if known != call.name:
        mended.append(("name", f"{call.name[:60]}->{known}"))
    return known


def _inferred(arguments: str, schemas: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the one tool that has all these fields and needs no others."""
    try:
        fields = set(mend(arguments).value)
    except ArgumentsError:
        return None
    fitting = [
        name
        for name, schema in schemas.items()
        if fields and fields <= set(properties(schema)) and set(required(schema)) <= fields
    ]
    return fitting[0] if len(fitting) == 1 else None


def _lawful(name: str) -> str:
    """Return an unknown name in the form that servers take, since it goes back to them."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", name.strip()).strip("_")[:60]
    return name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]{2,}", name) else f"tool_{name or 'unknown'}"


def _finish(reason: str, calls: bool, mended: list[tuple[str, str]]) -> FinishReason:
    known = _FINISHES.get(reason.lower())
    finish: FinishReason = known or ("tool_calls" if calls else "stop")
    if reason and reason != finish:
        mended.append(("finish", f"{reason}->{finish}"))
    return finish
