"""Failures in the protocol's terms: the right code, and words that say what to do."""

from typing import Final

from acp.exceptions import RequestError

from kcode.types.errors import KcodeError, ModelError, NoConnectionError
from kcode.types.events import ErrorInfo

INVALID_REQUEST: Final = -32600
INVALID_PARAMS: Final = -32602
INTERNAL: Final = -32603
AUTH_REQUIRED: Final = -32000
NOT_FOUND: Final = -32002


def told(error: KcodeError) -> RequestError:
    """The protocol's error for one of ours."""
    if isinstance(error, NoConnectionError):
        return RequestError(AUTH_REQUIRED, str(error), {"kind": "no_connection"})
    if isinstance(error, ModelError):
        code = AUTH_REQUIRED if error.kind == "auth" else INTERNAL
        return RequestError(code, str(error), {"kind": error.kind, "transient": error.transient})
    return RequestError(INTERNAL, str(error))


def failed(error: ErrorInfo | None, note: str) -> RequestError:
    """The protocol's error for a turn that the model's failure ended."""
    if error is None:
        return RequestError(INTERNAL, note or "The turn failed.")
    code = AUTH_REQUIRED if error.kind == "auth" else INTERNAL
    return RequestError(code, error.message, {"kind": error.kind, "transient": error.transient})


def invalid(words: str) -> RequestError:
    """The error for parameters that cannot be used."""
    return RequestError(INVALID_PARAMS, words)
