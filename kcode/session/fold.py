"""The state of a conversation is a fold over its durable events."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from copy import copy
from typing import Any, assert_never

from kcode.session.settle import Openings, lost_result
from kcode.session.totals import Totals
from kcode.types.events import (
    AgentFinished,
    AgentStarted,
    CallDelta,
    Checkpointed,
    Cleared,
    Compacted,
    ContextTrimmed,
    Event,
    FileSeen,
    MessageAdded,
    Mode,
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
    Todo,
    TodosSet,
    ToolFinished,
    ToolProgress,
    ToolStarted,
    TurnEnded,
    TurnStarted,
    Uncompacted,
    Undone,
)
from kcode.types.messages import AssistantMessage, Message, ToolCall, ToolMessage, Usage
from kcode.types.model import ToolSpec
from kcode.types.state import CallRecord, Changed

_CUT = (
    *("_transcript", "_todos", "_seen", "_hidden", "_reasoning_before", "_compactions", "_media_dropped"),
    *("_shortened", "_pinned", "_calls", "_uncompacted", "_journal", "_waiting", "_answers"),
)
"""What cutting the transcript changes."""


class Fold:
    """What is known of one agent after its events; see `kcode.types.state.State`.

    The transcript is wire-valid at every moment but for the calls that still wait for a result (`waiting`):
    whatever a damaged log has lost, a result without its call is left out, and a call whose result never came
    is answered before the next message. `settlement` gives the events that answer the rest.

    Attributes:
        totals: tokens, dollars, time and changed lines, of this agent and its sub-agents.
        model: the model in use, "" before one was named.
        window: its context window in tokens, 0 before one was named.
        mode: the permission mode, None before one was set.
        shapes: how often requests changed other than by growing.
        window_learnt: the window that a refusal taught, 0 if none did.
    """

    def __init__(self, agent: str = "main") -> None:
        self.agent = agent
        self.totals = Totals()
        self.model: str = ""
        self.window: int = 0
        self.mode: Mode | None = None
        self.shapes = 0
        self.window_learnt = 0
        self._system = ""
        self._tools: tuple[ToolSpec, ...] = ()
        self._open = Openings()
        self._restart()

    def _restart(self) -> None:
        self._transcript: list[Message] = []
        self._todos: tuple[Todo, ...] = ()
        self._seen: dict[str, FileSeen] = {}
        self._hidden: dict[str, str] = {}
        self._reasoning_before = 0
        self._reshaped = 0
        self._compactions: list[Compacted] = []
        self._media_dropped: set[int] = set()
        self._shortened: dict[int, str] = {}
        self._pinned: set[str] = set()
        self._calls: dict[str, CallRecord] = {}
        self._uncompacted = False
        self._journal: list[tuple[int, ToolFinished | TodosSet | Compacted]] = []
        """What undo has to forget again, with the length of the transcript when it happened."""
        self._waiting: list[ToolCall] = []
        self._answers: dict[str, ToolMessage] = {}
        self._cuts: list[dict[str, Any]] = []
        """What was known before each cut of the transcript that can still be taken back."""

    @property
    def transcript(self) -> Sequence[Message]:
        """Everything said, in order; the same growing list at every call."""
        return self._transcript

    @property
    def system(self) -> str:
        """The system prompt, empty before the first prompt."""
        return self._system

    @property
    def tools(self) -> Sequence[ToolSpec]:
        """The tools that requests carry."""
        return self._tools

    @property
    def todos(self) -> Sequence[Todo]:
        """The todo list."""
        return self._todos

    @property
    def seen(self) -> Mapping[str, FileSeen]:
        """By absolute path: the newest view of each file that the model read or wrote."""
        return self._seen

    @property
    def hidden(self) -> Mapping[str, str]:
        """By call id: the placeholder that stands for a hidden tool result."""
        return self._hidden

    @property
    def reasoning_before(self) -> int:
        """Reasoning of messages before this position is sent as an empty text."""
        return self._reasoning_before

    @property
    def media_dropped(self) -> AbstractSet[int]:
        """Positions of messages whose pictures and videos are sent as a note."""
        return self._media_dropped

    @property
    def shortened(self) -> Mapping[int, str]:
        """By position: the text that stands for an overlong message of the user."""
        return self._shortened

    @property
    def pinned(self) -> AbstractSet[str]:
        """Call ids of results that the person wants to keep in view."""
        return self._pinned

    @property
    def calls(self) -> Mapping[str, CallRecord]:
        """By call id: the settled calls, in the order in which they ended."""
        return self._calls

    @property
    def uncompacted(self) -> bool:
        """Whether the person took the last compaction back."""
        return self._uncompacted

    @property
    def compacted(self) -> Compacted | None:
        """The compaction in force."""
        return self._compactions[-1] if self._compactions else None

    @property
    def compacted_before(self) -> Compacted | None:
        """The compaction that would be in force without the last one."""
        return self._compactions[-2] if len(self._compactions) > 1 else None

    @property
    def reshaped(self) -> int:
        """How long the transcript was when requests last changed other than by growing."""
        return self._reshaped

    @property
    def redoable(self) -> bool:
        """Whether the last cut of the transcript can be taken back."""
        return bool(self._cuts)

    @property
    def usage(self) -> Usage:
        """Tokens and dollars of the whole session, sub-agents included; undo gives nothing back."""
        return self.totals.usage

    @property
    def waiting(self) -> Sequence[ToolCall]:
        """The calls of the last response that have no result yet."""
        return [call for call in self._waiting if call.id not in self._answers]

    @property
    def in_turn(self) -> bool:
        """Whether a turn began and did not end."""
        return self._open.turn

    def settlement(self) -> Sequence[Event]:
        """Return the events to append before anything else may follow; none if nothing is open."""
        return self._open.settle(self.agent, self.waiting)

    def apply(self, event: Event) -> None:
        """Take in one event; of other agents only what their requests cost, if they are its sub-agents."""
        if event.agent != self.agent:
            self._count_other(event)
            return
        self.totals.count_response(event)
        match event:
            case MessageAdded(message=message):
                self._add(message)
            case ToolStarted() | ToolFinished() | TodosSet():
                self._tool(event)
            case TurnStarted() | TurnEnded():
                self._turn(event)
            case PromptSet() | ModelChanged() | ModeChanged():
                self._set(event)
            case ContextTrimmed() | Compacted() | Uncompacted() | Undone() | Cleared() | Redone():
                self._reform(event)
            case (
                PermissionDecided()
                | Retrying()
                | ResponseBroken()
                | AgentStarted()
                | AgentFinished()
                | Notice()
            ):
                pass
            case StepStarted() | StepEnded() | TextDelta() | ThinkingDelta() | CallDelta() | ToolProgress():
                pass
            # Files that are put back are read again by whoever needs them: their hash tells.
            case Checkpointed() | Restored():
                pass
            case _:
                assert_never(event)

    def _count_other(self, event: Event) -> None:
        if not event.agent.startswith(f"{self.agent}/"):
            return
        self.totals.count_response(event)
        if isinstance(event, ToolFinished):
            self.totals.count_changes(event)

    def _add(self, message: Message) -> None:
        self._cuts.clear()
        if isinstance(message, ToolMessage):
            self._answer(message)
            return
        for call in self.waiting:
            self._answer(lost_result(call, started=self._open.started(call.id)))
        self._transcript.append(message)
        if isinstance(message, AssistantMessage):
            self._expect(message)

    def _expect(self, message: AssistantMessage) -> None:
        self._answers = {}
        self._waiting = list({call.id: call for call in message.tool_calls}.values())

    def _answer(self, message: ToolMessage) -> None:
        order = [call.id for call in self._waiting]
        if message.call_id not in order or message.call_id in self._answers:
            return
        place = order.index(message.call_id)
        later = sum(call_id in self._answers for call_id in order[place + 1 :])
        self._transcript.insert(len(self._transcript) - later, message)
        self._answers[message.call_id] = message
        if len(self._answers) == len(order):
            self._expect(AssistantMessage(parts=()))

    def _tool(self, event: ToolStarted | ToolFinished | TodosSet) -> None:
        match event:
            case ToolStarted():
                self._open.start(event)
            case ToolFinished():
                self._open.finish(event.call_id)
                self.totals.count_changes(event)
                self._calls[event.call_id] = _record(event)
                if event.seen:
                    self._journal.append((len(self._transcript), event))
                    self._remember(event)
            case TodosSet():
                self._journal.append((len(self._transcript), event))
                self._remember(event)

    def _remember(self, event: ToolFinished | TodosSet | Compacted) -> None:
        if isinstance(event, TodosSet):
            self._todos = event.todos
            return
        for seen in event.seen:
            self._seen.pop(seen.path, None)
            self._seen[seen.path] = seen

    def _turn(self, event: TurnStarted | TurnEnded) -> None:
        if isinstance(event, TurnStarted):
            self._open.turn = True
            return
        self._open.end()
        self.totals.count_turn(event)

    def _set(self, event: PromptSet | ModelChanged | ModeChanged) -> None:
        match event:
            case PromptSet():
                self._system, self._tools = event.system, event.tools
            case ModelChanged():
                self.model, self.window, self.window_learnt = event.model, event.window, 0
            case ModeChanged():
                self.mode = event.mode
                return
        self._reshape()

    def _reshape(self) -> None:
        self._reshaped = len(self._transcript)
        self.shapes += 1

    def _reform(self, event: ContextTrimmed | Compacted | Uncompacted | Undone | Cleared | Redone) -> None:
        if isinstance(event, ContextTrimmed | Compacted | Uncompacted):
            self._shrink(event)
        else:
            self._cut(event)

    def _shrink(self, event: ContextTrimmed | Compacted | Uncompacted) -> None:
        match event:
            case Compacted():
                self._reshape()
                upto = min(event.upto, len(self._transcript))
                event = event if upto == event.upto else event.model_copy(update={"upto": upto})
                self._compactions.append(event)
                self._uncompacted = False
                if event.seen:
                    self._journal.append((len(self._transcript), event))
                    self._remember(event)
                    self._calls.update(_views(event))
            case Uncompacted():
                self._reshape()
                self._uncompacted = bool(self._compactions)
                del self._compactions[-1:]
            case ContextTrimmed():
                self._trim(event)

    def _trim(self, event: ContextTrimmed) -> None:
        if event.hidden or event.reasoning_before or event.media or event.shortened:
            self._reshape()
        self._hidden.update({hidden.call_id: hidden.placeholder for hidden in event.hidden})
        self._reasoning_before = max(self._reasoning_before, event.reasoning_before)
        self._media_dropped.update(event.media)
        self._shortened.update({shortened.position: shortened.text for shortened in event.shortened})
        self._pinned.update(event.pinned)
        self._pinned.difference_update(event.unpinned)
        self.window_learnt = event.window or self.window_learnt

    def _cut(self, event: Undone | Cleared | Redone) -> None:
        if isinstance(event, Cleared):
            self._restart()
            self.shapes += 1
            return
        if isinstance(event, Redone):
            self._uncut()
            return
        upto = max(event.upto, 0)
        self._cuts.append({name: copy(getattr(self, name)) for name in _CUT})
        del self._transcript[upto:]
        self._reshape()
        self._media_dropped = {position for position in self._media_dropped if position < upto}
        self._shortened = {position: text for position, text in self._shortened.items() if position < upto}
        self._reasoning_before = min(self._reasoning_before, len(self._transcript))
        self._compactions = [c for c in self._compactions if c.upto <= upto]
        said = set(self._said())
        self._calls = {call_id: record for call_id, record in self._calls.items() if call_id in said}
        self._journal = [(length, entry) for length, entry in self._journal if length < upto]
        self._todos, self._seen = (), {}
        for _, entry in self._journal:
            self._remember(entry)
        self._reopen()

    def _uncut(self) -> None:
        """Take the last cut back; nothing was added to the transcript since."""
        if not self._cuts:
            return
        before = self._cuts.pop()
        # The list itself stays the same one, since others hold it.
        self._transcript[:] = before.pop("_transcript")
        for name, value in before.items():
            setattr(self, name, value)
        self._reshape()

    def _said(self) -> Iterable[str]:
        said = [*self._transcript, *(m for compacted in self._compactions for m in compacted.attached)]
        return (c.id for m in said if isinstance(m, AssistantMessage) for c in m.tool_calls)

    def _reopen(self) -> None:
        """Find the calls that lost their results to the cut."""
        start = len(self._transcript)
        while start and isinstance(self._transcript[start - 1], ToolMessage):
            start -= 1
        last = self._transcript[start - 1] if start else None
        answers = self._transcript[start:]
        del self._transcript[start:]
        self._expect(last if isinstance(last, AssistantMessage) else AssistantMessage(parts=()))
        for message in answers:
            if isinstance(message, ToolMessage):
                self._answer(message)


def _record(event: ToolFinished) -> CallRecord:
    changed = tuple(Changed(c.path, c.added, c.removed, c.after) for c in event.changes)
    outline, spill = event.details.get("outline"), event.details.get("spill")
    return CallRecord(
        event.name,
        event.title,
        event.status,
        event.seen,
        changed,
        outline if isinstance(outline, str) else "",
        spill if isinstance(spill, str) else "",
    )


def _views(event: Compacted) -> Mapping[str, CallRecord]:
    """Tell which file each attached view shows."""
    results = [message for message in event.attached if isinstance(message, ToolMessage)]
    return {
        message.call_id: CallRecord(message.name, seen.path, "completed", seen=(seen,))
        for message, seen in zip(results, event.seen, strict=False)
    }


def fold(events: Iterable[Event], agent: str = "main") -> Fold:
    """Fold events from the start."""
    state = Fold(agent)
    for event in events:
        state.apply(event)
    return state


def settle(events: Iterable[Event], agent: str = "main") -> Sequence[Event]:
    """Return the events that must follow these before the conversation can go on."""
    return fold(events, agent).settlement()
