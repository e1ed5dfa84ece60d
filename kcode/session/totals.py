"""What a session used: tokens, dollars, time and changed lines."""

from kcode.types.events import Compacted, Event, MessageAdded, ResponseBroken, ToolFinished, TurnEnded
from kcode.types.messages import AssistantMessage, Usage, add_usage


class Totals:
    """Sums over a session; times in milliseconds.

    Attributes:
        usage: tokens and dollars of every request.
        duration_ms: time that turns took.
        api_ms: the part of it that the model was waited for.
        added: lines that tools added to files.
        removed: lines that tools removed from files.
    """

    def __init__(self) -> None:
        self.usage = Usage()
        self.duration_ms = 0
        self.api_ms = 0
        self.added = 0
        self.removed = 0

    def count_response(self, event: Event) -> None:
        """Add what a response used: one that was said, one that broke off, a summary."""
        match event:
            case MessageAdded(message=AssistantMessage(usage=usage)):
                self.usage = add_usage(self.usage, usage)
            case Compacted(usage=usage) | ResponseBroken(usage=usage):
                self.usage = add_usage(self.usage, usage)
            case _:
                pass

    def count_turn(self, event: TurnEnded) -> None:
        """Add the time of a turn."""
        self.duration_ms += event.duration_ms
        self.api_ms += event.api_ms

    def count_changes(self, event: ToolFinished) -> None:
        """Add the lines that a call changed."""
        self.added += sum(change.added for change in event.changes)
        self.removed += sum(change.removed for change in event.changes)
