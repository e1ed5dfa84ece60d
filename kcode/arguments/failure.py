"""How arguments fail."""

from typing import Literal, TypeAlias

from kcode.types.errors import ToolError

FailureKind: TypeAlias = Literal["syntax", "cut", "glued", "fields"]


class ArgumentsError(ToolError):
    """The arguments of a call cannot be used; the text tells the model what to send instead.

    Attributes:
        kind: `syntax` is not JSON, `cut` ends too early, `glued` holds several calls, `fields` has missing
            or wrong fields.
    """

    def __init__(self, message: str, *, kind: FailureKind) -> None:
        super().__init__(message)
        self.kind: FailureKind = kind
