"""What a section of the settings is, and those about the model: endings and retries."""

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Section(BaseModel):
    """A JSON object of settings; keys that it does not know are left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel)


class TurnEndings(Section):
    """How often in a turn a model is helped on, and when a turn that leads nowhere is ended; 0 for never."""

    empty: int = Field(default=2, ge=0)
    """Responses without words and calls that are answered by asking to go on."""
    cut_off: int = Field(default=3, ge=0)
    """Answers cut off at the output limit that are continued."""
    announced: int = Field(default=2, ge=0)
    """Calls that were announced, not made, and are asked for."""
    shown: int = Field(default=8, ge=0)
    """Calls, commands or code that a small model shows instead of making, and that are asked for."""
    repeated_text: bool = True
    """Stop a response that repeats the same text without end."""
    repeated_calls: tuple[int, ...] = (3, 5, 8)
    """After how many times the same call with the same result gets a reminder."""
    repeated_calls_stop: int = Field(default=12, ge=0)
    """After how many times it ends the turn, with a summary."""
    invalid_calls: int = Field(default=3, ge=0)
    """After how many unusable calls in a row the tool's schema is shown."""
    invalid_calls_stop: int = Field(default=5, ge=0)
    """After how many in a row the turn ends."""


class Retries(Section):
    """How long failures are waited out, in seconds."""

    overloaded_seconds: float = Field(default=600, ge=0)
    """In all, for an overloaded server."""
    longest_wait_seconds: float = Field(default=120, ge=0)
    """The longest single wait that a server may ask for without a question to you."""
    first_event_seconds: float = Field(default=300, ge=1)
    """For the first piece of a response."""
    between_events_seconds: float = Field(default=180, ge=1)
    """From one piece to the next."""
