"""What is said: the messages of a conversation and their parts."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from kcode.types.value import Value


class TextPart(Value):
    """Words."""

    type: Literal["text"] = "text"
    text: str


class ThinkingPart(Value):
    """The model's reasoning, kept so that it can be sent back unchanged.

    `key` is the field name under which the server sent it ("reasoning_content", "reasoning", ...);
    it goes back under the same one.
    """

    type: Literal["thinking"] = "thinking"
    text: str
    key: str = "reasoning_content"


class ImagePart(Value):
    """A picture; `data` is base64."""

    type: Literal["image"] = "image"
    media_type: str
    data: str


class VideoPart(Value):
    """A video; `data` is base64."""

    type: Literal["video"] = "video"
    media_type: str
    data: str


class ToolCall(Value):
    """A tool that the model asks for; `arguments` is the JSON text of its arguments.

    `id` is unique within the session. What the model wrote is kept as it was; the engine mends it
    before a tool sees it, and the provider sends canonical JSON back.
    """

    type: Literal["tool_call"] = "tool_call"
    id: str
    name: str
    arguments: str


class Repair(Value):
    """One thing that was mended in what the model wrote, so that it can be counted."""

    place: Literal["wire", "arguments", "meaning"]
    kind: str
    detail: str = ""


FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter"]


class Usage(Value):
    """Tokens of one request, as the server reported them.

    `input` counts every prompt token: the cached ones (`cached`) and those newly written to the cache
    (`cache_write`) too. `output` counts `reasoning` too. `cost` is in US dollars,
    None where the price is unknown.
    """

    input: int = 0
    cached: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0
    cost: float | None = None
    estimated: bool = False


def add_usage(first: Usage, second: Usage) -> Usage:
    """Add the tokens and dollars of two requests.

    An unknown price counts nothing: the cost is None only if both are unknown. `estimated` says that some
    number is a guess.
    """
    costs = [usage.cost for usage in (first, second) if usage.cost is not None]
    return Usage(
        input=first.input + second.input,
        cached=first.cached + second.cached,
        cache_write=first.cache_write + second.cache_write,
        output=first.output + second.output,
        reasoning=first.reasoning + second.reasoning,
        cost=sum(costs) if costs else None,
        estimated=first.estimated or second.estimated,
    )


class UserMessage(Value):
    """What the user, or the harness in the user's place, says.

    `memory` is the text of instruction files; requests carry it also after a compaction.
    """

    role: Literal["user"] = "user"
    parts: tuple[Annotated[TextPart | ImagePart | VideoPart, Field(discriminator="type")], ...]
    origin: Literal["user", "harness", "shell", "memory"] = "user"

    @property
    def text(self) -> str:
        """The words."""
        return "".join(p.text for p in self.parts if isinstance(p, TextPart))


AssistantPart: TypeAlias = Annotated[TextPart | ThinkingPart | ToolCall, Field(discriminator="type")]


class AssistantMessage(Value):
    """One response of the model."""

    role: Literal["assistant"] = "assistant"
    parts: tuple[AssistantPart, ...]
    finish: FinishReason = "stop"
    usage: Usage = Usage()
    model: str = ""
    repairs: tuple[Repair, ...] = ()

    @property
    def text(self) -> str:
        """The words of the response, without thinking."""
        return "".join(p.text for p in self.parts if isinstance(p, TextPart))

    @property
    def thinking(self) -> str:
        """The reasoning of the response."""
        return "".join(p.text for p in self.parts if isinstance(p, ThinkingPart))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The calls of the response, in the order in which the model wrote them."""
        return tuple(p for p in self.parts if isinstance(p, ToolCall))


class ToolMessage(Value):
    """The result of one tool call."""

    role: Literal["tool"] = "tool"
    call_id: str
    name: str
    parts: tuple[Annotated[TextPart | ImagePart, Field(discriminator="type")], ...]
    is_error: bool = False

    @property
    def text(self) -> str:
        """The words."""
        return "".join(p.text for p in self.parts if isinstance(p, TextPart))


Message: TypeAlias = Annotated[UserMessage | AssistantMessage | ToolMessage, Field(discriminator="role")]
