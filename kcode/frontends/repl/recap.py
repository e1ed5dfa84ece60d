"""Showing where a conversation stands that was not begun here."""

import json
from typing import cast

from kcode.frontends.repl.feed import Feed
from kcode.frontends.repl.render import tools
from kcode.frontends.repl.render.canvas import styled
from kcode.frontends.repl.scroll import Scroll
from kcode.types.messages import AssistantMessage, UserMessage
from kcode.types.state import State

LAST = 12
"""How many messages at the end of an earlier conversation are repeated."""
_NAMING = ("command", "file_path", "path", "pattern", "url", "description", "prompt", "question")
"""The arguments that say best what a call was about, the best first."""


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
                line = tools.header(scroll.canvas, call.name, subject(call.arguments))
                scroll.print("\n" + scroll.canvas.draw(line, width=scroll.columns))


def farewell(scroll: Scroll, session_id: str) -> str:
    """Say how to go on later; the command has a line of its own where it must, so that it can be copied whole."""
    words = f"To go on with this: kcode --resume {session_id}"
    if len(words) > scroll.columns:
        words = words.replace(": ", ":\n", 1)
    return "\n" + scroll.canvas.draw(styled(words, "dim"), width=scroll.columns)


def subject(arguments: str) -> str:
    """Return what a call was about, from the arguments that the model wrote; "" where they do not say."""
    try:
        written: object = json.loads(arguments)
    except ValueError:
        return ""
    if not isinstance(written, dict):
        return ""
    values = [cast("dict[str, object]", written).get(name) for name in _NAMING]
    return next((value for value in values if isinstance(value, str) and value.strip()), "")
