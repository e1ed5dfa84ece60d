"""The permission mode.

Apart from the events, which it is also part of, so that naming it does not load them: the prompt is drawn before.
"""

from typing import Literal, TypeAlias

Mode: TypeAlias = Literal["default", "acceptEdits", "plan", "auto", "dontAsk", "bypassPermissions"]
