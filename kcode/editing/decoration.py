"""Copied decoration: line numbers, code fences, diff columns, the next argument swallowed by the old text."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from kcode.editing.escapes import breaks_in_strings
from kcode.editing.readings import Reading

_NUMBERED = {
    "tab": re.compile(r"^\s*(\d{1,7})\t(.*)$"),
    "arrow": re.compile(r"^\s*(\d{1,7})[\u2192\u21e5](.*)$"),
    "pipe": re.compile(r"^\s*(\d{1,7}) ?[|\u2502](.*)$"),
    "colon": re.compile(r"^\s*(\d{1,7})[:-](.*)$"),
}
_NUMBER_ALONE = re.compile(r"^\s*(\d{1,7})\s*[\u2192\u21e5|\u2502:-]?\s*$")
_FENCE = re.compile(r"^\s*(```|~~~)[\w+.#-]*\s*$")
_NEXT = "(?:new_string|new_str|new_text|newText|newString|new)"
_SWALLOWED = (
    re.compile(rf'^(?P<old>.*?)"\s*,\s*"{_NEXT}"\s*:\s*"(?P<new>.*)$', re.DOTALL),
    re.compile(rf'^(?P<old>.*?)\\"\s*,\s*\\"{_NEXT}\\"\s*:\s*\\"(?P<new>.*)$', re.DOTALL),
)


def undecorated(typed: Reading, *, swallowed: bool = True) -> Iterator[Reading]:
    """Read the text without line numbers, fences, diff columns or a swallowed argument.

    Args:
        typed: the text as typed.
        swallowed: look for a swallowed argument too.
    """
    for pattern in _SWALLOWED if swallowed else ():
        bled = pattern.match(typed.old)
        if bled and _same_argument(bled["new"], typed.new) and _told(bled["old"], typed.new, pattern):
            note = "the new text removed from the end of the old"
            yield replace(typed, old=bled["old"], kind="decoration", note=note)
    yield from _without_numbers(typed)
    yield from _without_fence(typed)
    yield from _without_columns(typed)


def _same_argument(swallowed: str, new: str) -> bool:
    forms = {new, new.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")}
    return any(swallowed.rstrip('"}\n ') == form.rstrip('"}\n ') for form in forms) and bool(new.strip())


def _told(old: str, new: str, pattern: re.Pattern[str]) -> bool:
    """Where the quotes came escaped, new may be escaped too; only an old with escapes of its own can tell."""
    return "\\" in old or (breaks_in_strings(new) and (pattern is _SWALLOWED[0] or "\\" not in new))


def _without_numbers(typed: Reading) -> Iterator[Reading]:
    lines = typed.old.strip("\n").split("\n")
    last = [""] if typed.old.endswith("\n") else []
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
        cuts = (1, 0) if name in {"pipe", "colon"} and _all_spaced(bodies) else (0,)
        readings = [
            replace(
                typed,
                old="\n".join([*(body[cut:] for body in bodies), *last]),
                new="\n".join(body[cut:] if was else body for body, was in new),
                kind="decoration",
                note="line numbers removed",
                whole_lines=True,
                line=None if certain else numbers[0],
            )
            for cut in cuts
        ]
        # Whether a blank after the mark belongs to the line shows in the lines that new repeats.
        yield from sorted(readings, key=_unlike)
        return


def _unlike(reading: Reading) -> int:
    return -len(set(reading.old.split("\n")) & set(reading.new.split("\n")) - {""})


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
