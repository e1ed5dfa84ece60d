"""Other readings of what the model typed: copied decoration removed, transport escapes undone."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import Literal

_NUMBERED = {
    "tab": re.compile(r"^\s*(\d{1,7})\t(.*)$"),
    "arrow": re.compile(r"^\s*(\d{1,7})[\u2192\u21e5](.*)$"),
    "pipe": re.compile(r"^\s*(\d{1,7}) ?[|\u2502](.*)$"),
    "colon": re.compile(r"^\s*(\d{1,7})[:-](.*)$"),
}
_NUMBER_ALONE = re.compile(r"^\s*(\d{1,7})\s*[\u2192\u21e5|\u2502:-]?\s*$")
_FENCE = re.compile(r"^\s*(```|~~~)[\w+.#-]*\s*$")
_BLEED = re.compile(
    r'^(?P<old>.*?)\\?"\s*,\s*\\?"(?:new_string|new_str|new_text|newText|newString|new)\\?"\s*:\s*\\?"(?P<new>.*)$',
    re.DOTALL,
)

_ENTITY = re.compile(r"&(lt|gt|amp|quot|apos|nbsp|#39|#34|#x27|#x22);")
_ENTITIES = {
    "lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'", "nbsp": "\u00a0",
    "#39": "'", "#34": '"', "#x27": "'", "#x22": '"',
}  # fmt: skip
_PAIR = re.compile(r"\\(r\\n|u[0-9a-fA-F]{4}|.)", re.DOTALL)
_PLAIN = {"n": "\n", "t": "\t", '"': '"', "'": "'", "`": "`", "\\": "\\", "/": "/"}
_APOSTROPHE = re.compile(r"(?<=\w)'(?=\w)")


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read what was typed.

    Attributes:
        old: the text to look for.
        new: the text to write.
        kind: the step of the ladder that it belongs to.
        note: what was undone, in plain words.
        whole_lines: whether it may only stand for whole lines.
        line: the 1-based line at which it must start, where its line numbers are the only evidence.
    """

    old: str
    new: str
    kind: Literal["exact", "decoration", "escapes"] = "exact"
    note: str = ""
    whole_lines: bool = False
    line: int | None = None


def undecorated(typed: Reading) -> Iterator[Reading]:
    """Read the text without line numbers, fences, diff columns or a swallowed argument."""
    bled = _BLEED.match(typed.old)
    if bled and _same_argument(bled["new"], typed.new):
        yield replace(
            typed, old=bled["old"], kind="decoration", note="the new text removed from the end of the old"
        )
    yield from _without_numbers(typed)
    yield from _without_fence(typed)
    yield from _without_columns(typed)


def _same_argument(swallowed: str, new: str) -> bool:
    forms = {new, new.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")}
    return any(swallowed.rstrip('"}\n ') == form.rstrip('"}\n ') for form in forms) and bool(new.strip())


def _without_numbers(typed: Reading) -> Iterator[Reading]:
    lines = typed.old.split("\n")
    last = [lines.pop()] if len(lines) > 1 and not lines[-1] else []
    for name, pattern in _NUMBERED.items():
        numbers, bodies = _numbered(lines, pattern)
        if not numbers or any(b - a != 1 for a, b in pairwise(numbers)):
            continue
        new = _new_without_numbers(
            typed.new, set(lines), pattern, (numbers[0], numbers[-1]), weak=name == "colon"
        )
        if new is None:
            continue
        certain = name != "colon" and len(numbers) > 1
        for cut in (1, 0) if name in {"pipe", "colon"} and _all_spaced(bodies) else (0,):
            yield replace(
                typed,
                old="\n".join([*(body[cut:] for body in bodies), *last]),
                new="\n".join(body[cut:] if was else body for body, was in new),
                kind="decoration",
                note="line numbers removed",
                whole_lines=True,
                line=None if certain else numbers[0],
            )
        return


def _all_spaced(bodies: Sequence[str]) -> bool:
    return all(body.startswith(" ") for body in bodies if body)


def _numbered(lines: Sequence[str], pattern: re.Pattern[str]) -> tuple[list[int], list[str]]:
    numbers: list[int] = []
    bodies: list[str] = []
    seen = False
    for line in lines:
        found = pattern.match(line)
        seen = seen or found is not None
        alone = None if found else _NUMBER_ALONE.match(line)
        if not found and not alone:
            return [], []
        numbers.append(int((found or alone or [0, 0])[1]))
        bodies.append(found[2] if found else "")
    return (numbers, bodies) if seen else ([], [])


def _new_without_numbers(
    new: str, old: set[str], pattern: re.Pattern[str], span: tuple[int, int], *, weak: bool
) -> list[tuple[str, bool]] | None:
    """Strip the numbers that new has too; None where it is unclear which lines carry one."""
    lines = new.split("\n")
    found = [pattern.match(line) for line in lines]
    carrying = [bool(f) for f in found]
    solid = [has for has, line in zip(carrying, lines, strict=True) if line.strip()]
    if not any(solid):
        return [(line, False) for line in lines]
    whole = all(
        has or not line.strip() or _NUMBER_ALONE.match(line)
        for has, line in zip(carrying, lines, strict=True)
    )
    out: list[tuple[str, bool]] = []
    for line, hit in zip(lines, found, strict=True):
        if hit and not whole and line not in old:
            near = span[0] <= int(hit[1]) <= span[1] + len(lines)
            if weak or not near:
                return None
        alone = whole and not hit and _NUMBER_ALONE.match(line)
        out.append((hit[2], True) if hit else ("" if alone else line, False))
    return out


def _without_fence(typed: Reading) -> Iterator[Reading]:
    old, new = _unfence(typed.old), _unfence(typed.new)
    if old is not None:
        yield replace(
            typed,
            old=old,
            new=typed.new if new is None else new,
            kind="decoration",
            note="code fence removed",
        )


def _unfence(text: str) -> str | None:
    lines = text.strip("\n").split("\n")
    if len(lines) < 3:
        return None
    opens, closes = _FENCE.match(lines[0]), _FENCE.match(lines[-1])
    if opens and closes and lines[-1].strip() == opens[1]:
        return "\n".join(lines[1:-1])
    return None


def _without_columns(typed: Reading) -> Iterator[Reading]:
    old = _uncolumn(typed.old, "-")
    new = _uncolumn(typed.new, "+") if typed.new.strip() else typed.new
    if old is not None and new is not None:
        yield replace(
            typed, old=old, new=new, kind="decoration", note="diff columns removed", whole_lines=True
        )


def _uncolumn(text: str, mark: str) -> str | None:
    lines = text.split("\n")
    if not any(line.startswith(mark) for line in lines):
        return None
    if any(line and line[0] not in {mark, " "} for line in lines):
        return None
    return "\n".join(line[1:] for line in lines)


def unescaped(typed: Reading) -> Iterator[Reading]:
    """Read the text with transport escapes undone, the fullest reading first."""
    yield from _without_entities(typed)
    kinds = _kinds(typed.old)
    for size in range(len(kinds), 0, -1):
        for chosen in combinations(sorted(kinds), size):
            new = _unescape_like(typed.old, typed.new, set(chosen))
            if new is not None:
                yield replace(
                    typed,
                    old=_unescape(typed.old, set(chosen)),
                    new=new,
                    kind="escapes",
                    note="backslash escapes undone",
                )
    if not typed.old.isascii():
        for form in ("\\u{:04x}", "\\u{:04X}"):
            yield replace(
                typed,
                old=_escape_letters(typed.old, form),
                new=_escape_letters(typed.new, form),
                kind="escapes",
                note="letters written as the file's \\u escapes",
            )


def _without_entities(typed: Reading) -> Iterator[Reading]:
    present = set(_ENTITY.findall(typed.old))
    for chosen in (present, present & {"lt", "gt"}, present - {"amp"}):
        if not chosen:
            continue
        marks = {_ENTITIES[name] for name in chosen}
        fresh = any(m in typed.new for m in marks) and not any(m in typed.old for m in marks - {"&"})
        clean = fresh and not _ENTITY.search(typed.new)
        yield replace(
            typed,
            old=_decode(typed.old, chosen),
            new=typed.new if clean else _decode(typed.new, chosen),
            kind="escapes",
            note="HTML entities decoded",
        )
        if chosen == present and len(present) == 1:
            return


def _decode(text: str, names: set[str]) -> str:
    return _ENTITY.sub(lambda m: _ENTITIES[m[1]] if m[1] in names else m[0], text)


def _kinds(text: str) -> set[str]:
    found = {_kind(pair) for pair in _PAIR.findall(text)}
    return {kind for kind in found if kind == "u" or kind in _PLAIN}


def _kind(pair: str) -> str:
    if pair == "r\\n":
        return "n"
    return "" if pair == "u" else pair[0]


def _unescape(text: str, kinds: set[str]) -> str:
    return _PAIR.sub(lambda m: _plain(m[1], m[0], kinds), text)


def _plain(pair: str, whole: str, kinds: set[str]) -> str:
    kind = _kind(pair)
    if kind not in kinds:
        return whole
    if kind == "u":
        letter = chr(int(pair[1:], 16))
        return whole if letter.isspace() or not letter.isprintable() else letter
    return _PLAIN[kind]


def _unescape_like(old: str, new: str, kinds: set[str]) -> str | None:
    """Undo in `new` what was undone in `old`; None where it is unclear what `new` means.

    A kind that `new` also has unescaped, and `old` only escaped, was not escaped by the transport in `new`.
    """
    bare = {
        kind
        for kind in kinds - {"u", "\\", "/"}
        if _PLAIN[kind] in _PAIR.sub("", new) and _PLAIN[kind] not in _PAIR.sub("", old)
    }
    found = {_kind(pair) for pair in _PAIR.findall(new)}
    if bare & found:
        return None
    if "\\" not in kinds and "\\" in found and found & kinds and "\\\\\\" in new:
        return None
    plain = _unescape(new, kinds - bare)
    if "n" in kinds - bare and _breaks_string(old, new):
        return None
    return plain


def _breaks_string(old: str, new: str) -> bool:
    r"""Tell whether a `\n` that only `new` has stands inside quotes, where it is more likely meant as typed."""
    known = set(old.split("\\n"))
    pieces = new.split("\\n")
    return any(
        piece not in known and _open_quote(_PAIR.sub("", piece.split("\n")[-1])) for piece in pieces[:-1]
    )


def _open_quote(line: str) -> bool:
    inside = ""
    for mark in _APOSTROPHE.sub("", line):
        if inside:
            inside = "" if mark == inside else inside
        elif mark in "\"'`":
            inside = mark
    return bool(inside)


def _escape_letters(text: str, form: str) -> str:
    return "".join(c if c.isascii() or ord(c) > 0xFFFF else form.format(ord(c)) for c in text)
