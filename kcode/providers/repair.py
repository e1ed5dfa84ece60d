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
from kcode.arguments.names import without_header
from kcode.arguments.schema import properties, required
from kcode.providers.assemble import Response
from kcode.providers.assemble_calls import RawCall
from kcode.providers.repair_scan import Scanner
from kcode.providers.repair_written import Written, find_written
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

_BODY = re.compile(r"[\[{].*[\]}]", re.DOTALL)
_MARKUP = re.compile(r"<\||[<◁]/?think|\A\s*\(Empty response: \{")
_CLEANED_HEADER = re.compile(r"(?:functions?[_.:])?(.+?)(?:[_:]\d+)*", re.DOTALL)
"""Headers as they look after servers replaced what other servers do not take in an id."""
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
    promised: bool = False


def repair(
    response: Response,
    tools: Sequence[ToolSpec],
    *,
    model: str = "",
    wanted: bool = True,
    call_id: Callable[[], str] = new_call_id,
) -> AssistantMessage:
    """Return the message that a response means.

    Args:
        response: what the server sent.
        tools: the tools that were offered; without any, leaked calls are dropped.
        model: the model that was asked, where the response names none.
        wanted: whether calls are; otherwise those that leaked or were written are dropped too.
        call_id: makes the ids of calls.
    """
    schemas: dict[str, Mapping[str, Any]] = {tool.name: tool.parameters for tool in tools}
    lone_end = not response.thinking
    content = _read(response.text, Scanner(schemas, asides=True), schemas, lone_end=lone_end)
    reasoning = _read(response.thinking, Scanner(schemas), schemas, lone_end=False)
    written = None
    if not response.calls and not reasoning.calls:
        written, content = _written(response.text, content, schemas, lone_end=lone_end)
    thinking = "\n".join(filter(None, (reasoning.thinking + reasoning.text, content.thinking)))
    mended = [*reasoning.mended, *content.mended]
    text, calls = content.text, response.calls
    leaked = _once(reasoning.calls + content.calls, mended)
    if leaked and (calls or not tools or not wanted):
        mended.append(("leak_dropped", "a proper call came" if calls else "no calls were asked for"))
    elif leaked:
        calls = leaked
    elif written is not None and not wanted:
        text = written.text
        mended.append(("leak_dropped", "no calls were asked for"))
    elif written is not None:
        text, calls = written.text, tuple(RawCall("", name, arguments) for name, arguments in written.calls)
        mended += [("written_call", call.name) for call in calls]
    parts: list[AssistantPart] = []
    if thinking:
        parts.append(ThinkingPart(text=thinking, key=response.reasoning_key or "reasoning_content"))
    if any(sign.isprintable() and not sign.isspace() for sign in text):
        parts.append(TextPart(text=text))
    for call in calls:
        name = _named(call, schemas, mended)
        parts.append(ToolCall(id=call_id(), name=name, arguments=call.arguments))
    # A call that was begun in markup and never came is a promise like that of the finish reason.
    promised = bool(tools) and wanted and (content.promised or reasoning.promised) and not calls
    said = "tool_calls" if promised and response.finish.lower() not in _FINISHES else response.finish
    finish = _finish(said, bool(calls), mended)
    return AssistantMessage(
        parts=tuple(parts),
        finish=finish,
        usage=response.usage or Usage(estimated=True),
        model=model or response.model,
        repairs=response.repairs
        + tuple(Repair(place="wire", kind=kind, detail=detail) for kind, detail in mended),
    )


def _read(
    text: str, scanner: Scanner, schemas: Mapping[str, Mapping[str, Any]], *, lone_end: bool
) -> _Channel:
    if not _MARKUP.search(text):
        return _Channel(text)
    shown, rest = scanner.feed(text), scanner.finish()
    words, thinking = shown.text + rest.text, shown.thinking + rest.thinking
    if scanner.unopened is not None and lone_end:
        words, thinking = words[scanner.unopened :].lstrip(), words[: scanner.unopened] + thinking
    calls = tuple(RawCall("", _header(leak.header, schemas), leak.arguments) for leak in scanner.calls)
    tagged = any(kind == "think_tag" for kind, _ in scanner.mended)
    return _Channel(
        words, thinking.strip() if tagged else thinking, calls, tuple(scanner.mended), scanner.promised
    )


def _header(header: str, schemas: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a leaked header; the tool's name where it is an id that was made of that: `functions_Bash_0`."""
    cleaned = _CLEANED_HEADER.fullmatch(header.strip())
    if cleaned is None or resolve(header, schemas) is not None:
        return header
    return resolve(cleaned.group(1), schemas) or header


def _once(leaked: tuple[RawCall, ...], mended: list[tuple[str, str]]) -> tuple[RawCall, ...]:
    """Return each call once: the same number and arguments again are the same call, in both channels say."""
    found: list[RawCall] = []
    for call in leaked:
        if call in found and re.search(r":\d+\s*\Z", call.name):
            mended.append(("sent_twice", call.name))
        else:
            found.append(call)
    return tuple(found)


def _written(
    text: str, content: _Channel, schemas: Mapping[str, Mapping[str, Any]], *, lone_end: bool
) -> tuple[Written | None, _Channel]:
    """Find calls that are written as text, and what the text before them holds.

    They are read from what the server sent: a control token in a string of theirs belongs to their arguments.
    """
    if content.mended and (sent := find_written(text, schemas)) is not None:
        before = _read(sent.text, Scanner(schemas, asides=True), schemas, lone_end=lone_end)
        return (None, content) if before.calls else (Written(before.text.rstrip(), sent.calls), before)
    found = find_written(content.text, schemas)
    if found is None or content.calls or not _verbatim(content.text[len(found.text) :], text):
        return None, content
    return found, content


def _verbatim(block: str, text: str) -> bool:
    """Whether the JSON of a block stands in a text letter by letter: no token was taken out of a value."""
    body = _BODY.search(block)
    return body is not None and body[0] in text


def _named(call: RawCall, schemas: Mapping[str, Mapping[str, Any]], mended: list[tuple[str, str]]) -> str:
    known = resolve(call.name, schemas)
    if known is None:
        bare = without_header(call.name.strip())
        if _NO_NAME.fullmatch(call.name.strip()) or _NO_NAME.fullmatch(bare):
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
