"""What a response shows instead of doing it: calls in the midst of words, shell commands, code, advice."""

import difflib
import json
import re
import textwrap
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from pydantic import JsonValue

from kcode.app.next_call import FILE, failing, look, run_tests, unfinished, write_call
from kcode.app.seen import Seen
from kcode.types.model import JsonObject

_OBJECT = re.compile(r'\{\s*"name"\s*:')
_WRITTEN = re.compile(
    r'\{\s*"name"\s*:\s*"(\w+)"\s*,\s*"arguments"\s*:\s*\{(.*?)\}\s*\}\s*(?:```|\Z)', re.DOTALL
)
_FIELD = re.compile(r'(?:\A|,)\s*"(\w+)"\s*:')
_BARE = re.compile(r'(?<!\\)"')
"""A quote that is not escaped."""
_FENCE = re.compile(
    r"^[ \t]*(?P<fence>```+|~~~+)[ \t]*(?P<info>[^\n`]*)\n(?P<body>.*?)(?:^[ \t]*(?P=fence)|\Z)",
    re.MULTILINE | re.DOTALL,
)
_SHELLS = frozenset({"sh", "bash", "zsh", "shell", "console", "terminal"})
_NO_CODE = frozenset({"", "text", "txt", "output", "log", "diff", "markdown", "md"})
_HEADER = re.compile(
    rf"\s*(?:#|//|--|/\*|<!--)+\s*(?:file:\s*)?({FILE.pattern})\s*(?:\*/|-->)?[ \t]*\n", re.IGNORECASE
)
"""The name of a file as the first line of code."""
_QUESTION = re.compile(
    r"\?|^\W*(?:what|why|how|who|which|when|where|explain|describe|tell|show|summari[sz]e|review|list|print)\b",
    re.IGNORECASE,
)
_ADVICE = re.compile(r"\byou (?:can|could|should|need to|have to|must|will need to)\b", re.IGNORECASE)
_DEFINES = re.compile(
    r"\s*(?:(?:async|export|public|private|static|pub)\s+)*(?:def|class|func|fn|function)\b"
)
_ELIDED = re.compile(
    r"^\s*(?:#|//|--|/\*)?\s*(?:\.\.\.|.*\b(?:rest of|existing|unchanged)\b.*)\s*(?:\*/)?$", re.IGNORECASE
)
_PLANNED = 4
"""Calls in the text of one response from which on it is a plan; a list of a few may be meant to be run."""
_BEYOND = 2_500
"""Characters after the beginning of a call, likewise; a call itself may be long, but is not text then."""
_PROSE = 300
"""Characters from which advice after a change is more than an answer."""


_SAID = {
    "call": (
        "You showed calls instead of making them: nothing was done",
        "A call was shown but not made; asked for it.",
    ),
    "command": (
        "You showed a command instead of running it: nothing was done",
        "A command was shown but not run; asked for it.",
    ),
    "code": (
        "The file was not changed yet",
        "Code was shown but no file was changed; asked for it.",
    ),
    "unrun": ("It was not run yet", "What was changed was not run; asked for it."),
    "prose": (
        "You gave advice instead of doing the work",
        "Advice was given instead of a call; asked for it.",
    ),
}


Kind: TypeAlias = Literal["call", "command", "code", "prose", "unrun"]


@dataclass(frozen=True, slots=True)
class Shown:
    """What was shown: what the model is told, the call that it is asked for, and what the person is told."""

    kind: Kind
    told: str
    call: str
    note: str


def find_shown(text: str, prompt: str, offered: Collection[str], seen: Seen) -> Shown | None:
    """Find the first thing that should have been a call.

    Args:
        text: the response, which made none.
        prompt: what the person asked for: questions are answered in words.
        offered: names of the tools.
        seen: what the model knows already.
    """
    calls = _calls(text, offered) or _damaged(text, offered)
    if calls:
        return _ask("call", _first(calls, prompt, seen))
    if _QUESTION.search(prompt):
        return None
    words = _FENCE.sub("", text)
    blocks = [(_language(m["info"]), m["body"], text[: m.start()]) for m in _FENCE.finditer(text)]
    for language, body, before in blocks:
        if language in _SHELLS and body.strip() and "Bash" in offered:
            return _ask(
                "command",
                write_call("Bash", command=re.sub(r"^\s*\$ ", "", body.strip(), flags=re.MULTILINE)),
            )
        if language not in _NO_CODE and {"Read", "Edit", "Write"} <= {*offered}:
            file, code = _headed(textwrap.dedent(body))
            call = _change(code, file or _named(_FENCE.sub("", before)) or _named(words), seen)
            if call:
                return _ask("code", call)
    if _ADVICE.search(text) and (len(text) >= _PROSE or not seen.changed) and "Read" in offered:
        call = write_call("Read", file_path=_named(words)) if _named(words) else look(seen)
        return _ask("prose", call) if call else None
    call = unfinished(prompt, seen) if "Bash" in offered else ""
    return _ask("unrun", call) if call else None


def runaway(text: str) -> bool:
    """Whether a response goes on so long after a call that it cannot be about to make one: results are invented."""
    calls = [m.start() for m in _OBJECT.finditer(text)]
    if not calls or '"arguments"' not in text:
        return False
    return len(calls) > _PLANNED or len(text) - calls[0] > _BEYOND


def _ask(kind: Kind, call: str) -> Shown:
    told, note = _SAID[kind]
    return Shown(kind, told, call, note)


def _named(text: str) -> str:
    """The file that a text names last."""
    found = FILE.findall(text)
    return found[-1] if found else ""


def _headed(code: str) -> tuple[str, str]:
    """Part the name of a file that code begins with, in a comment of its own, from the rest; "" where there is none."""
    head = _HEADER.match(code)
    return (head[1], code[head.end() :]) if head else ("", code)


def _change(code: str, file: str, seen: Seen) -> str:
    """Put code that was shown into a call; empty where the file has it already, or where it belongs is unknown."""
    if not code.strip():
        return ""
    first = code.strip().splitlines()[0]
    path = next((p for p in seen.read if p == file or p.endswith(f"/{file}")), "") if file else ""
    known = bool(file) and bool(re.search(rf"(?<![\w.-]){re.escape(file)}(?![\w-])", seen.around))
    fits = not file or (not known and _DEFINES.match(first))
    path = path or next((p for p, text in seen.read.items() if fits and first in text), "")
    if path:
        edit = _edit(seen.read[path], code)
        return write_call("Edit", file_path=path, old_string=edit[0], new_string=edit[1]) if edit else ""
    if file:
        return (
            write_call("Read", file_path=file) if known else write_call("Write", file_path=file, content=code)
        )
    return look(seen)


def _edit(old: str, code: str) -> tuple[str, str] | None:
    """The fewest whole lines that bring a shown piece of a file into it; None if it is there, or has no clear place."""
    before, after = old.splitlines(), code.strip("\n").splitlines()
    at = [i for i, line in enumerate(before) if line.strip() == after[0].strip()]
    if len(at) != 1 or any(_ELIDED.search(line) for line in after):
        return None
    rest = before[at[0] :]
    last = difflib.SequenceMatcher(None, rest, after, autojunk=False).get_matching_blocks()[-2:][0]
    # What the file has before and after the piece was not shown, and stays.
    olds, news = rest[: last.a + last.size + len(after) - last.b - last.size], after
    for edge, cut in ((0, slice(1, None)), (-1, slice(None, -1))):
        while len(olds) > 1 and old.count("\n".join(olds[cut])) == 1:
            if olds[edge] == news[edge] and len(news) > 1:
                news = news[cut]
            elif olds[edge].strip() or not news[edge].strip():
                break
            # A blank line less was hardly meant.
            olds = olds[cut]
    return ("\n".join(olds), "\n".join(news)) if olds != news else None


def _language(info: str) -> str:
    return (info.split() or [""])[0].strip("{}.").lower()


def _calls(text: str, offered: Collection[str]) -> Sequence[JsonObject]:
    """The calls of offered tools in a text."""
    found: list[JsonObject] = []
    for start in _OBJECT.finditer(text):
        try:
            value, _ = cast(
                "tuple[object, int]", json.JSONDecoder(strict=False).raw_decode(text, start.start())
            )
        except ValueError:
            continue
        if isinstance(value, dict):
            call = cast("JsonObject", value)
            if call.get("name") in offered and isinstance(call.get("arguments"), dict):
                found.append({"name": call["name"], "arguments": call["arguments"]})
    return found


def _damaged(text: str, offered: Collection[str]) -> Sequence[JsonObject]:
    """A call whose quotes are not escaped, as it was most likely meant: it is for the model to say so."""
    found = _WRITTEN.search(text)
    if not found or found[1] not in offered:
        return ()
    body = found[2]
    fields = list(_FIELD.finditer(body))
    ends = [field.start() for field in fields[1:]] + [len(body)]
    values = [_value(body[field.end() : end].strip()) for field, end in zip(fields, ends, strict=True)]
    if not values or None in values:
        return ()
    return [{"name": found[1], "arguments": dict(zip((field[1] for field in fields), values, strict=True))}]


def _value(text: str) -> JsonValue:
    """Read the value of a field, a text also with quotes in it that are not escaped; None where it is none."""
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = '"' + _BARE.sub(r"\"", text[1:-1]) + '"'
    try:
        return cast("JsonValue", json.loads(text, strict=False))
    except ValueError:
        return None


def _first(calls: Sequence[JsonObject], prompt: str, seen: Seen) -> str:
    """The call to begin with: the first, but what fails is to be run before it is mended."""
    if failing(prompt) and not seen.ran:
        shown = (json.dumps(call, ensure_ascii=False) for call in calls if call["name"] == "Bash")
        run = next(shown, "") or run_tests(seen)
        if run:
            return run
    return json.dumps(calls[0], ensure_ascii=False)
