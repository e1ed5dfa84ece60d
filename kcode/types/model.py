"""What the engine asks of a model."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from pydantic import JsonValue

from kcode.types.messages import AssistantMessage, Message
from kcode.types.value import Value

JsonObject: TypeAlias = dict[str, JsonValue]


class ToolSpec(Value):
    """A tool as the model sees it; `parameters` is a JSON schema."""

    name: str
    description: str
    parameters: JsonObject


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens."""

    input: float
    cached: float
    output: float
    cache_write: float | None = None


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What is known of a model: sizes in tokens, `price` None where unknown."""

    id: str
    window: int = 131_072
    max_output: int = 32_768
    price: Price | None = None
    images: bool = False
    thinking: bool = False
    label: str = ""
    vendor: str = ""


@dataclass(frozen=True, slots=True)
class Delta:
    """A streamed piece of the response; `call` names a tool whose arguments are being written."""

    text: str = ""
    thinking: str = ""
    call: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """What one step sends: a projection of the transcript."""

    system: str
    messages: Sequence[Message]
    tools: Sequence[ToolSpec]
    max_output: int | None = None


OnDelta: TypeAlias = Callable[[Delta], Awaitable[None]]


class Model(Protocol):
    """A model that can be asked for one response at a time."""

    @property
    def info(self) -> ModelInfo:
        """What is known of it."""
        ...

    async def respond(self, request: Request, on_delta: OnDelta) -> AssistantMessage:
        """Return one response, having shown its pieces as they came.

        Raises:
            ModelError: the request failed; nothing of the response counts.
        """
        ...

    async def close(self) -> None:
        """Release its connections."""
        ...
