"""What a conversation spends: all of its agents, each model, the turn that runs."""

from dataclasses import dataclass, field

from kcode.session.totals import add_usage
from kcode.types.events import Event, MessageAdded, TurnStarted
from kcode.types.messages import AssistantMessage, Usage


@dataclass(slots=True)
class Spending:
    """Sums of tokens and dollars.

    Attributes:
        total: everything.
        turn: the main agent's newest turn, with its sub-agents.
        by_model: by model id.
        by_agent: by the agent's name.
        requests: how many responses came.
    """

    total: Usage = field(default_factory=Usage)
    turn: Usage = field(default_factory=Usage)
    by_model: dict[str, Usage] = field(default_factory=dict[str, Usage])
    by_agent: dict[str, Usage] = field(default_factory=dict[str, Usage])
    requests: int = 0

    def count(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case TurnStarted(agent="main"):
                self.turn = Usage()
            case MessageAdded(message=AssistantMessage() as message):
                usage = message.usage
                self.requests += 1
                self.total = add_usage(self.total, usage)
                self.turn = add_usage(self.turn, usage)
                self.by_model[message.model] = add_usage(self.by_model.get(message.model, Usage()), usage)
                self.by_agent[event.agent] = add_usage(self.by_agent.get(event.agent, Usage()), usage)
            case _:
                pass
