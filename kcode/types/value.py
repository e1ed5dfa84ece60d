"""What every value that is stored or sent is made of."""

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """An immutable value that round-trips through JSON.

    Unknown fields are ignored, so that a log written by a newer build stays readable.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
