"""Conversations to record, and what makes a transcript acceptable to a server."""

from collections.abc import Sequence

from hypothesis import strategies as st

from kcode.session.records import Header
from kcode.types.events import (
    Checkpointed,
    Cleared,
    Compacted,
    ContextTrimmed,
    Event,
    FileChange,
    FileSeen,
    Hidden,
    MessageAdded,
    ModelChanged,
    PromptSet,
    Redone,
    Restored,
    RestoredFile,
    TextDelta,
    Todo,
    TodosSet,
    ToolFinished,
    ToolStarted,
    TurnEnded,
    TurnStarted,
    Undone,
)
from kcode.types.messages import (
    AssistantMessage,
    Message,
    TextPart,
    ToolCall,
    ToolMessage,
    Usage,
    UserMessage,
)


def header(session: str = "5f0c", cwd: str = "/project") -> Header:
    return Header(id=session, cwd=cwd, created=1.0, version="0")


def user(text: str = "do it") -> MessageAdded:
    return MessageAdded(message=UserMessage(parts=(TextPart(text=text),)))


def answer(text: str = "done", *calls: str, usage: Usage | None = None) -> MessageAdded:
    parts = (TextPart(text=text), *(ToolCall(id=c, name="Bash", arguments="{}") for c in calls))
    return MessageAdded(message=AssistantMessage(parts=parts, usage=usage or Usage(), model="m"))


def result(call: str, text: str = "ok") -> MessageAdded:
    return MessageAdded(message=ToolMessage(call_id=call, name="Bash", parts=(TextPart(text=text),)))


def started(call: str, *, side_effects: bool = True) -> ToolStarted:
    return ToolStarted(call_id=call, name="Bash", kind="execute", title="Bash", side_effects=side_effects)


def finished(call: str, *seen: str) -> ToolFinished:
    views = tuple(FileSeen(path=path, sha256="0" * 64) for path in seen)
    changes = tuple(FileChange(path=path, kind="update", added=2, removed=1) for path in seen)
    return ToolFinished(call_id=call, name="Bash", status="completed", seen=views, changes=changes)


def ended() -> TurnEnded:
    return TurnEnded(stop_reason="end_turn", duration_ms=10, api_ms=4)


def turn(prompt: str, *calls: str) -> list[Event]:
    """A whole turn: a prompt, one response with these calls, and an answer."""
    events: list[Event] = [TurnStarted(), user(prompt)]
    if calls:
        events.append(answer("", *calls))
        for call in calls:
            events += [started(call), finished(call)]
        events += [result(call) for call in calls]
    return [*events, answer(), ended()]


def objections(transcript: Sequence[Message]) -> list[str]:
    """Say what a server would refuse: results that answer nothing, calls that nothing answers."""
    found: list[str] = []
    due: list[str] = []
    for position, message in enumerate(transcript):
        if isinstance(message, ToolMessage):
            if not due or message.call_id != due.pop(0):
                found.append(f"{position}: {message.call_id} is not the next call to be answered")
            continue
        found += [f"{position}: {call} was never answered" for call in due]
        due = [call.id for call in message.tool_calls] if isinstance(message, AssistantMessage) else []
    return found + [f"end: {call} was never answered" for call in due]


@st.composite
def logs(draw: st.DrawFn) -> list[Event]:
    """Any conversation, with everything that may lie between two turns."""
    events: list[Event] = [PromptSet(system="be good", tools=())]
    names = iter(f"call-{n}" for n in range(1000))
    for _ in range(draw(st.integers(0, 4))):
        events += [TurnStarted(), user()]
        for _ in range(draw(st.integers(0, 3))):
            events += _step(draw, [next(names) for _ in range(draw(st.integers(0, 3)))])
        events += [ended(), *draw(st.lists(_between(), max_size=2))]
    return events


def _step(draw: st.DrawFn, calls: list[str]) -> list[Event]:
    running: list[Event] = [TextDelta(text="d"), answer("", *calls)]
    beginnings: list[Event] = [started(call) for call in calls]
    ends: list[Event] = [finished(call, f"/f/{call}") for call in calls]
    running += beginnings + draw(st.permutations(ends))
    if draw(st.booleans()):
        running.append(TodosSet(todos=(Todo(content="x"),)))
    return running + [result(call) for call in calls]


def _between() -> st.SearchStrategy[Event]:
    positions = st.integers(0, 12)
    return st.one_of(
        st.builds(Undone, upto=positions),
        st.builds(Redone),
        st.builds(Checkpointed, moment=st.sampled_from(["before", "after"]), tree=st.just("ab12")),
        st.builds(Restored, files=st.just((RestoredFile(path="/f", before=None, after="00"),))),
        st.builds(Compacted, upto=positions, summary=st.just("so far")),
        st.builds(
            ContextTrimmed,
            reasoning_before=positions,
            hidden=st.just((Hidden(call_id="call-0", placeholder="-"),)),
        ),
        st.builds(Cleared),
        st.builds(ModelChanged, model=st.just("m2"), window=st.just(1000)),
    )
