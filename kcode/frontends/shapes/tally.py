"""What a run amounted to, gathered from its events."""

import json
from dataclasses import dataclass, field
from typing import cast

from kcode.types.events import (
    Compacted,
    Event,
    FileChange,
    MessageAdded,
    PermissionDecided,
    ResponseBroken,
    ToolFinished,
    TurnEnded,
    TurnStarted,
)
from kcode.types.messages import AssistantMessage, Repair, ToolCall, Usage, add_usage
from kcode.types.model import JsonObject


@dataclass(slots=True)
class ModelTally:
    """Tokens and dollars of one model; `cost` is None as soon as one price is unknown."""

    usage: Usage = field(default_factory=lambda: Usage(cost=0.0))
    requests: int = 0

    def add(self, usage: Usage) -> None:
        """Add one response."""
        known = self.usage
        cost = None if usage.cost is None or known.cost is None else known.cost + usage.cost
        self.requests += 1
        # The sum skips unknown prices; a result object must not show what is only a part as the whole.
        self.usage = add_usage(known, usage).model_copy(update={"cost": cost})


def arguments_of(call: ToolCall) -> JsonObject:
    """Return a call's arguments as an object; empty where they are not one."""
    try:
        value: object = json.loads(call.arguments or "{}")
    except ValueError:
        return {}
    return cast("JsonObject", value) if isinstance(value, dict) else {}


class Tally:
    """Gathers from events what a result object tells; sub-agents count in."""

    def __init__(self) -> None:
        self.models: dict[str, ModelTally] = {}
        self.calls: dict[str, ToolCall] = {}
        self.denials: list[PermissionDecided] = []
        self.changes: dict[str, FileChange] = {}
        self.repairs: dict[str, int] = {}
        self.ended: TurnEnded | None = None
        self.answer = ""
        self.steps = 0
        self.duration_ms = 0
        self.api_ms = 0

    def take(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case TurnStarted(agent="main"):
                self.answer = ""
            case MessageAdded(message=AssistantMessage() as message):
                self._response(event.agent, message)
            case Compacted(usage=usage, model=model) | ResponseBroken(usage=usage, model=model) if (
                usage.input
            ):
                self.models.setdefault(model, ModelTally()).add(usage)
            case PermissionDecided(allowed=False):
                self.denials.append(event)
            case ToolFinished():
                self._finished(event)
            case TurnEnded(agent="main"):
                self.ended = event
                self.steps += event.steps
                self.duration_ms += event.duration_ms
                self.api_ms += event.api_ms
            case _:
                pass

    @property
    def usage(self) -> Usage:
        """All models together."""
        total = ModelTally()
        for tally in self.models.values():
            total.add(tally.usage)
        return total.usage

    def _response(self, agent: str, message: AssistantMessage) -> None:
        if message.usage != Usage():  # what was kept of an interrupted response is counted with its event
            self.models.setdefault(message.model, ModelTally()).add(message.usage)
        self.calls.update((call.id, call) for call in message.tool_calls)
        self._count(message.repairs)
        if agent == "main" and message.text.strip():
            self.answer = message.text.strip()

    def _finished(self, event: ToolFinished) -> None:
        self._count(event.repairs)
        for change in event.changes:
            known = self.changes.get(change.path)
            self.changes[change.path] = _merged(known, change) if known else change

    def _count(self, repairs: tuple[Repair, ...]) -> None:
        for repair in repairs:
            name = f"{repair.place}:{repair.kind}"
            self.repairs[name] = self.repairs.get(name, 0) + 1


def _merged(earlier: FileChange, later: FileChange) -> FileChange:
    kind = "add" if earlier.kind == "add" and later.kind == "update" else later.kind
    return later.model_copy(
        update={
            "kind": kind,
            "added": earlier.added + later.added,
            "removed": earlier.removed + later.removed,
            "before": earlier.before,
        }
    )
