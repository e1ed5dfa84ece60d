"""One question to the model beside the conversation."""

from kcode.app.spending import Spending
from kcode.types.events import MessageAdded
from kcode.types.messages import TextPart, UserMessage
from kcode.types.model import Delta, Model, Request

NAME = "main/aside"
"""Under which agent's name such a question is paid for."""
_SYSTEM = "You help a programmer at a terminal. Answer with what is asked for and nothing else."


async def complete(model: Model, prompt: str, spending: Spending) -> str:
    """Ask, and return the words of the answer; what it cost is counted.

    Raises:
        ModelError: the model could not be asked.
    """

    async def ignore(_: Delta) -> None:
        return

    message = UserMessage(parts=(TextPart(text=prompt),), origin="harness")
    response = await model.respond(Request(_SYSTEM, (message,), ()), ignore)
    spending.count(MessageAdded(agent=NAME, message=response))
    return response.text
