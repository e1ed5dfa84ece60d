"""What the engine asks of a model."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from pydantic import JsonValue

from kcode.types.messages import AssistantMessage, Message, Usage
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

    def cost(self, usage: Usage) -> float:
        """Return what a request cost in US dollars."""
        write = self.input if self.cache_write is None else self.cache_write
        fresh = max(0, usage.input - usage.cached - usage.cache_write)
        dollars = (
            fresh * self.input
            + usage.cached * self.cached
            + usage.cache_write * write
            + usage.output * self.output
        )
        return dollars / 1_000_000


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
    """What one step sends: a projection of the transcript.

    Without `calls` the model is asked to answer in words, though the tools stay in the request: taking them out
    would cost the prompt cache.
    """

    system: str
    messages: Sequence[Message]
    tools: Sequence[ToolSpec]
    max_output: int | None = None
    calls: bool = True


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
