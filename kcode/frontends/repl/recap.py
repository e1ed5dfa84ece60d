"""Showing where a conversation stands that was not begun here."""

from kcode.frontends.repl.feed import Feed
from kcode.frontends.repl.render import tools
from kcode.types.messages import AssistantMessage, UserMessage
from kcode.types.state import State

LAST = 12
"""How many messages at the end of an earlier conversation are repeated."""


def take_up(feed: Feed, state: State) -> None:
    """Show what was said last, not what the tools answered, and how full the window is."""
    feed.live.todos = state.todos
    feed.status.cost = state.usage.cost
    for message in reversed(state.transcript):
        if isinstance(message, AssistantMessage) and message.usage.input:
            feed.status.used = message.usage.input + message.usage.output
            break
    scroll = feed.scroll
    for message in state.transcript[-LAST:]:
        if isinstance(message, UserMessage) and message.origin == "user" and message.text.strip():
            feed.say(message.text)
        elif isinstance(message, AssistantMessage):
            feed.markdown(message.text)
            for call in message.tool_calls:
                line = tools.header(scroll.canvas, call.name, "")
                scroll.print("\n" + scroll.canvas.draw(line, width=scroll.columns))
