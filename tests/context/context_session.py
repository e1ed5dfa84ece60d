"""A conversation that drives the context room as the engine does, and checks what must always hold.

The server is a stand-in that counts tokens in its own way, refuses what is over its window, and answers with
what the case wants.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from kcode.context import tokens
from kcode.context.budget import Limits, budget
from kcode.context.window import ContextWindow
from kcode.session.fold import Fold, fold
from kcode.types.errors import ModelError
from kcode.types.events import (
    EVENT,
    Cleared,
    Compacted,
    ContextTrimmed,
    Event,
    FileChange,
    FileSeen,
    MessageAdded,
    ModelChanged,
    Notice,
    PromptSet,
    Todo,
    TodosSet,
    ToolFinished,
    Uncompacted,
    Undone,
)
from kcode.types.messages import (
    AssistantMessage,
    AssistantPart,
    ImagePart,
    Message,
    TextPart,
    ThinkingPart,
    ToolCall,
    ToolMessage,
    Usage,
    UserMessage,
)
from kcode.types.model import ModelInfo, Request

RESHAPING = (PromptSet, ContextTrimmed, Compacted, Uncompacted, Undone, Cleared, ModelChanged)
PICTURE = ImagePart(media_type="image/png", data="iVBORw0KGgo" * 400)


def words(rng: Random, size: int) -> str:
    """Text of about `size` tokens that occurs nowhere else."""
    line = f"{rng.getrandbits(64):016x} the quick brown fox jumps over the lazy dog\n"
    length = max(1, size * len(line) // tokens.of_text(line))
    return (line * (length // len(line) + 1))[:length]


@dataclass
class Server:
    """Counts `factor` tokens for each estimated one, and knows its window."""

    window: int
    factor: float = 1.0
    summaries: str = "good"
    known: tokens.TokenCount = field(default_factory=tokens.TokenCount)

    def count(self, request: Request) -> int:
        own = tokens.of_text(request.system) + tokens.of_tools(request.tools)
        return int(self.factor * (own + self.known.of(request.messages)))


class Session:
    """One conversation with its log."""

    def __init__(
        self, window: int, seed: int = 0, *, auto: bool = True, factor: float = 1.0, fixed: int = 1_000
    ) -> None:
        self.rng = Random(seed)
        self.model = ModelInfo("m", window=window, max_output=8_192, images=True, thinking=True)
        self.server = Server(window, factor)
        self.auto = auto
        self.log: list[str] = []
        self.fired: Counter[str] = Counter()
        self.notices: list[str] = []
        self.requests: list[list[Message]] = []
        self.sizes: list[int] = []
        self.calls = 0
        self.failed = 0
        self.least_user = 1 << 40
        self._events_since_request = 0
        self._hidden_ever: set[str] = set()
        self.state = Fold()
        self.context = self._context()
        self.apply(PromptSet(system=words(self.rng, fixed), tools=()))
        self.apply(ModelChanged(model="m", window=window))
        self.system = self.state.system

    def _context(self) -> ContextWindow:
        return ContextWindow(auto=self.auto, limits=Limits())

    def apply(self, event: Event) -> None:
        self.state.apply(event)
        if event.durable:
            self.log.append(EVENT.dump_json(event).decode())
        if isinstance(event, RESHAPING):
            self._events_since_request += 1

    async def emit(self, event: Event) -> None:
        room = budget(self.model, Limits(), window=self.state.window_learnt)
        match event:
            case ContextTrimmed():
                self.fired["batch"] += bool(event.hidden)
                self.fired["reasoning"] += bool(event.reasoning_before)
                self.fired["media"] += bool(event.media)
                self.fired["shortened"] += bool(event.shortened)
                self.fired["learnt"] += bool(event.window)
                if event.reasoning_before and event.tokens_before <= room.limit:
                    self._spares_the_tail(event)
            case Compacted():
                self.fired["hard" if event.hard else "fallback" if event.fallback else "summary"] += 1
                self.fired["attached"] += bool(event.attached)
                self.least_user = min(self.least_user, room.user)
                before = self._view_tokens()
                latest = self._latest_summary()
                self.apply(event)
                assert self._view_tokens() < before, "a compaction must make the request smaller"
                if event.hard and latest:
                    assert latest in "".join(m.text for m in self.view()), "the latest summary must survive"
                return
            case Notice():
                self.notices.append(event.code)
            case _:
                pass
        self.apply(event)

    def _latest_summary(self) -> str:
        return self.state.compacted.summary if self.state.compacted else ""

    def _view_tokens(self) -> int:
        return self.server.known.of(self.view())

    def view(self) -> list[Message]:
        return list(self.context.request(self.state, self.model).messages)

    def _spares_the_tail(self, event: ContextTrimmed) -> None:
        last = next(
            i
            for i in range(len(self.state.transcript) - 1, -1, -1)
            if isinstance(self.state.transcript[i], AssistantMessage)
        )
        recent = {m.call_id for m in self.state.transcript[last:] if isinstance(m, ToolMessage)}
        assert not recent & {h.call_id for h in event.hidden}, "the last step must stay in view"

    async def respond(self, request: Request) -> AssistantMessage:
        """Answer a request for a summary."""
        self._check_pairs(request.messages)
        if self.server.summaries == "fails" or self.server.count(request) > self.server.window:
            raise ModelError("no", kind="overloaded")
        if self.server.summaries == "empty":
            return AssistantMessage(parts=(TextPart(text="  "),))
        size = 30_000 if self.server.summaries == "huge" else 400
        return AssistantMessage(parts=(TextPart(text="SUMMARY " + words(self.rng, size)),))

    def say(self, text: str, *, picture: bool = False) -> None:
        parts = (PICTURE, TextPart(text=text)) if picture else (TextPart(text=text),)
        self.apply(MessageAdded(message=UserMessage(parts=parts)))

    async def step(
        self, sizes: Sequence[int], *, args: int = 20, thinking: int = 60, picture: bool = False
    ) -> bool:
        """Ask for one response, which calls as many tools as `sizes` has; False where it does not fit."""
        request = await self.ask()
        if request is None:
            return False
        calls = [
            ToolCall(
                id=f"c{self.calls + i}",
                name=self.rng.choice(["Read", "Bash", "Grep", "Edit"]),
                arguments=f'{{"file_path": "{words(self.rng, args).strip()}"}}'.replace("\n", " "),
            )
            for i in range(len(sizes))
        ]
        self.calls += len(sizes)
        parts: list[AssistantPart] = [ThinkingPart(text=words(self.rng, thinking))]
        parts += [TextPart(text=words(self.rng, 20)), *calls]
        usage = Usage(input=self.server.count(request), output=100)
        self.apply(
            MessageAdded(
                message=AssistantMessage(
                    parts=tuple(parts), usage=usage, finish="tool_calls" if calls else "stop"
                )
            )
        )
        for call, size in zip(calls, sizes, strict=True):
            self._settle(call, size, picture=picture)
        return True

    def _settle(self, call: ToolCall, size: int, *, picture: bool) -> None:
        path = f"/w/f{self.rng.randrange(12)}.py"
        failed = call.name == "Bash" and self.rng.random() < 0.3
        seen: tuple[FileSeen, ...] = ()
        changes: tuple[FileChange, ...] = ()
        if call.name in ("Read", "Edit"):
            seen = (FileSeen(path=path, sha256="a" * 64, whole=True),)
        if call.name == "Edit":
            changes = (FileChange(path=path, kind="update", added=1, removed=1, before="a", after="b" * 64),)
        title = f"make target{self.rng.randrange(5)}" if call.name == "Bash" else path
        self.apply(
            ToolFinished(
                call_id=call.id,
                name=call.name,
                title=title,
                seen=seen,
                changes=changes,
                status="failed" if failed else "completed",
            )
        )
        parts: tuple[TextPart | ImagePart, ...] = (TextPart(text=words(self.rng, size)),)
        if picture:
            parts = (*parts, PICTURE)
        self.apply(
            MessageAdded(message=ToolMessage(call_id=call.id, name=call.name, parts=parts, is_error=failed))
        )

    async def ask(self) -> Request | None:
        """Make room and send a request, as the engine does; None where it is said not to fit."""
        overflow: ModelError | None = None
        for attempt in range(4):
            try:
                await self.context.make_room(
                    self.state, self.model, self.emit, self.respond, overflow=overflow
                )
            except ModelError as error:
                if error.kind != "context_overflow":
                    raise
                self.failed += 1
                return None
            request = self.context.request(self.state, self.model)
            self._check(request)
            if self.server.count(request) <= self.server.window:
                return request
            self.fired["refused"] += 1
            overflow = ModelError("too long", kind="context_overflow", window=None)
            assert attempt < 3, "three refusals must be enough"
        return None

    def undo(self, upto: int) -> None:
        self.fired["undo"] += 1
        self.apply(Undone(upto=upto))
        self._hidden_ever = {
            i
            for i in self._hidden_ever
            if i in {m.call_id for m in self.state.transcript if isinstance(m, ToolMessage)}
        }

    def resume(self) -> None:
        """Go on from the log alone."""
        self.fired["resume"] += 1
        live = self.view()
        self.state = fold(EVENT.validate_json(line) for line in self.log)
        self.context = self._context()
        assert self.view() == live, "a resumed conversation must send the same"

    def switch(self, window: int) -> None:
        self.fired["switch"] += 1
        self.model = ModelInfo(f"m{window}", window=window, max_output=8_192, images=True, thinking=True)
        self.server.window = window
        self.apply(ModelChanged(model=self.model.id, window=window))

    def _check(self, request: Request) -> None:
        view = list(request.messages)
        self._check_pairs(view)
        assert request.system == self.system
        room = budget(
            self.model, Limits(), window=self.state.window_learnt, fixed=tokens.of_text(self.system)
        )
        assert self.context.estimate(self.state) <= room.limit
        self._check_users(view, min(room.user, self.least_user))
        again = self.context.request(self.state, self.model)
        assert list(again.messages) == view, "asking twice must give the same"
        if self.requests and not self._events_since_request:
            before = self.requests[-1]
            assert view[: len(before)] == before, "a request must extend the one before"
            self.fired["extended"] += 1
        self._check_hidden(view)
        self.requests = [view]
        self.sizes.append(self.server.known.of(view))
        self._events_since_request = 0

    def _check_hidden(self, view: Sequence[Message]) -> None:
        whole = {m.call_id: m.text for m in self.state.transcript if isinstance(m, ToolMessage)}
        for message in view:
            if isinstance(message, ToolMessage) and message.call_id in self._hidden_ever & whole.keys():
                assert message.text != whole[message.call_id], "what is hidden must stay hidden"
        self._hidden_ever |= set(self.state.hidden)

    def _check_users(self, view: Sequence[Message], room: int) -> None:
        """The first message of the user and the newest ones within the budget are there, word for word."""
        said = [m for m in self.state.transcript if isinstance(m, UserMessage) and m.origin == "user"]
        texts = "\0".join(m.text for m in view if isinstance(m, UserMessage))
        short = set(self.state.shortened.values())
        if said and self.server.known.one(said[0]) <= room:
            assert said[0].text in texts or self._cut_hard()
        left = room - (self.server.known.one(said[0]) if said else 0)
        for message in reversed(said[1:]):
            left -= self.server.known.one(message)
            if left < 0 or self.server.known.one(message) > room // 2:
                break
            assert message.text in texts or message.text in short or self._cut_hard()

    def _cut_hard(self) -> bool:
        return bool(self.state.compacted and self.state.compacted.hard) or bool(self.state.shortened)

    def _check_pairs(self, messages: Sequence[Message]) -> None:
        waiting: list[str] = []
        answered: set[str] = set()
        for message in messages:
            match message:
                case AssistantMessage():
                    assert not waiting, "every call must be answered before the next response"
                    waiting = [c.id for c in message.tool_calls]
                    if waiting and not waiting[0].startswith("view_"):
                        assert any(isinstance(p, ThinkingPart) for p in message.parts), "the field must stay"
                case ToolMessage():
                    assert waiting, "a result needs its call"
                    assert waiting.pop(0) == message.call_id, "results follow their calls in order"
                    assert message.call_id not in answered
                    answered.add(message.call_id)
                case UserMessage():
                    assert not waiting, "nothing may stand between a call and its result"
        assert not waiting


def todos(*names: str) -> TodosSet:
    """A todo list of pending items."""
    return TodosSet(todos=tuple(Todo(content=name) for name in names))
