"""The words by which servers' errors are told apart, in lower case."""

import re
from typing import Literal, TypeAlias

Reason: TypeAlias = Literal[
    "sampling",  # temperature, top_p, n or a penalty; `detail` names it
    "thinking",  # the switch or the effort of thinking
    "tool_choice",
    "max_output",  # the output limit; `detail` is the largest allowed, where it is named
    "parameter",  # any other field; `detail` names it
    "reasoning_missing",  # earlier reasoning must come back
    "empty_message",  # a message without content, or content in a form that is not taken
    "pairing",  # a tool result without its call, or roles out of order
    "schema",  # a tool's parameters
    "duplicate_tool",
    "media",  # a picture or video
    "body_too_large",
]

REFUSALS: tuple[tuple[Reason, str], ...] = (
    ("reasoning_missing", r"reasoning_content\W+is missing|must be passed back"),
    ("tool_choice", r"tool_choice"),
    (
        "duplicate_tool",
        r"function name .* is duplicated|tools? names? must be unique|duplicate (?:tool|function)",
    ),
    ("schema", r"json schema|at path '|invalid schema|input_schema|function\W+parameters"),
    ("media", r"image|video|\bvision|multimodal|media[ _]type"),
    (
        "pairing",
        (
            r"tool_call_id|tool_calls? must be followed|prece+ding message with 'tool_calls'"
            r"|tool_calls\[\d+\]\.id|role.*order|roles must alternate|unexpected role"
            r"|tool_use.{0,40}without .?tool_result|unexpected .?tool_(?:use|result)"
        ),
    ),
    (
        "empty_message",
        (
            r"must not be empty|content is empty"
            r"|content\b.*(?:invalid input|required|be a (?:valid )?string|expected a(?:n array| string).*null)"
        ),
    ),
    ("thinking", r"thinking|reasoning_effort|effort"),
    ("sampling", r"temperature|top_p|\bn\b\W+(?:must|only)|invalid n\b|_penalty"),
    ("max_output", r"max_(?:completion_)?tokens"),
    (
        "parameter",
        (
            r"unrecognized|un(?:supported|known) (?:param|field|argument)|extra (?:inputs|fields)|not permitted"
            r"|properties are not allowed|property \W?\w+\W? is unsupported|\w+_\w+\W? (?:is )?not supported"
        ),
    ),
)
PARTS: dict[Reason, str] = {
    "sampling": "a sampling parameter",
    "thinking": "the way thinking was asked for",
    "tool_choice": "tool_choice as it was sent",
    "max_output": "the output limit",
    "parameter": "a field of the request",
    "reasoning_missing": "an earlier response without its reasoning",
    "empty_message": "a message without content",
    "pairing": "the order of calls and results",
    "schema": "a tool's parameters",
    "duplicate_tool": "two tools of one name",
    "media": "a picture or video",
}
FIELD = re.compile(
    r"(?:unrecognized|unsupported|unknown|extra|invalid)[a-z ]*(?:param\w*|arguments?|fields?|inputs?|value)?[ a-z]*"
    r"(?::|['\"`])\W*([a-z]\w+)"
)
SAMPLING = re.compile(r"temperature|top_p|\w+_penalty|\bn\b")
CONTEXT = re.compile(
    r"token length too long|token limit|context[ _](?:length|window|size)|prompt is too long|input is too long"
    r"|too many (?:input )?tokens|maximum (?:context|prompt)|reduce the length|exceed_context"
    r"|input tokens? exceed|range of input length|input length and .?max_tokens.? exceed"
    r"|exceeds the (?:model|max).{0,20}(?:length|tokens)"
)
WINDOW = re.compile(
    r"(?:token limit|context length|context window|context size|prompt length|sequence length|max[a-z_ ]*len\w*)"
    r"(?: (?:is|of))?[\s:=(]*(\d[\d,_]{2,})"
    r"|tokens? > (\d[\d,_]{2,})"
)
TOO_LARGE = re.compile(
    r"total message size|request (?:entity )?(?:is )?too large|exceeds? the maximum size|body too large"
)
QUOTA = re.compile(
    r"quota|insufficient (?:balance|funds|credit)|balance\b|recharge|billing|usage limit|membership|payment"
    r"|credits?\b|suspended|top.?up"
)
PER_MINUTE = re.compile(r"per (?:minute|second)|\b[rt]pm\b|concurren|too many requests")
OVERLOADED = re.compile(
    r"overload|at capacity|capacity (?:is |temporarily )*exceeded|exceeded (?:its |the )?capacity|no capacity"
    r"|(?:server|engine|system|model)[ _](?:is )?(?:too |currently )?busy"
)
FILTERED = re.compile(
    r"high risk|content[_ ]filter|content[_ ](?:management[_ ])?policy|data_inspection|safety (?:system|policy)"
)
CLIENT = re.compile(r"only available for coding agents|access[_ ]terminated")
MODEL = re.compile(
    r"model.{0,80}(?:not found|does not exist|not exist|unknown|unsupported|no access|deprecated|no longer available)"
    r"|not found the model"
)
KIMI = re.compile(r"moonshot|kimi")
KEY = re.compile(r"api[ _-]?key|authenticat|unauthori[sz]ed|credential")
