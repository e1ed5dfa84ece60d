"""What a conversation spends: all of its agents, each model, the turn that runs."""

from dataclasses import dataclass, field

from kcode.types.events import Compacted, Event, MessageAdded, ResponseBroken, TurnStarted
from kcode.types.messages import AssistantMessage, Usage, add_usage


@dataclass(slots=True)
class Spending:
    """Sums of tokens and dollars.

    Attributes:
        total: everything.
        turn: the main agent's newest turn, with its sub-agents.
        by_model: by model id.
        by_agent: by the agent's name.
        requests: how many responses came.
        broken: the part of `total` that went into responses which came to no good end.
        breaks: how many those were.
    """

    total: Usage = field(default_factory=Usage)
    turn: Usage = field(default_factory=Usage)
    by_model: dict[str, Usage] = field(default_factory=dict[str, Usage])
    by_agent: dict[str, Usage] = field(default_factory=dict[str, Usage])
    requests: int = 0
    broken: Usage = field(default_factory=Usage)
    breaks: int = 0

    def count(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case TurnStarted(agent="main"):
                self.turn = Usage()
            case MessageAdded(message=AssistantMessage() as message):
                self._add(event.agent, message.model, message.usage)
            case Compacted(usage=usage, model=model) if usage.input:
                self._add(event.agent, model, usage)
            case ResponseBroken(usage=usage, model=model):
                self.breaks += 1
                self.broken = add_usage(self.broken, usage)
                self._add(event.agent, model, usage)
            case _:
                pass

    def _add(self, agent: str, model: str, usage: Usage) -> None:
        self.requests += 1
        self.total = add_usage(self.total, usage)
        self.turn = add_usage(self.turn, usage)
        self.by_model[model] = add_usage(self.by_model.get(model, Usage()), usage)
        self.by_agent[agent] = add_usage(self.by_agent.get(agent, Usage()), usage)
