"""The error hierarchy.

KcodeError
├── ConfigError        the user's configuration cannot be used
│   └── NoConnectionError   no model is set up
├── ModelError         a request to the model failed; `kind` says how
├── ToolError          a tool call failed; its text goes to the model
└── SessionError       a session cannot be opened, read or written
"""

from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from kcode.types.messages import Usage

ModelErrorKind: TypeAlias = Literal[
    "network",
    "timeout",
    "broken_stream",
    "empty",
    "repetition",
    "rate_limited",
    "overloaded",
    "server",
    "quota",
    "context_overflow",
    "auth",
    "forbidden",
    "not_found",
    "content_filter",
    "invalid",
]

TRANSIENT: frozenset[ModelErrorKind] = frozenset(
    {"network", "timeout", "broken_stream", "empty", "repetition", "rate_limited", "overloaded", "server"}
)
"""Kinds that may pass by themselves: the engine retries them."""


class KcodeError(Exception):
    """What kcode raises on purpose; the text is written for whoever reads it."""


class ConfigError(KcodeError):
    """The user's configuration cannot be used."""


class NoConnectionError(ConfigError):
    """No model is set up; the text says how one is."""


class ToolError(KcodeError):
    """A tool call failed; the text is written for the model and says what to do next."""


class SessionError(KcodeError):
    """A session cannot be opened, read or written."""


class ModelError(KcodeError):
    """A request to the model failed.

    Attributes:
        kind: what sort of failure, see `ModelErrorKind`.
        status: the HTTP status, where one came.
        retry_after: seconds that the server asked to wait, where it did.
        window: the context window in tokens that an overflow error named, where it did.
        bytes_only: whether an overflow is one of the request's bytes, and says nothing of tokens.
        usage: what the server counted of a response that came to no good end, where it did.
        unshown: what was received of such a response without being shown: the arguments of its calls.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: ModelErrorKind,
        status: int | None = None,
        retry_after: float | None = None,
        window: int | None = None,
    ) -> None:
        super().__init__(message)
        self.kind: ModelErrorKind = kind
        self.status = status
        self.retry_after = retry_after
        self.window = window
        self.bytes_only = False
        self.usage: Usage | None = None
        self.unshown = ""

    @property
    def transient(self) -> bool:
        """Whether the same request may succeed later."""
        return self.kind in TRANSIENT
