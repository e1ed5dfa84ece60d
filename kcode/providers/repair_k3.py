"""Calls read from K3's markup.

Its end tags are what completes it: without one a value may be cut, and between two it may be anything.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kcode.arguments import canonical
from kcode.arguments.tolerant import Reader, UnreadableError
from kcode.providers.repair_tokens import is_partial, without_partial

_ARGUMENT_OPEN = re.compile(r"<\|open\|>\s*argument\b(.*?)<\|sep\|>", re.DOTALL)
_ARGUMENT_CLOSE = re.compile(r"<\|close\|>\s*argument\s*<\|sep\|>")
_CALL_CLOSE = re.compile(r"<\|close\|>\s*call\s*<\|sep\|>")
_CALL_OVER = re.compile(r"<\|open\|>\s*call\b|<\|close\|>\s*(?:tools|message)\b")
_TAG_WITHIN = re.compile(r"<\|open\|>\s*(?:argument|call)\b|<\|close\|>\s*(?:call|tools)\s*<\|sep\|>")
_CALL_OPEN = re.compile(r"<\|open\|>\s*call\b(.*?)<\|sep\|>", re.DOTALL)
_TOOLS_CLOSE = re.compile(r"<\|close\|>\s*tools\s*<\|sep\|>")
_LOOSE_TOKEN = re.compile(r"<\|(?!open\b|close\b)[a-z_]+\|>")
_ATTRIBUTE = re.compile(r"""([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'<>]+))""")


def read_tag(text: str) -> tuple[str, dict[str, str]]:
    """Return the name and the attributes of a K3 tag, from what stands between its tokens."""
    name = text.split(maxsplit=1)[0] if text.strip() else ""
    found = {key: double or single or bare for key, double, single, bare in _ATTRIBUTE.findall(text)}
    return name, {key: _unescaped(value) for key, value in found.items()}


def tool_of(attributes: Mapping[str, str]) -> str:
    """Return which tool a K3 call names."""
    return next((attributes[key] for key in ("tool", "name", "function") if key in attributes), "")


def _unescaped(text: str) -> str:
    for entity, char in (("&quot;", '"'), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        text = text.replace(entity, char)
    return text


@dataclass(frozen=True, slots=True)
class K3Call:
    """A K3 call's arguments as JSON text, and where reading goes on.

    Without its end tags a call is left without the end of its JSON; `doubtful` names the tools of calls that
    stand where nobody can say whether they are calls or the text of an argument.
    """

    arguments: str
    end: int
    doubtful: tuple[str, ...] = ()


def read_k3_call(text: str, at: int, *, final: bool) -> K3Call | None:
    """Read a K3 call from behind its opening tag; None if more text is needed."""
    found: dict[str, Any] = {}
    wrong = ""
    while True:
        while at < len(text) and text[at].isspace():
            at += 1
        argument = _ARGUMENT_OPEN.match(text, at)
        if argument is None:
            over = _after_arguments(text, at, found, wrong, final=final)
            if not isinstance(over, tuple):
                return over
            at, wrong = over
            continue
        close = _ARGUMENT_CLOSE.search(text, argument.end())
        within = _TAG_WITHIN.search(text, argument.end(), close.start()) if close else None
        if close is None or within is not None:
            if not final:
                return None
            return (
                _cut(found, argument, text)
                if within is None
                else _doubtful(found, argument, text, within.start())
            )
        key, value = _argument(argument, text[argument.end() : close.start()])
        wrong = wrong or (key if found.get(key, value) != value else "")
        found[key] = value
        at = close.end()


def _after_arguments(
    text: str, at: int, found: dict[str, Any], wrong: str, *, final: bool
) -> K3Call | tuple[int, str] | None:
    """Read what stands where an argument could: the call's end, or something wrong and where it ends."""
    close = _CALL_CLOSE.match(text, at)
    if close is not None:
        return K3Call(_written(found, wrong), close.end())
    if _CALL_OVER.match(text, at):
        return K3Call(_written(found, wrong, ended=False), at)
    close = _CALL_CLOSE.search(text, at)
    if close is not None and not found and text[at] == "{":
        return K3Call(text[at : close.start()].strip(), close.end())
    loose = _LOOSE_TOKEN.match(text, at)
    if loose is not None:
        return loose.end(), wrong
    onward = text.find("<|", at + 1)
    if not final and (onward < 0 or is_partial(text[onward:])):
        return None
    if onward < 0:
        return K3Call(_written(found, wrong, ended=False), len(text))
    return onward, wrong or text[at:onward].strip()


def _written(found: dict[str, Any], wrong: str, *, ended: bool = True) -> str:
    """Write arguments; unreadable where something stood between them, without their end if they had none."""
    text = canonical(found)
    if wrong:
        return f"{text[:-1]} <{wrong}"
    return text if ended else text[:-1]


def _argument(tag: re.Match[str], raw: str) -> tuple[str, Any]:
    _, attributes = read_tag(f"argument {tag.group(1)}")
    key = attributes.get("key") or attributes.get("name") or ""
    if attributes.get("type", "string") == "string":
        return key, raw
    reader = Reader(raw.strip())
    try:
        value = reader.value()
    except UnreadableError:
        return key, raw
    return key, value if reader.position == len(raw.strip()) else raw


def _cut(found: dict[str, Any], tag: re.Match[str], text: str, end: int | None = None) -> K3Call:
    """Write a call that ends within an argument as JSON that ends within a string, so that nothing completes it."""
    key, value = _argument(tag, without_partial(text[tag.end() : end]))
    return K3Call(canonical({**found, key: value if isinstance(value, str) else ""})[:-2], len(text))


def _doubtful(found: dict[str, Any], tag: re.Match[str], text: str, within: int) -> K3Call:
    """Refuse a call in whose argument tags stand: its end was lost, or it quotes markup, and its value is not known.

    So do the calls after it: they may be part of what is quoted.
    """
    arguments = _cut(found, tag, text, within).arguments
    ends = [close.end() for close in _TOOLS_CLOSE.finditer(text, within)]
    end = ends[-1] if ends else len(text)
    others = (read_tag(f"call {call.group(1)}")[1] for call in _CALL_OPEN.finditer(text, within, end))
    return K3Call(arguments, end, tuple(tool_of(attributes) for attributes in others))
