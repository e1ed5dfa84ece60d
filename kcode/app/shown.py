"""What a response shows instead of doing it: calls in the midst of words, shell commands, code, advice."""

import difflib
import json
import re
import shlex
import textwrap
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from kcode.app.seen import Seen
from kcode.types.model import JsonObject

_OBJECT = re.compile(r'\{\s*"name"\s*:')
_FENCE = re.compile(
    r"^[ \t]*(?P<fence>```+|~~~+)[ \t]*(?P<info>[^\n`]*)\n(?P<body>.*?)(?:^[ \t]*(?P=fence)|\Z)",
    re.MULTILINE | re.DOTALL,
)
_SHELLS = frozenset({"sh", "bash", "zsh", "shell", "console", "terminal"})
_NO_CODE = frozenset({"", "text", "txt", "output", "log", "diff", "markdown", "md"})
_FILE = re.compile(r"[\w./-]*\w\.[A-Za-z]\w{0,4}\b")
_SOURCE = re.compile(
    r"\.(?:py|pyi|js|mjs|ts|jsx|tsx|vue|go|rs|java|kt|swift|scala|c|h|cc|cpp|hpp|cs|rb|php|pl|lua|sh|sql|html|css)$"
)
_QUESTION = re.compile(
    r"\?|^\W*(?:what|why|how|who|which|when|where|explain|describe|tell|show|summari[sz]e|review|list|print)\b",
    re.IGNORECASE,
)
_FAILS = re.compile(r"\b(?:fail\w*|bugs?|errors?|broken|crash\w*|exceptions?|traceback)\b", re.IGNORECASE)
_ADVICE = re.compile(r"\byou (?:can|could|should|need to|have to|must|will need to)\b", re.IGNORECASE)
_ELIDED = re.compile(
    r"^\s*(?:#|//|--|/\*)?\s*(?:\.\.\.|.*\b(?:rest of|existing|unchanged)\b.*)\s*(?:\*/)?$", re.IGNORECASE
)
_TESTS = {
    r"\btest_\w+\.py\b|\b\w+_test\.py\b": "python3 -m pytest -q",
    r"\bpackage\.json\b": "npm test",
    r"\bCargo\.toml\b": "cargo test",
    r"\bgo\.mod\b": "go test ./...",
}
"""How the tests of a folder are run, by a file in it."""
_RUN = re.compile(r"\b(?:run|execute|start|try|test)\b", re.IGNORECASE)
_RUNNERS = {
    "py": "python3",
    "js": "node",
    "sh": "bash",
    "rb": "ruby",
    "go": "go run",
    "php": "php",
    "pl": "perl",
}
"""How a single file is run, by its ending."""
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
    calls = _calls(text, offered)
    if calls:
        return _ask("call", _first(calls, prompt, seen))
    if _QUESTION.search(prompt):
        return None
    blocks = [(_language(m["info"]), m["body"], text[: m.start()]) for m in _FENCE.finditer(text)]
    for language, body, before in blocks:
        if language in _SHELLS and body.strip() and "Bash" in offered:
            return _ask(
                "command", _call("Bash", command=re.sub(r"^\s*\$ ", "", body.strip(), flags=re.MULTILINE))
            )
        if language not in _NO_CODE and {"Read", "Edit", "Write"} <= {*offered}:
            call = _change(textwrap.dedent(body), _named(before) or _named(text), seen)
            if call:
                return _ask("code", call)
    if _ADVICE.search(text) and (len(text) >= _PROSE or not seen.changed) and "Read" in offered:
        call = _call("Read", file_path=_named(text)) if _named(text) else _look(seen)
        return _ask("prose", call) if call else None
    call = _unfinished(prompt, seen) if "Bash" in offered else ""
    return _ask("unrun", call) if call else None


def _unfinished(prompt: str, seen: Seen) -> str:
    """Run what was changed, where the person wants it run; empty where it was, or nobody knows how."""
    if not seen.changed or seen.ran:
        return ""
    if failing(prompt):
        return _tests(seen)
    runner = _RUNNERS.get(seen.changed.rpartition(".")[2], "") if _RUN.search(prompt) else ""
    return _call("Bash", command=f"{runner} {shlex.quote(seen.changed)}") if runner else ""


def _tests(seen: Seen) -> str:
    command = next((command for sign, command in _TESTS.items() if re.search(sign, seen.around)), "")
    return _call("Bash", command=command) if command else ""


def failing(prompt: str) -> bool:
    """Whether the person speaks of something that fails."""
    return bool(_FAILS.search(prompt))


def suggest(prompt: str, seen: Seen) -> str:
    """A call that makes sense now, whatever was said: run what fails or is new, look at the files; empty for none."""
    if seen.changed:
        return _unfinished(prompt, seen)
    return (failing(prompt) and not seen.ran and _tests(seen)) or _look(seen)


def runaway(text: str) -> bool:
    """Whether a response goes on so long after a call that it cannot be about to make one: results are invented."""
    calls = [m.start() for m in _OBJECT.finditer(text)]
    if not calls or '"arguments"' not in text:
        return False
    return len(calls) > _PLANNED or len(text) - calls[0] > _BEYOND


def reply_with(call: str, *, fenced: bool = False) -> str:
    """Ask for one call, on a line of its own; asked again, as a block, since the same words get the same answer."""
    form = f"```json\n{call}\n```" if fenced else call
    return f"Reply with this call, and with nothing else:\n{form}"


def _ask(kind: Kind, call: str) -> Shown:
    told, note = _SAID[kind]
    return Shown(kind, told, call, note)


def _named(text: str) -> str:
    """The file that a text names last."""
    found = _FILE.findall(text)
    return found[-1] if found else ""


def _change(code: str, file: str, seen: Seen) -> str:
    """Put code that was shown into a call; empty where the file has it already, or where it belongs is unknown."""
    if not code.strip():
        return ""
    first = code.strip().splitlines()[0]
    path = next((p for p in seen.read if p == file or p.endswith(f"/{file}")), "") if file else ""
    path = path or next((p for p, text in seen.read.items() if not file and first in text), "")
    if path:
        edit = _edit(seen.read[path], code)
        return _call("Edit", file_path=path, old_string=edit[0], new_string=edit[1]) if edit else ""
    if file:
        known = re.search(rf"(?<![\w.-]){re.escape(file)}(?![\w-])", seen.around)
        return _call("Read", file_path=file) if known else _call("Write", file_path=file, content=code)
    return _look(seen)


def _look(seen: Seen) -> str:
    """Look at the next file that is known and no test."""
    named = dict.fromkeys(n for n in _FILE.findall(seen.around) if _SOURCE.search(n) and "test" not in n)
    unread = [n for n in named if not any(p == n or p.endswith(f"/{n}") for p in seen.read)]
    return _call("Read", file_path=unread[0]) if unread else ""


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
    for cut in (slice(1, None), slice(None, -1)):
        edge = -1 if cut.start is None else 0
        while min(len(olds), len(news)) > 1 and olds[edge] == news[edge]:
            if old.count("\n".join(olds[cut])) != 1:
                break
            olds, news = olds[cut], news[cut]
    return ("\n".join(olds), "\n".join(news)) if olds != news else None


def _language(info: str) -> str:
    return (info.split() or [""])[0].strip("{}.").lower()


def _call(name: str, **arguments: str) -> str:
    return json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)


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


def _first(calls: Sequence[JsonObject], prompt: str, seen: Seen) -> str:
    """The call to begin with: the first, but what fails is to be run before it is mended."""
    if failing(prompt) and not seen.ran:
        shown = (json.dumps(call, ensure_ascii=False) for call in calls if call["name"] == "Bash")
        run = next(shown, "") or _tests(seen)
        if run:
            return run
    return json.dumps(calls[0], ensure_ascii=False)
