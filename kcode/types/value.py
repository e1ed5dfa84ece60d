"""What every value that is stored or sent is made of."""

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """An immutable value that round-trips through JSON.

    Unknown fields are ignored, so that a log written by a newer build stays readable. Validators are built at
    the first use of a class: a run that needs five of thirty events does not wait for the others.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)
