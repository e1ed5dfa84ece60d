"""What happened, in the words of the protocol: the same for a running turn and for a stored session."""

import json
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias, cast

from acp.schema import (
    AgentMessageChunk,
    AgentPlanUpdate,
    AgentThoughtChunk,
    ImageContentBlock,
    PlanEntry,
    SessionInfoUpdate,
    TextContentBlock,
    UserMessageChunk,
)
from pydantic import BaseModel

from kcode.editing.encoding import readable
from kcode.frontends.acp.calls import KINDS, Call, fenced, shown_title
from kcode.frontends.acp.hello import Abilities
from kcode.session.records import title_of
from kcode.types.events import (
    AgentFinished,
    AgentStarted,
    CallDelta,
    Checkpointed,
    Cleared,
    Compacted,
    ContextTrimmed,
    Event,
    MessageAdded,
    ModeChanged,
    ModelChanged,
    Notice,
    PermissionDecided,
    PromptSet,
    Redone,
    ResponseBroken,
    Restored,
    Retrying,
    StepEnded,
    StepStarted,
    TextDelta,
    ThinkingDelta,
    TodosSet,
    ToolFinished,
    ToolProgress,
    ToolStarted,
    TurnEnded,
    TurnStarted,
    Uncompacted,
    Undone,
)
from kcode.types.frontend import PermissionRequest
from kcode.types.messages import AssistantMessage, ImagePart, TextPart, ToolMessage, UserMessage
from kcode.types.tool import CommandNeed

Update: TypeAlias = BaseModel | dict[str, Any]
Updates: TypeAlias = Sequence[Update]

QUIET: tuple[type[Event], ...] = (
    PromptSet,
    TurnStarted,
    StepEnded,
    CallDelta,
    ResponseBroken,
    PermissionDecided,
    ContextTrimmed,
    Uncompacted,
    Undone,
    Redone,
    Checkpointed,
    Restored,
    ModelChanged,
    ModeChanged,
    AgentStarted,
    AgentFinished,
)
"""Events that say nothing to an editor by themselves; the session tells of modes, models and usage."""


@dataclass(frozen=True, slots=True)
class Place:
    """How paths are spelled for the editor, and how the text of a file before a change is had."""

    shown: Callable[[str], str] = str
    read: Callable[[str], Awaitable[str | None]] | None = None


class Translator:
    """Turns events into updates.

    Attributes:
        calls: the calls that are under way, by id.
        titled: whether the session's title was told.
        handlers: what is said of each kind of event; ToolStarted apart, which has to look at files.
    """

    def __init__(self, place: Place, can: Abilities, *, live: bool) -> None:
        """`live`: the person sees their own words already, and pieces came before their whole."""
        self.calls: dict[str, Call] = {}
        self._place = place
        self._can = can
        self._live = live
        self._message = _new_id()
        self._streamed = {"text": False, "thinking": False}
        self.titled = False
        self.handlers: Mapping[type[Event], Callable[[Any], Updates]] = {
            StepStarted: self._step,
            TextDelta: self._text,
            ThinkingDelta: self._thinking,
            MessageAdded: self._added,
            ToolProgress: self._progress,
            ToolFinished: self._finished,
            TodosSet: self._todos,
            Cleared: self._cleared,
            Compacted: self._compacted,
            Retrying: self._retrying,
            Notice: self._noticed,
            TurnEnded: self._ended,
        }

    async def of(self, event: Event) -> Updates:
        """The updates that tell of an event; those of sub-agents are told by their calls alone."""
        if isinstance(event, ToolStarted):
            return [await self._started(event)]
        handler = self.handlers.get(type(event))
        if handler is None or (event.agent != "main" and type(event) not in FROM_ANYONE):
            return []
        return handler(event)

    async def pending(self, request: PermissionRequest) -> tuple[Call, Updates]:
        """The call that a question is about, and what announces it."""
        invocation = request.invocation
        call = self._call(request.call_id, request.tool)
        call.title, call.kind, call.diff = invocation.title, invocation.kind, invocation.diff
        call.arguments = request.arguments
        paths = [str(path) for path in invocation.paths]
        call.paths = tuple(map(self._place.shown, paths))
        call.before = await self._before(paths, call.diff)
        commands = [need.command for need in invocation.needs if isinstance(need, CommandNeed)]
        words = [invocation.description, request.reason]
        if commands:
            words.insert(1, "\n".join(fenced(shown_title(command), "sh") for command in commands))
        call.notes = [word for word in words if word]
        return call, [call.announce("pending")]

    async def _started(self, event: ToolStarted) -> Update:
        call = self._call(event.call_id, event.name)
        call.notes = []
        call.title, call.kind, call.arguments = event.title, event.kind, event.arguments
        if not call.announced or call.diff != event.diff:
            call.diff = event.diff
            call.before = await self._before(event.paths, event.diff)
        call.paths = tuple(map(self._place.shown, event.paths))
        return call.announce("in_progress")

    async def _before(self, paths: Sequence[str], diff: str) -> str | None:
        if not diff or not paths or self._place.read is None:
            return None
        return await self._place.read(paths[0])

    def _call(self, call_id: str, name: str) -> Call:
        call = self.calls.get(call_id)
        if call is None:
            call = self.calls[call_id] = Call(call_id, name, name, KINDS.get(name, "other"))
        return call

    def _step(self, _: StepStarted) -> Updates:
        self._message = _new_id()
        self._streamed = {"text": False, "thinking": False}
        return []

    def _text(self, event: TextDelta) -> Updates:
        self._streamed["text"] = True
        return [self._said(event.text)]

    def _thinking(self, event: ThinkingDelta) -> Updates:
        self._streamed["thinking"] = True
        return [self._thought(event.text)]

    def _added(self, event: MessageAdded) -> Updates:
        match event.message:
            case UserMessage() as message:
                return self._asked(message) if event.agent == "main" else []
            case AssistantMessage() as message:
                return self._answered(message, main=event.agent == "main")
            case ToolMessage() as message:
                call = self.calls.pop(message.call_id, None)
                return [call.result(message.parts, is_error=message.is_error)] if call else []

    def _asked(self, message: UserMessage) -> Updates:
        if message.origin == "harness":
            return []
        out: list[Update] = []
        if not self._live:
            key = _new_id()
            out += [
                UserMessageChunk(session_update="user_message_chunk", content=block, message_id=key)
                for block in map(_block, message.parts)
                if block is not None
            ]
        if not self.titled and message.origin == "user":
            self.titled = True
            title = title_of(message)
            if title:
                now = datetime.now(tz=UTC).isoformat(timespec="seconds")
                out.append(
                    SessionInfoUpdate(
                        session_update="session_info_update",
                        title=title,
                        updated_at=now if self._live else None,
                    )
                )
        return out

    def _answered(self, message: AssistantMessage, *, main: bool) -> Updates:
        """What was not streamed; the calls are told of when they start, and known by then."""
        for written in message.tool_calls:
            self._call(written.id, written.name).arguments = _arguments(written.arguments)
        if not main:
            return []
        if not self._live:
            self._message = _new_id()
        out: list[Update] = []
        if message.thinking and not self._streamed["thinking"]:
            out.append(self._thought(message.thinking))
        if message.text and not self._streamed["text"]:
            out.append(self._said(message.text))
        return out

    def _progress(self, event: ToolProgress) -> Updates:
        call = self.calls.get(event.call_id)
        if call is not None:
            call.add_output(event.text)
        return []

    def _finished(self, event: ToolFinished) -> Updates:
        call = self._call(event.call_id, event.name)
        if not call.announced:
            call.title = event.title or call.title
            return [call.announce("completed" if event.status == "completed" else "failed")]
        return [call.ended(event.status)]

    def _todos(self, event: TodosSet) -> Updates:
        entries = [
            PlanEntry(content=todo.content, priority="medium", status=todo.status) for todo in event.todos
        ]
        return [AgentPlanUpdate(session_update="plan", entries=entries)]

    def _cleared(self, _: Cleared) -> Updates:
        return [AgentPlanUpdate(session_update="plan", entries=[])]

    def _compacted(self, _: Compacted) -> Updates:
        if not self._can.compaction:
            return (
                [self._thought("The older conversation was summarised to make room.\n\n")]
                if self._live
                else []
            )
        update = {"sessionUpdate": "compaction_update", "compactionId": _new_id(), "status": "completed"}
        return [update]

    def _retrying(self, event: Retrying) -> Updates:
        self._message = _new_id()
        again = f"{event.message} Trying again in {event.delay:.0f} s ({event.attempt} of {event.attempts})."
        return self.notice(again, "warning")

    def _noticed(self, event: Notice) -> Updates:
        return self.notice(event.text, event.level)

    def _ended(self, event: TurnEnded) -> Updates:
        """Say why the turn ended, where that is not simply an answer; failures are the prompt's answer."""
        if not self._live or not event.note or event.stop_reason in {"error", "cancelled"}:
            return []
        self._message = _new_id()
        return [self._said(event.note)]

    def notice(self, text: str, level: str) -> Updates:
        """A word from kcode itself: as a notice where the editor knows them, else in the conversation."""
        if not self._live:
            return []
        if self._can.notices:
            title, _, rest = text.partition("\n")
            update = {"sessionUpdate": "notice", "severity": level, "title": title or "kcode"}
            return [{**update, "description": rest} if rest.strip() else update]
        key = _new_id()
        block = TextContentBlock(type="text", text=f"{text}\n\n")
        if level == "error":
            return [AgentMessageChunk(session_update="agent_message_chunk", content=block, message_id=key)]
        return [AgentThoughtChunk(session_update="agent_thought_chunk", content=block, message_id=key)]

    def _said(self, text: str) -> AgentMessageChunk:
        block = TextContentBlock(type="text", text=readable(text))
        return AgentMessageChunk(
            session_update="agent_message_chunk", content=block, message_id=self._message
        )

    def _thought(self, text: str) -> AgentThoughtChunk:
        block = TextContentBlock(type="text", text=readable(text))
        return AgentThoughtChunk(
            session_update="agent_thought_chunk", content=block, message_id=self._message
        )


FROM_ANYONE: frozenset[type[Event]] = frozenset({MessageAdded, ToolProgress, ToolFinished})
"""Events that are told of sub-agents too."""


def _arguments(text: str) -> dict[str, Any]:
    try:
        found: object = json.loads(text)
    except ValueError:
        found = None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {"arguments": readable(text)}


def _block(part: object) -> TextContentBlock | ImageContentBlock | None:
    match part:
        case TextPart():
            return TextContentBlock(type="text", text=readable(part.text))
        case ImagePart():
            return ImageContentBlock(type="image", data=part.data, mime_type=part.media_type)
        case _:
            return None


def _new_id() -> str:
    return str(uuid.uuid4())
