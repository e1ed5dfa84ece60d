"""What happened: one vocabulary for the session log, every front end and `--json`.

A durable event is a line of the session log; the others exist only while they are shown.
State is a fold over the durable ones.
"""

from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import ConfigDict, Field, TypeAdapter

from kcode.types.errors import ModelErrorKind
from kcode.types.messages import Message, Repair, Usage
from kcode.types.mode import Mode
from kcode.types.model import JsonObject, ToolSpec
from kcode.types.value import Value

StopReason: TypeAlias = Literal[
    "end_turn", "max_tokens", "max_turn_requests", "refusal", "cancelled", "error"
]
"""ACP's stop reasons, and `error` for a turn that the model's failure ended."""
Limit: TypeAlias = Literal["turns", "budget", "time"]
ToolKind: TypeAlias = Literal[
    "read", "edit", "delete", "move", "search", "execute", "think", "fetch", "other"
]
ToolStatus: TypeAlias = Literal["completed", "failed", "rejected", "cancelled"]


class FileChange(Value):
    """What a call did to one file; hashes are SHA-256 of the whole file, None where it did not exist."""

    path: str
    kind: Literal["add", "update", "delete"]
    added: int = 0
    removed: int = 0
    diff: str = ""
    before: str | None = None
    after: str | None = None


class FileSeen(Value):
    """A file whose text the model was shown: lines `start` to `end`, counted from 1, both included."""

    path: str
    sha256: str
    start: int = 1
    end: int = 0
    whole: bool = True


class Todo(Value):
    """One item of the todo list."""

    content: str
    status: Literal["pending", "in_progress", "completed"] = "pending"
    active_form: str = ""


class EventBase(Value):
    """Common fields: `agent` names the agent that it happened to, `at` is Unix time in seconds."""

    durable: ClassVar[bool] = True
    agent: str = "main"
    at: float = 0.0


class PromptSet(EventBase):
    """From here on requests carry this system prompt and these tools."""

    type: Literal["prompt_set"] = "prompt_set"
    system: str
    tools: tuple[ToolSpec, ...]
    reason: str = "start"


class TurnStarted(EventBase):
    """A prompt was accepted."""

    type: Literal["turn_started"] = "turn_started"


class ErrorInfo(Value):
    """Why the model could not be asked; `transient` where it may work later."""

    kind: ModelErrorKind | Literal["internal"]
    message: str
    transient: bool = False


class TurnEnded(EventBase):
    """The turn is over. `note` says in words why, wherever that is not simply an answer."""

    type: Literal["turn_ended"] = "turn_ended"
    stop_reason: StopReason
    limit: Limit | None = None
    error: ErrorInfo | None = None
    note: str = ""
    steps: int = 0
    duration_ms: int = 0
    api_ms: int = 0


class StepStarted(EventBase):
    """A request to the model begins; `step` counts from 1 within the turn."""

    durable: ClassVar[bool] = False
    type: Literal["step_started"] = "step_started"
    step: int


class StepEnded(EventBase):
    """A response and its calls are done."""

    durable: ClassVar[bool] = False
    type: Literal["step_ended"] = "step_ended"
    step: int
    api_ms: int = 0


class MessageAdded(EventBase):
    """The transcript grew by one message."""

    type: Literal["message_added"] = "message_added"
    message: Message


class TextDelta(EventBase):
    """A piece of the answer that is being streamed."""

    durable: ClassVar[bool] = False
    type: Literal["text_delta"] = "text_delta"
    text: str


class ThinkingDelta(EventBase):
    """A piece of the thinking that is being streamed."""

    durable: ClassVar[bool] = False
    type: Literal["thinking_delta"] = "thinking_delta"
    text: str


class CallDelta(EventBase):
    """The model is writing the arguments of a call of tool `name`."""

    durable: ClassVar[bool] = False
    type: Literal["call_delta"] = "call_delta"
    name: str


class ToolStarted(EventBase):
    """A tool call was authorised and is about to run: the record of the intent."""

    type: Literal["tool_started"] = "tool_started"
    call_id: str
    name: str
    kind: ToolKind
    title: str
    arguments: JsonObject = Field(default_factory=dict)
    paths: tuple[str, ...] = ()
    diff: str = ""
    side_effects: bool = True


class ToolProgress(EventBase):
    """Output of a running tool."""

    durable: ClassVar[bool] = False
    type: Literal["tool_progress"] = "tool_progress"
    call_id: str
    text: str


class ToolFinished(EventBase):
    """A tool call is settled; its message follows in the order in which the model asked."""

    type: Literal["tool_finished"] = "tool_finished"
    call_id: str
    name: str
    status: ToolStatus
    title: str = ""
    duration_ms: int = 0
    changes: tuple[FileChange, ...] = ()
    seen: tuple[FileSeen, ...] = ()
    repairs: tuple[Repair, ...] = ()
    details: JsonObject = Field(default_factory=dict)


class TodosSet(EventBase):
    """The todo list is now this one."""

    type: Literal["todos_set"] = "todos_set"
    todos: tuple[Todo, ...]


class PermissionDecided(EventBase):
    """Whether a call may run, who said so (`user` or the source of a rule) and why."""

    type: Literal["permission_decided"] = "permission_decided"
    call_id: str
    tool: str
    rule: str
    allowed: bool
    source: str
    reason: str = ""


class Retrying(EventBase):
    """A request failed and is sent again after `delay` seconds; what was shown of it is void."""

    type: Literal["retrying"] = "retrying"
    attempt: int
    attempts: int
    delay: float
    kind: ModelErrorKind
    message: str


class ResponseBroken(EventBase):
    """A response did not come to its end or was of no use, and nothing of it is kept; its tokens are paid for.

    `usage` is an estimate of the request and of what was received, unless the server had counted already.
    """

    type: Literal["response_broken"] = "response_broken"
    model: str = ""
    usage: Usage = Usage()


class Hidden(Value):
    """A tool result of which the model sees only the placeholder from now on."""

    call_id: str
    placeholder: str


class Shortened(Value):
    """A message at a position of the transcript of which the model sees only `text` from now on."""

    position: int
    text: str


class ContextTrimmed(EventBase):
    """What the model sees of earlier messages became less; the messages themselves stay in the log.

    Attributes:
        hidden: tool results that are replaced by a placeholder.
        reasoning_before: the reasoning of messages before this position is emptied.
        media: positions of messages whose pictures and videos are replaced by a note.
        shortened: messages of the user of which only the beginning and the end are shown.
        pinned: call ids of results that the person wants to keep in view; `unpinned` takes that back.
        window: the window in tokens that the server's refusal of a request taught, 0 if it taught none.
        tokens_before: the estimate before, in tokens.
        tokens_after: the estimate after, in tokens.
    """

    type: Literal["context_trimmed"] = "context_trimmed"
    hidden: tuple[Hidden, ...] = ()
    reasoning_before: int = 0
    media: tuple[int, ...] = ()
    shortened: tuple[Shortened, ...] = ()
    pinned: tuple[str, ...] = ()
    unpinned: tuple[str, ...] = ()
    window: int = 0
    tokens_before: int = 0
    tokens_after: int = 0


class Compacted(EventBase):
    """The messages before position `upto` are replaced by `summary` in requests.

    `keep` lists positions before `upto` that stay verbatim. Position 0 is the transcript's first message.

    Attributes:
        ledger: what kcode itself put down of the replaced messages; it stands below the summary.
        attached: messages that show the newest views of files in work, after the summary.
        seen: what those views show.
        fallback: whether the summary was written without the model.
        hard: whether messages were dropped because nothing else made room; the summary is the earlier one.
    """

    type: Literal["compacted"] = "compacted"
    upto: int
    summary: str
    keep: tuple[int, ...] = ()
    ledger: str = ""
    attached: tuple[Message, ...] = ()
    seen: tuple[FileSeen, ...] = ()
    hard: bool = False
    trigger: Literal["auto", "manual"] = "auto"
    fallback: bool = False
    tokens_before: int = 0
    tokens_after: int = 0
    usage: Usage = Usage()
    """What the request for the summary used."""
    model: str = ""


class Uncompacted(EventBase):
    """The last compaction is taken back: requests carry again what it replaced."""

    type: Literal["uncompacted"] = "uncompacted"


class Undone(EventBase):
    """The transcript is cut back to its first `upto` messages."""

    type: Literal["undone"] = "undone"
    upto: int


class Redone(EventBase):
    """The last cut of the transcript is taken back, if nothing was said since."""

    type: Literal["redone"] = "redone"


class FileLines(Value):
    """By how many lines a file changed."""

    path: str
    added: int = 0
    removed: int = 0


class Checkpointed(EventBase):
    """The files of the working folder, as they are at this moment, are kept under the id `tree`.

    Attributes:
        moment: before the calls of a response that may change something, or after them.
        top: the absolute path of the folder that the paths in the tree are relative to.
        tree: empty where the files could not be kept; `problem` says why.
        changed: the files that changed since the moment before, the first ones only; `more` counts the rest.
        omitted: paths below `top` that are not kept: too large, or a repository of their own.
    """

    type: Literal["checkpointed"] = "checkpointed"
    moment: Literal["before", "after"]
    top: str = ""
    tree: str = ""
    problem: str = ""
    changed: tuple[FileLines, ...] = ()
    more: int = 0
    omitted: tuple[str, ...] = ()


class RestoredFile(Value):
    """A file before and after it was put back: SHA-256 and git's mode, None where there was no file."""

    path: str
    before: str | None
    after: str | None
    before_mode: str = ""
    after_mode: str = ""


class Restored(EventBase):
    """Files were put back to what they were before an earlier prompt; with `redo`, that was taken back.

    `conversation` says that the transcript is cut, or grows again, with it.
    """

    type: Literal["restored"] = "restored"
    files: tuple[RestoredFile, ...]
    conversation: bool = False
    redo: bool = False


class Cleared(EventBase):
    """The conversation starts anew; what was said before stays in the log only."""

    type: Literal["cleared"] = "cleared"


class ModelChanged(EventBase):
    """Requests go to another model from here on."""

    type: Literal["model_changed"] = "model_changed"
    model: str
    window: int


class ModeChanged(EventBase):
    """The permission mode changed."""

    type: Literal["mode_changed"] = "mode_changed"
    mode: Mode


class AgentStarted(EventBase):
    """A sub-agent named `child` began."""

    type: Literal["agent_started"] = "agent_started"
    child: str
    task: str
    call_id: str = ""


class AgentFinished(EventBase):
    """A sub-agent ended."""

    type: Literal["agent_finished"] = "agent_finished"
    child: str
    stop_reason: StopReason


class Notice(EventBase):
    """A word from kcode itself to the person; `code` names its kind for programs."""

    durable: ClassVar[bool] = False
    type: Literal["notice"] = "notice"
    level: Literal["info", "warning", "error"] = "info"
    text: str
    code: str = ""


Event: TypeAlias = (
    PromptSet
    | TurnStarted
    | TurnEnded
    | StepStarted
    | StepEnded
    | MessageAdded
    | TextDelta
    | ThinkingDelta
    | CallDelta
    | ToolStarted
    | ToolProgress
    | ToolFinished
    | TodosSet
    | PermissionDecided
    | Retrying
    | ResponseBroken
    | ContextTrimmed
    | Compacted
    | Uncompacted
    | Undone
    | Redone
    | Checkpointed
    | Restored
    | Cleared
    | ModelChanged
    | ModeChanged
    | AgentStarted
    | AgentFinished
    | Notice
)

EVENT: TypeAdapter[Event] = TypeAdapter(
    Annotated[Event, Field(discriminator="type")], config=ConfigDict(defer_build=True)
)
