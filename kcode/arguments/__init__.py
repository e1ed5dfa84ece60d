"""From the JSON text that a model wrote to arguments that a tool can take.

Three stages, all pure: mending the text (`mend`), fitting the values to the tool's JSON schema (`fit`), and
checking what is left (`check`), whose findings are written for the model. Nothing here guesses: a mend may
change how a value is written, never the value.

May import: the standard library and `kcode.types`.
"""

from kcode.arguments.check import example, signature
from kcode.arguments.failure import ArgumentsError
from kcode.arguments.mend import canonical, history_text, is_whole
from kcode.arguments.names import nearest, resolve
from kcode.arguments.parse import Parsed, parse

__all__ = [
    "ArgumentsError",
    "Parsed",
    "canonical",
    "example",
    "history_text",
    "is_whole",
    "nearest",
    "parse",
    "resolve",
    "signature",
]
