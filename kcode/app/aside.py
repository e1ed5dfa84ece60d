"""One question to the model beside the conversation."""

from kcode.app.spending import Spending
from kcode.engine.agent import Agent
from kcode.types.events import MessageAdded
from kcode.types.messages import TextPart, UserMessage
from kcode.types.model import Request

NAME = "main/aside"
"""Under which agent's name such a question is paid for."""
_SYSTEM = "You help a programmer at a terminal. Answer with what is asked for and nothing else."


async def complete(agent: Agent, prompt: str, spending: Spending) -> str:
    """Ask, and return the words of the answer; what it cost is counted.

    Raises:
        ModelError: the model could not be asked, also after the retries.
    """
    message = UserMessage(parts=(TextPart(text=prompt),), origin="harness")
    response = await agent.aside(Request(_SYSTEM, (message,), ()), NAME)
    spending.count(MessageAdded(agent=NAME, message=response))
    return response.text
