"""The lines of `--output-format stream-json`: one JSON object for each thing that happened."""

from collections.abc import Iterator
from uuid import uuid4

from pydantic import JsonValue

from kcode import __version__
from kcode.app.conversation import Conversation
from kcode.frontends.shapes.result import usage_object
from kcode.frontends.shapes.tally import arguments_of
from kcode.types.events import (
    AgentStarted,
    Compacted,
    Event,
    MessageAdded,
    PermissionDecided,
    Retrying,
    TextDelta,
    ThinkingDelta,
    ToolFinished,
)
from kcode.types.messages import (
    AssistantMessage,
    AssistantPart,
    ImagePart,
    TextPart,
    ThinkingPart,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from kcode.types.model import JsonObject


def init_line(conversation: Conversation) -> JsonObject:
    """Open the stream: what runs where, with which tools."""
    return {
        "type": "system",
        "subtype": "init",
        "cwd": str(conversation.environment.root),
        "session_id": conversation.session_id,
        "tools": list(conversation.tool_names),
        "mcp_servers": [],
        "model": conversation.model.id,
        "permissionMode": conversation.mode,
        "slash_commands": [command.name for command in conversation.commands()],
        "apiKeySource": conversation.connection.source,
        "kcode_version": __version__,
        "output_style": "default",
        "agents": [],
        "skills": [],
        "plugins": [],
        "uuid": str(uuid4()),
    }


class StreamLines:
    """Turns events into lines, remembering what later lines refer to."""

    def __init__(self, session_id: str, *, partial: bool = False) -> None:
        self._session = session_id
        self._partial = partial
        self._finished: dict[str, ToolFinished] = {}
        self._parents: dict[str, str] = {}

    def of(self, event: Event) -> Iterator[JsonObject]:
        """Yield the lines of one event; most events have none."""
        match event:
            case MessageAdded(message=AssistantMessage() as message):
                yield from self._assistant(event.agent, message)
            case MessageAdded(message=ToolMessage() as message):
                yield self._result(event.agent, message)
            case MessageAdded(message=UserMessage(origin="harness") as message):
                yield self._line(
                    "user", event.agent, message={"role": "user", "content": message.text}, isSynthetic=True
                )
            case TextDelta() | ThinkingDelta() if self._partial:
                yield self._delta(event)
            case _:
                yield from self._system(event)

    def _system(self, event: Event) -> Iterator[JsonObject]:
        match event:
            case ToolFinished():
                self._finished[event.call_id] = event
            case AgentStarted():
                self._parents[event.child] = event.call_id
            case PermissionDecided(allowed=False):
                yield self._line(
                    "system",
                    event.agent,
                    subtype="permission_denied",
                    tool_name=event.tool,
                    tool_use_id=event.call_id,
                    message=event.reason,
                )
            case Retrying():
                yield self._line(
                    "system",
                    event.agent,
                    subtype="api_retry",
                    attempt=event.attempt,
                    max_retries=event.attempts - 1,
                    retry_delay_ms=int(event.delay * 1000),
                    error_status=None,
                    error=event.kind,
                )
            case Compacted():
                data: JsonObject = {
                    "trigger": event.trigger,
                    "pre_tokens": event.tokens_before,
                    "post_tokens": event.tokens_after,
                }
                yield self._line("system", event.agent, subtype="compact_boundary", compact_metadata=data)
            case _:
                pass

    def _assistant(self, agent: str, message: AssistantMessage) -> Iterator[JsonObject]:
        """Give each content block a line of its own, all with the message's id."""
        identity = f"msg_{uuid4().hex[:24]}"
        for part in message.parts:
            body: JsonObject = {
                "id": identity,
                "type": "message",
                "role": "assistant",
                "model": message.model,
                "content": [_block(part)],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": usage_object(message.usage),
            }
            yield self._line("assistant", agent, message=body)

    def _result(self, agent: str, message: ToolMessage) -> JsonObject:
        content: JsonValue = message.text
        if any(isinstance(part, ImagePart) for part in message.parts):
            content = [_content(part) for part in message.parts]
        block: JsonObject = {
            "tool_use_id": message.call_id,
            "type": "tool_result",
            "content": content,
            "is_error": message.is_error,
        }
        finished = self._finished.pop(message.call_id, None)
        line = self._line("user", agent, message={"role": "user", "content": [block]})
        if finished is not None:
            line["tool_use_result"] = {"status": finished.status, **finished.details}
        return line

    def _delta(self, event: TextDelta | ThinkingDelta) -> JsonObject:
        delta: JsonObject = (
            {"type": "text_delta", "text": event.text}
            if isinstance(event, TextDelta)
            else {"type": "thinking_delta", "thinking": event.text}
        )
        return self._line(
            "stream_event", event.agent, event={"type": "content_block_delta", "index": 0, "delta": delta}
        )

    def _line(self, kind: str, agent: str, **fields: JsonValue) -> JsonObject:
        parent = self._parents.get(agent)
        return {
            "type": kind,
            **fields,
            "parent_tool_use_id": parent,
            "session_id": self._session,
            "uuid": str(uuid4()),
        }


def _block(part: AssistantPart) -> JsonObject:
    match part:
        case TextPart():
            return {"type": "text", "text": part.text}
        case ThinkingPart():
            return {"type": "thinking", "thinking": part.text, "signature": ""}
        case ToolCall():
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": arguments_of(part)}


def _content(part: TextPart | ImagePart) -> JsonObject:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    source: JsonObject = {"type": "base64", "media_type": part.media_type, "data": part.data}
    return {"type": "image", "source": source}
