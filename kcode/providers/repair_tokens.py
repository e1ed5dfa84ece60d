"""The control tokens of Kimi's two formats for tool calls, and calls read from them.

K2:  <|tool_calls_section_begin|><|tool_call_begin|>functions.NAME:IDX<|tool_call_argument_begin|>{json}
     <|tool_call_end|><|tool_calls_section_end|>
K3:  <|open|>tools<|sep|><|open|>call tool="NAME" index="1"<|sep|><|open|>argument key="K" type="string"<|sep|>
     value<|close|>argument<|sep|><|close|>call<|sep|><|close|>tools<|sep|>
"""

import json
import re
from dataclasses import dataclass

from kcode.arguments.tolerant import CutError, Reader, UnreadableError

SECTION_BEGIN = ("<|tool_calls_section_begin|>", "<|tool_call_section_begin|>")
SECTION_END = ("<|tool_calls_section_end|>", "<|tool_call_section_end|>")
CALL_BEGIN = "<|tool_call_begin|>"
ARGUMENTS_BEGIN = "<|tool_call_argument_begin|>"
CALL_END = "<|tool_call_end|>"
K2_TOKENS = (*SECTION_BEGIN, *SECTION_END, CALL_BEGIN, ARGUMENTS_BEGIN, CALL_END)

OPEN = "<|open|>"
CLOSE = "<|close|>"
SEPARATOR = "<|sep|>"
ROLES = ("<|im_user|>", "<|im_assistant|>", "<|im_system|>")
THINK_BEGIN = ("<think>", "◁think▷")
THINK_END = ("</think>", "◁/think▷")
TOKENS = (
    *(*K2_TOKENS, OPEN, CLOSE, SEPARATOR, *ROLES, *THINK_BEGIN, *THINK_END),
    *("<|im_middle|>", "<|im_end|>", "<|endoftext|>"),
)
_LONGEST = max(map(len, TOKENS))

_K2_ENDS = re.compile("|".join(map(re.escape, (*SECTION_BEGIN, *SECTION_END, CALL_BEGIN, CALL_END))))
_HEADER_AND_BRACE = re.compile(r"\s*([\w.:-]+)\s*(?=\{)")
_HEADER = re.compile(r"(?:functions\.)?[\w.-]+:\d+|functions\.[\w.-]+")
_WORDS = re.compile(r"\S\s+\S")
_VALUE_STARTS = "{[\"'`<"
_JUNK = 60
_DECODER = json.JSONDecoder(strict=False)
CUT = "{"
"""Arguments that never came: as JSON that is cut, so that the call is refused and not run with none."""


@dataclass(frozen=True, slots=True)
class Leak:
    """A tool call found in text; `header` is what stood where its name should."""

    header: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Step:
    """What was read from the beginning of a text: so many characters, a call or words, and what comes next."""

    length: int
    call: Leak | None = None
    text: str = ""
    inside: bool = True


def token_at(text: str, at: int, *, final: bool) -> str | None:
    """Return the token that stands there, "" for none, None if more text may make it one."""
    rest = text[at : at + _LONGEST]
    if len(rest) > 1 and rest[1] not in "|/t":
        return ""
    for token in TOKENS:
        if rest.startswith(token):
            return token
    return None if not final and is_partial(rest) else ""


def is_partial(text: str) -> bool:
    """Whether a text is the beginning of a token."""
    return len(text) < _LONGEST and any(token.startswith(text) for token in TOKENS)


def without_partial(text: str) -> str:
    """Return a text without the beginning of a control token at its end."""
    at = text.rfind("<|")
    return text[:at] if at >= 0 and len(text) - at > 2 and is_partial(text[at:]) else text


def read_k2(text: str, *, section: bool, final: bool) -> Step | None:
    """Read one element of K2's markup from the beginning of a text.

    Args:
        text: what follows, beginning with a token, or with a call's header.
        section: whether a section is open, in which further calls may follow.
        final: whether nothing more will come.

    Returns:
        What was read; None if more text is needed.
    """
    body = text.lstrip()
    space = len(text) - len(body)
    if not body:
        return Step(len(text)) if final else None
    token = token_at(body, 0, final=final) if body[0] == "<" else ""
    if token is None:
        return None
    if token and token not in {CALL_BEGIN, ARGUMENTS_BEGIN}:
        known = token in K2_TOKENS
        inside = token in SECTION_BEGIN or (token == CALL_END and section)
        return Step(space + len(token) if known else space, inside=inside)
    if final and is_partial(body):
        return Step(len(text), inside=False)
    start = len(CALL_BEGIN) if token == CALL_BEGIN else 0
    step = _read_call(body, start, final=final)
    if step is None:
        return None
    return Step(space + step.length, step.call, step.text, step.inside and (section or step.call is not None))


def _read_call(body: str, start: int, *, final: bool) -> Step | None:
    begin = body.find(ARGUMENTS_BEGIN, start)
    end = _K2_ENDS.search(body, start)
    if begin >= 0 and (end is None or begin < end.start()):
        header, at = body[start:begin].strip(), begin + len(ARGUMENTS_BEGIN)
        if not header or _WORDS.search(header):
            value = body[at:].lstrip()
            if not value and not final:
                return None
            if value and value[0] not in _VALUE_STARTS:
                # Somebody writes about the token.
                return Step(at, text=body[start:begin], inside=False)
    else:
        brace = _HEADER_AND_BRACE.match(body, start)
        if brace is None:
            return _read_headless(body, start, end, final=final)
        header, at = brace.group(1), brace.end()
    found = _arguments(body, at, final=final)
    return None if found is None else Step(found[1], Leak(header, found[0]))


def _read_headless(body: str, start: int, end: re.Match[str] | None, *, final: bool) -> Step | None:
    """Read what has no arguments: a call that was cut, or words inside a section."""
    if end is None and not final:
        return None
    length = len(body) if end is None else end.start()
    words = body[start:length]
    if (start and not _WORDS.search(words.strip())) or _HEADER.fullmatch(words.strip()):
        return Step(length, Leak(without_partial(words).strip(), CUT))
    return Step(length, text=words, inside=end is not None)


def _arguments(body: str, at: int, *, final: bool) -> tuple[str, int] | None:
    """Return the text of the arguments that start there, and where reading goes on."""
    end = _K2_ENDS.search(body, at)
    if end is None and not final:
        return None
    over = _value_end(body, at)
    if isinstance(over, int):
        after = _K2_ENDS.search(body, over)
        if after is None:
            return (body[at:over].strip(), over) if final else None
        if len(body[over : after.start()].strip()) <= _JUNK:
            return body[at : after.start()].strip(), after.start()
        return body[at:over].strip(), over
    if over == "cut" and not final:
        # The token may stand inside a string that has not come to its end.
        return None
    if end is None or over == "cut":
        return without_partial(body[at:]).strip() or CUT, len(body)
    return body[at : end.start()].strip(), end.start()


def _value_end(body: str, at: int) -> int | str:
    try:
        return read_value(body, at, '{["')[1]
    except CutError:
        return "cut"
    except UnreadableError:
        return "broken"


def read_value(text: str, at: int, begins: str) -> tuple[object, int]:
    """Return the JSON behind space, or what is nearly JSON, and where it ends.

    Raises:
        UnreadableError: there is none, or it begins with another character.
        CutError: the text ends before it does.
    """
    while at < len(text) and text[at].isspace():
        at += 1
    if at == len(text) or text[at] not in begins:
        raise UnreadableError("no value begins here", at)
    try:
        return _DECODER.raw_decode(text, at)
    except (ValueError, RecursionError):
        reader = Reader(text, at)
    return reader.value(), reader.position
