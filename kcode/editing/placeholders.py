"""Recognising lines that stand for code left out."""

import re
from collections.abc import Sequence

from kcode.editing.fold import indent_of, key
from kcode.editing.sequences import opcodes

_OPENERS = r"(?:\{?/\*+|<!--|//+|\#+|--+|;+|%+|\"\"\"|\(|\[|<|\*)"
_CLOSERS = r"(?:\*+/\}?|-->|\"\"\"|\)|\]|>)"
_LINE = re.compile(rf"^\s*(?P<open>(?:{_OPENERS}\s*)*)(?P<core>.*?)\s*(?:{_CLOSERS}\s*)*$")
_DOTS = r"(?:\.\.\.+|\u2026)"
_TOPIC = (
    r"(?:rest|remaining|remainder|existing|unchanged|same|previous|omitted|skipped|snip(?:ped)?|elided|other"
    r"|truncated|code|implementation|before|above|below)"
)
_WORDY = re.compile(rf"\b{_TOPIC}\b", re.IGNORECASE)
_SENTENCE = re.compile(
    r"^(?:the\s+)?(?:"
    r"(?:rest|remainder)(?:\s+of\s+[\w\s'`.()]{1,50}?)?(?:\s+(?:is|are|stays?|remains?))?"
    r"\s+(?:unchanged|the\s+same|same|as\s+(?:before|is)|omitted|here)"
    r"|rest\s+of\s+(?:the\s+|your\s+|this\s+)?(?:code|file|function|method|class|module|implementation|body)"
    r"|(?:existing|remaining|original|previous|other)\s+(?:code|implementation|content|lines|methods|functions"
    r"|logic|imports|tests|fields)(?:\s+(?:here|unchanged|omitted|goes\s+here|stays?|remains?)[\w\s]{0,30})?"
    r"|(?:code|file|everything(?:\s+else)?|all\s+else)\s+(?:is\s+|remains\s+|stays\s+)?(?:unchanged|omitted"
    r"|the\s+same)|unchanged|same\s+as\s+(?:before|above)|omitted(?:\s+for\s+brevity)?|snip(?:ped)?"
    r")\s*[.:]?$",
    re.IGNORECASE,
)
_TRAILING = re.compile(rf"(?://|\#|/\*|<!--|--)\s*{_DOTS}\s*(?P<words>\w[\w\s]{{0,60}})", re.IGNORECASE)
_BARE = re.compile(rf"^{_DOTS}$")
_LONGEST = 120


def is_placeholder(line: str) -> bool:
    """Tell whether a whole line stands for code left out (`...`, `# ... existing code ...`)."""
    return _is_bare(line) or _says_so(line)


def left_out(old: Sequence[str], new: Sequence[str]) -> str | None:
    """Return the line of `new` that stands for code which `old` spelt out, if there is one.

    Writing it would put the placeholder where the code was.
    """
    have = {key(line) for line in old}
    told = [line for line in new if (_says_so(line) or _trails(line)) and key(line) not in have]
    if told:
        return told[0]
    spelt = [key(line) for line in old]
    for tag, i1, i2, j1, j2 in opcodes(spelt, [key(line) for line in new]):
        if tag != "replace" or not _loses(spelt[i1:i2]):
            continue
        for j in range(j1, j2):
            if _is_bare(new[j]) and not _is_stub(new, j):
                return new[j]
    return None


def _loses(keys: Sequence[str]) -> bool:
    return any(any(mark.isalnum() for mark in k) for k in keys)


def _is_bare(line: str) -> bool:
    if len(line) > _LONGEST or not ("..." in line or "\u2026" in line):
        return False
    found = _LINE.match(line)
    return bool(found and _BARE.match(found["core"]))


def _says_so(line: str) -> bool:
    if len(line) > _LONGEST or not _WORDY.search(line):
        return False
    found = _LINE.match(line)
    if not found:
        return False
    core = found["core"]
    words = re.sub(rf"^{_DOTS}\s*|\s*{_DOTS}$", "", core).strip("()[] ")
    marked = found["open"].strip() != ""
    if words == core.strip("()[] "):
        return marked and bool(_SENTENCE.match(words))
    if not _WORDY.search(words) or not re.fullmatch(r"[\w\s,'`:()-]+", words):
        return False
    return marked or bool(re.match(_DOTS, core) and " " in words)


def _trails(line: str) -> bool:
    found = _TRAILING.search(line) if "..." in line or "\u2026" in line else None
    return bool(found and _WORDY.search(found["words"]))


def _is_stub(lines: Sequence[str], at: int) -> bool:
    """Tell a Python stub body (`def f():` and only `...` in it) from code left out."""
    if lines[at].strip() != "...":
        return False
    depth = len(indent_of(lines[at]))
    above = next((line for line in reversed(lines[:at]) if line.strip()), "")
    below = next((line for line in lines[at + 1 :] if line.strip()), "")
    opens = above.rstrip().endswith((":", '"""', "'''")) and depth >= len(indent_of(above))
    return opens and len(indent_of(below)) < max(depth, 1)
